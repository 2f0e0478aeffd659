"""The output half of the audio callback: copies what is ready, and bridges what is not."""

from __future__ import annotations

import numpy as np

from bsep_stream.live.engine.counters import Counters
from bsep_stream.live.engine.history import Audio, History
from bsep_stream.live.engine.latency import CushionPolicy, Delay
from bsep_stream.live.engine.limiter import Limiter
from bsep_stream.live.engine.splice import Splice


class Playback:
    """Reads the separated sound by position, and where it is missing the dry sound of the same position.

    Parameters
    ----------
    dry, wet : History
        Input, and what the worker made of it.
    delay : Delay
    policy : CushionPolicy
    splice : Splice
    limiter : Limiter
    counters : Counters
    largest_block : int
        Longer blocks are given in pieces.
    """

    def __init__(
        self,
        dry: History,
        wet: History,
        delay: Delay,
        policy: CushionPolicy,
        splice: Splice,
        limiter: Limiter,
        counters: Counters,
        largest_block: int,
    ) -> None:
        self._dry = dry
        self._wet = wet
        self._delay = delay
        self._policy = policy
        self._splice = splice
        self._limiter = limiter
        self._counters = counters
        self._largest_block = largest_block
        self._before: Audio = np.zeros((len(splice.last), 1), dtype=np.float32)
        self._next = 0  # position of the next sample if nothing changes
        self.bridging = False
        """Whether the dry signal stands in for the separated one."""
        self.interrupted = False
        self._bridged = 0

    def give(self, position: int, out: Audio) -> None:
        """Fill ``out``, shape (channels, n), any n, with the sound of the positions from ``position`` on."""
        for start in range(0, out.shape[1], self._largest_block):
            piece = out[:, start : start + self._largest_block]
            self._give_piece(position + start, piece)
            self._limiter.apply(piece)

    def pause(self, out: Audio) -> None:
        """Fill ``out`` with silence, because the input does not go on."""
        out[...] = 0.0
        for start in range(0, out.shape[1], self._largest_block):
            piece = out[:, start : start + self._largest_block]
            if not self.interrupted:
                self._before[...] = 0.0
                self._splice.cut(self._before)
                self.interrupted = True
            self._splice.apply(piece)
            self._limiter.apply(piece)

    def interrupt(self) -> None:
        """The device has been silent: what comes next is faded in."""
        self._splice.last[...] = 0.0
        self.interrupted = True

    def _give_piece(self, position: int, out: Audio) -> None:
        n = out.shape[1]
        jumped = position != self._next or self.interrupted
        self._next, self.interrupted = position + n, False
        start, end = self._wet.span
        ready = end - position if start < position else 0  # the sample before is needed, too, for a splice
        missed = False
        if self.bridging and ready >= n + self._enough(n):
            self._stop_bridging(position)
            jumped = True
        n_wet = 0 if self.bridging else min(max(ready, 0), n)
        if n_wet and not self._wet.read(position, out[:, :n_wet]):
            n_wet = 0
        if n_wet:
            if jumped:
                self._cut(self._wet, position)
            self._splice.apply(out[:, :n_wet])
        if n_wet < n:
            missed = not self.bridging
            rest = out[:, n_wet:]
            if not self._dry.read(position + n_wet, rest):
                rest[...] = 0.0
            if missed or jumped:
                self._cut(self._dry, position + n_wet)
            self._splice.apply(rest)
            if missed:
                self._start_bridging(position + n_wet)
            self._bridged += n - n_wet
            self._counters.bridged_samples += n - n_wet
        cushion = self._delay.cushion_samples
        change = self._policy.observe(n, ready - n, missed, cushion)
        if change:
            self.set_cushion(cushion + change)

    def set_cushion(self, samples: int) -> None:
        """Change the latency and say so; the next block is spliced to its new position."""
        before = self._delay.samples
        self._delay.cushion_samples = samples
        self._counters.report("latency", self._next, self._delay.samples - before, "the cushion changed")

    def _enough(self, n: int) -> int:
        """Samples that must be ready beyond a block before a bridge ends: half of the most that there can be."""
        return max(0, (self._delay.cushion_samples - n) // 2)

    def _cut(self, source: History, position: int) -> None:
        if not source.read(position - 1, self._before):
            self._before[...] = 0.0
        self._splice.cut(self._before)

    def _start_bridging(self, position: int) -> None:
        self.bridging = True
        self._bridged = 0
        self._counters.underruns += 1
        self._counters.report("underrun", position, 0, "not ready in time: the dry signal stands in")

    def _stop_bridging(self, position: int) -> None:
        self.bridging = False
        self._counters.report("recovered", position, self._bridged, "separated again")
