"""How loud a stream is, followed slowly, so that a network hears it at the level that it was trained at.

A network hears a take that is 40 dB softer than its training as hardly anything. Near the
training's level nothing is changed, to the bit; farther off, what it hears is moved back to the edge of that.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

SOFTEST_DB, LOUDEST_DB = -15.0, 4.0
"""Between these levels, against that of the training, a stream is taken as it is: networks lose nothing there,"""

MOST_DB = 40.0
"""and by so much, at most, it is raised or lowered."""

_SLOW_SECONDS = 10.0
_FIRST_SECONDS = 0.25  # of sound, before anything is known of it
_SILENCE = 10.0**-6  # power against the loudest frame so far: it says nothing about the level
_LOWEST = 10.0**-10  # power against the training's level: less is the noise of a converter


class LevelFollower:
    """A factor for every frame, from the powers of the frames up to it: causal, and the same however blocks are cut.

    It is quick to become softer and slow to become louder, as powers are averaged.

    Parameters
    ----------
    frame_seconds : float
        Time from one frame to the next.
    """

    def __init__(self, frame_seconds: float) -> None:
        self._first = max(1, round(_FIRST_SECONDS / frame_seconds))
        self._share = min(1.0, frame_seconds / _SLOW_SECONDS)
        self.reset()

    def reset(self) -> None:
        """As if nothing had been heard."""
        self._mean, self._loudest, self._count = 0.0, 0.0, 0

    def factor(self, power: float) -> float:
        """What the next frame is multiplied by.

        Parameters
        ----------
        power : float
            Of the frame; 1 is the level of the training.
        """
        if math.isfinite(power):
            self._take(power)
        if self._count < self._first:
            return 1.0
        above_db = 10.0 * math.log10(self._mean)
        too_much = above_db - max(SOFTEST_DB, min(LOUDEST_DB, above_db))
        if not too_much:
            return 1.0
        return float(10.0 ** (-max(-MOST_DB, min(MOST_DB, too_much)) / 20.0))

    def _take(self, power: float) -> None:
        self._loudest = max(self._loudest * (1.0 - self._share), power)
        if power <= max(_LOWEST, _SILENCE * self._loudest):
            return
        self._count += 1
        self._mean += max(self._share, 1.0 / self._count) * (power - self._mean)


def frame_power(frame: NDArray[np.float32], reference: float) -> float:
    """Power of a frame of real and imaginary parts in a row, against that of sound of RMS 1."""
    return float(np.dot(frame, frame)) / reference


def reference_power(window: NDArray[np.floating], n_fft: int) -> float:
    """Power of a windowed frame of sound of RMS 1, over half of its spectrum."""
    return 0.5 * n_fft * float(np.square(window, dtype=np.float64).sum())
