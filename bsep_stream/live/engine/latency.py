"""The latency of the live engine: its parts, and when it grows and shrinks."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict

from bsep_stream.stream.ledger import LatencyLedger, LiveLatency

REPEATED_MISSES = 3
REPEATED_WITHIN_SECONDS = 10.0
"""So many misses in so short a time are no accident: the cushion grows by a hop."""

ROOM_SECONDS = 30.0
"""So long a whole hop must have been to spare before the cushion shrinks by one."""

LONGEST_ROOM_SECONDS = 480.0
"""The time is doubled whenever a shrunken cushion turns out too small, up to this."""

MOST_HOPS = 8
"""The cushion grows by at most so many hops: beyond them the machine is too slow."""


class Delay:
    """The latency of the engine as it is now; what changes is written by one thread each.

    Attributes
    ----------
    boards_samples : int
        Written by the worker.
    cushion_samples : int
        Written by the thread of the audio callback.
    """

    def __init__(self, separator: LatencyLedger, boards_samples: int, cushion_samples: int) -> None:
        self.separator = separator
        self.boards_samples = boards_samples
        self.cushion_samples = cushion_samples
        self._separator_samples = separator.total_samples  # a sum over fields is no work for a callback

    @property
    def samples(self) -> int:
        """From the input to the output of the engine."""
        return self._separator_samples + self.boards_samples + self.cushion_samples

    def ledger(self, device_samples: int) -> LiveLatency:
        """All parts."""
        parts = {**asdict(self.separator), "boards_samples": self.boards_samples}
        return LiveLatency(**parts, cushion_samples=self.cushion_samples, device_samples=device_samples)


class CushionPolicy:
    """Decides when the cushion grows or shrinks by one hop.

    Parameters
    ----------
    hop_samples : int
    sample_rate : int
        Hz.
    smallest_samples : int
        Cushion at the start; it never shrinks below.
    """

    def __init__(self, hop_samples: int, sample_rate: int, smallest_samples: int) -> None:
        self._hop = hop_samples
        self._rate = sample_rate
        self._smallest = smallest_samples
        self._largest = smallest_samples + MOST_HOPS * hop_samples
        self._misses: deque[int] = deque(maxlen=REPEATED_MISSES)
        self._room = round(ROOM_SECONDS * sample_rate)
        self._now = 0
        self._since = 0
        self._least_lead: float = float("inf")
        self._shrunk_at: int | None = None

    def observe(self, n: int, lead: int, missed: bool, cushion: int) -> int:
        """Change of the cushion after a block of ``n`` samples: 0, plus or minus a hop.

        Parameters
        ----------
        lead : int
            Samples that were ready beyond the block.
        missed : bool
            Whether a bridge began in this block.
        cushion : int
            As it is now.
        """
        self._now += n
        self._least_lead = min(self._least_lead, lead)
        if missed:
            self._misses.append(self._now)
            self._begin()
            window = REPEATED_WITHIN_SECONDS * self._rate
            repeated = len(self._misses) == REPEATED_MISSES and self._now - self._misses[0] <= window
            if repeated and cushion + self._hop <= self._largest:
                self._misses.clear()
                if self._shrunk_at is not None and self._now - self._shrunk_at <= self._room:
                    self._room = min(2 * self._room, round(LONGEST_ROOM_SECONDS * self._rate))
                return self._hop
        elif self._now - self._since >= self._room:
            spare = self._least_lead
            self._begin()
            if spare >= 1.5 * self._hop and cushion - self._hop >= self._smallest:
                self._shrunk_at = self._now
                return -self._hop
        return 0

    def _begin(self) -> None:
        self._since, self._least_lead = self._now, float("inf")
