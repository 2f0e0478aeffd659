"""Which position the output is at when input and output have a callback each, and perhaps a clock each."""

from __future__ import annotations

import numpy as np

from bsep_stream.live.engine.counters import Counters

_WINDOW_SECONDS = 0.5
_TOLERANCE_SECONDS = 0.002


class Pace:
    """Keeps the output a constant time behind the input although their clocks differ.

    The output counts its own samples. Against the count of the input that wanders to and fro by a block, as the
    callbacks take turns, and away with the difference of the clocks. The median over half a second shows the second
    without the first; beyond 2 ms the output jumps (and is spliced): at 200 ppm, every ten seconds.

    Parameters
    ----------
    sample_rate : int
        Hz.
    counters : Counters
    """

    def __init__(self, sample_rate: int, counters: Counters) -> None:
        self._window = round(_WINDOW_SECONDS * sample_rate)
        self._tolerance = round(_TOLERANCE_SECONDS * sample_rate)
        self._counters = counters
        self._ahead = np.zeros(4096, dtype=np.int64)  # input minus output, per block
        self._reference = 0
        self._settled = False
        self._time = self._seen = self._n_ahead = 0
        self._aligned = False

    def restart(self, captured: int) -> None:
        """Stand still until there is more than so many samples of input."""
        self._aligned, self._seen = False, captured

    def advance(self, n: int, captured: int, latency: int) -> int | None:
        """Time, as a position of the input, of the next ``n`` samples of the output.

        Parameters
        ----------
        captured : int
            Samples of the input so far.
        latency : int
            Samples that the output is behind.

        Returns
        -------
        int or None
            None while the input stands still for longer than the latency; time does too.
        """
        if not self._aligned:
            if captured == self._seen:
                return None
            self._time = captured - n - self._reference
            self._aligned = True
            self._n_ahead = 0
        if self._time + n - latency > captured:
            self._aligned, self._seen = False, captured
            return None
        if self._n_ahead < self._ahead.size:
            self._ahead[self._n_ahead] = captured - self._time - n
            self._n_ahead += 1
        if self._n_ahead * n >= self._window:
            self._correct()
        time = self._time
        self._time += n
        return time

    def _correct(self) -> None:
        typical = int(np.median(self._ahead[: self._n_ahead]))
        self._n_ahead = 0
        if not self._settled:
            self._reference, self._settled = typical, True
        elif abs(typical - self._reference) > self._tolerance:
            slip = typical - self._reference
            self._time += slip
            self._counters.slips += 1
            self._counters.report("slip", self._time, slip, "input and output have different clocks")
