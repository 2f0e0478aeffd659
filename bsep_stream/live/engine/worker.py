"""The worker: takes the input in chunks, separates, mixes, writes by position. It never dies and never waits."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

from bsep_stream.effects.fader import RAMP_SECONDS, Fader
from bsep_stream.effects.stemmixer import Separator
from bsep_stream.live.engine.counters import Counters
from bsep_stream.live.engine.history import Audio, History
from bsep_stream.live.engine.latency import Delay
from bsep_stream.live.engine.rackline import RackLine


class Worker:
    """From the input's history to the wet history, a chunk of at most a hop at a time.

    Parameters
    ----------
    separator : Separator
    rack : RackLine
    dry, wet : History
        What it reads and what it writes.
    stems : History or None
        Where the stems go when they are recorded, one row per stem and channel.
    delay : Delay
    counters : Counters
    hop_samples : int
        Time from one step of the network to the next in samples of the stream, rounded up.
    preroll_samples : int
        So long after a new start the separator still misses what came before.
    hop_grid : int
        New starts are at multiples of this: then what comes out is what would have come out without.
    clock : callable
        Seconds.
    """

    def __init__(
        self,
        separator: Separator,
        rack: RackLine,
        dry: History,
        wet: History,
        stems: History | None,
        delay: Delay,
        counters: Counters,
        *,
        hop_samples: int,
        preroll_samples: int,
        hop_grid: int,
        clock: Callable[[], float],
    ) -> None:
        self._separator = separator
        self._rack = rack
        self._dry, self._wet, self._stems = dry, wet, stems
        self._delay = delay
        self._counters = counters
        self._hop, self._preroll, self._grid = hop_samples, preroll_samples, hop_grid
        self._clock = clock
        self.commands: deque[Callable[[], None]] = deque()
        """Called by the worker before its next chunk: how other threads change what only it may touch."""
        channels = separator.channels
        self._chunk: Audio = np.zeros((channels, hop_samples), dtype=np.float32)
        self._mix: Audio = np.zeros((channels, hop_samples), dtype=np.float32)
        self._clean: Audio = np.zeros((channels, hop_samples), dtype=np.float32)
        ramp = max(1, round(RAMP_SECONDS * separator.sample_rate))
        self._wet_fader, self._dry_fader = Fader(1.0, ramp), Fader(0.0, ramp)
        self._fed = dry.end
        self._valid_from = wet.end
        self._stems_valid_from = -separator.latency_samples
        self._hop_fill = 0
        self._hop_seconds = 0.0
        self._hop_late = False
        self.due = wet.end
        """Position that the output will ask for next; written by the audio callback."""

    @property
    def fed(self) -> int:
        """Position of the input up to which it was separated."""
        return self._fed

    def move_dry_wet(self, wet: float) -> None:
        """Begin a move to another share of the separated sound, 0 to 1."""
        self._wet_fader.move_to(wet)
        self._dry_fader.move_to(1.0 - wet)

    def step(self) -> bool:
        """One chunk; False if there was nothing to do."""
        while self.commands:
            self.commands.popleft()()
        waiting = self._dry.end - self._fed
        if waiting <= 0:
            return False
        if waiting > self._preroll + self._delay.samples:
            self._give_up_what_waits()
        n = min(self._hop - self._hop_fill, self._dry.end - self._fed)
        chunk = self._chunk[:, :n]
        if not self._dry.read(self._fed, chunk):
            self._give_up_what_waits()
            return True
        begin = self._clock()
        try:
            stems = self._separator.process(chunk)
        except Exception as error:  # the music goes on, dry, while the model fails
            self._counters.model_errors += 1
            self._counters.report("model", self._fed, n, f"the model failed: {error}")
            self._start_at(self._fed + n)
            return True
        self._fed += n
        self._keep(stems)
        lost_before = self._rack.process(stems)
        if lost_before >= 0:
            # A hole, so that the output bridges and returns: the effects break off in the middle of a sound.
            self._valid_from = max(self._valid_from, lost_before + self._hop)
        self._hop_late |= self.due > self._wet.end  # what comes now was asked for before
        self._write()
        self._count(n, self._clock() - begin)
        return True

    def _give_up_what_waits(self) -> None:
        """Go on near the present, early enough for the separator to know what it needs of the past."""
        target = (self._dry.end - self._preroll) // self._grid * self._grid
        skipped = max(target - self._fed, 0)
        self._counters.overruns += 1
        self._counters.dropped_samples += skipped
        self._counters.report("overrun", self._fed, skipped, "too far behind: the newest sound comes first")
        self._start_at(target)

    def _start_at(self, position: int) -> None:
        self._separator.reset()
        first = position - self._separator.latency_samples  # of the stems that come out next
        self._rack.restart(first)
        self._fed = position
        self._valid_from = self._stems_valid_from = position + self._preroll
        self._hop_fill, self._hop_seconds, self._hop_late = 0, 0.0, False

    def _keep(self, stems: Audio) -> None:
        """Write the stems for the recorder."""
        if self._stems is None:
            return
        n = stems.shape[2]
        first = self._fed - n - self._separator.latency_samples
        if first < self._stems_valid_from:
            return
        if first != self._stems.end:
            self._stems.leave_hole(first)
        self._stems.write(stems.reshape(-1, n))

    def _write(self) -> None:
        """Mix the dry sound in and write what is ready."""
        while self._rack.ready:
            n = min(self._rack.ready, self._hop)
            position = self._rack.position
            mix, clean = self._mix[:, :n], self._clean[:, :n]
            self._rack.pop(mix)
            if not self._dry.read(position, clean):
                clean[...] = 0.0
            wet = self._wet_fader.apply(mix)
            dry = self._dry_fader.apply(clean)
            if position < self._valid_from:
                continue
            np.add(wet, dry, out=mix)
            if position != self._wet.end:
                self._wet.leave_hole(position)
            self._wet.write(mix)
        self._rack.publish()

    def _count(self, n: int, seconds: float) -> None:
        self._hop_fill += n
        self._hop_seconds += seconds
        if self._hop_fill < self._hop:
            return
        self._counters.add_hop(self._hop_seconds)
        if self._hop_late:
            self._counters.late_hops += 1
        self._hop_fill, self._hop_seconds, self._hop_late = 0, 0.0, False
