"""The last thing before the device: nothing that is not finite or beyond full scale gets out, and it says so."""

from __future__ import annotations

import numpy as np

from bsep_stream.live.engine.counters import Counters
from bsep_stream.live.engine.history import Audio

RELEASE_DB_PER_SECOND = 20.0
"""How fast the level comes back after a peak."""


class Limiter:
    """Holds the output within full scale: instant attack, linear release in dB, no latency.

    Samples within full scale pass bit for bit, unless a peak has just been limited.

    Parameters
    ----------
    sample_rate : int
        Hz.
    counters : Counters
        ``limited_samples`` and ``bad_output_samples`` are counted there.
    """

    def __init__(self, sample_rate: int, counters: Counters) -> None:
        self._release = RELEASE_DB_PER_SECOND / 20.0 * np.log(10.0) / sample_rate  # nepers per sample
        self._counters = counters
        self._log_gain = 0.0

    def apply(self, block: Audio) -> None:
        """Limit a block, shape (channels, n), in place."""
        if not block.shape[1]:
            return
        highest, lowest = block.max(), block.min()  # both carry NaN along
        self._counters.output_peak = max(self._counters.output_peak, float(highest), -float(lowest))
        if highest <= 1.0 and lowest >= -1.0 and self._log_gain == 0.0:
            return
        self._limit(block)

    def _limit(self, block: Audio) -> None:
        bad = ~np.isfinite(block)
        if bad.any():
            self._counters.bad_output_samples += int(bad.sum())
            block[bad] = 0.0
        wanted = np.minimum(0.0, -np.log(np.maximum(np.abs(block).max(axis=0), 1e-9, dtype=np.float64)))
        # gain[n] = min(wanted[n], gain[n - 1] + release, 0): a running minimum once the slope is taken off.
        slope = self._release * np.arange(1, wanted.size + 1)
        log_gain = np.minimum(np.minimum.accumulate(np.minimum(wanted, 0.0) - slope), self._log_gain) + slope
        np.minimum(log_gain, 0.0, out=log_gain)
        self._counters.limited_samples += int(np.count_nonzero(log_gain < 0.0))
        self._log_gain = float(log_gain[-1])
        block *= np.exp(log_gain).astype(np.float32)
        np.clip(block, -1.0, 1.0, out=block)  # a rounding above full scale
