"""Gains that move without a click."""

from __future__ import annotations

from math import isnan

import numpy as np
from numpy.typing import NDArray

from bsep_stream.errors import ConfigError
from bsep_stream.words import HIGHEST_GAIN_DB

RAMP_SECONDS = 0.01
"""A fader reaches its new gain in this time: a step would click."""

Audio = NDArray[np.float32]


class Fader:
    """A gain that moves in a straight line, sample by sample, whatever the blocks.

    Parameters
    ----------
    gain : float
        Factor at the start.
    ramp_samples : int
        Length of a move.
    """

    def __init__(self, gain: float, ramp_samples: int) -> None:
        self._start = self._target = np.float32(gain)
        self._steps = np.arange(1, ramp_samples + 1, dtype=np.float32) / np.float32(ramp_samples)
        self._curve = np.full(ramp_samples, gain, dtype=np.float32)
        self._at = ramp_samples  # samples of the curve that are used up

    def move_to(self, gain: float) -> None:
        """Begin a move to another factor with the next sample, from wherever the fader is."""
        now = self._curve[self._at - 1] if self._at > 0 else self._start
        self._start, self._target, self._at = now, np.float32(gain), 0
        self._curve[:] = now + (self._target - now) * self._steps
        self._curve[-1] = self._target  # exactly, so that 0 is silence

    def apply(self, block: Audio) -> Audio:
        """The block, shape (channels, n), times the gain; the block itself where that is 1."""
        rest = self._curve[self._at : self._at + block.shape[1]]
        if not rest.size:
            return block if self._target == 1.0 else block * self._target
        out = block * self._target
        out[:, : rest.size] = block[:, : rest.size] * rest
        self._at += rest.size
        return out

    def reset(self) -> None:
        """Arrive at once."""
        self._curve[:] = self._target
        self._at = self._curve.size


def amplitude(gain_db: float, name: str) -> float:
    """Factor for a level in dB; ``-inf`` is 0. ConfigError above ``HIGHEST_GAIN_DB``."""
    if isnan(gain_db) or gain_db > HIGHEST_GAIN_DB:
        raise ConfigError(f"the gain of {name} must be at most {HIGHEST_GAIN_DB:g} dB, got {gain_db:g}")
    return float(10.0 ** (gain_db / 20.0))
