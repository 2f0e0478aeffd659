"""Changing from one signal to another without a click, also when the first has just ended."""

from __future__ import annotations

import numpy as np

from bsep_stream.effects.fader import RAMP_SECONDS
from bsep_stream.live.engine.history import Audio


class Splice:
    """Joins signals: what is heard moves from the old to the new one within ``RAMP_SECONDS``.

    A crossfade needs the old signal a little longer, and after a dropout there is none. So its distance from
    the new one at the seam is kept and faded out instead: ``new + (old - new at the seam) * fade``. The first step
    over the seam is then that of the new signal itself, plus at most ``pi / (2 * ramp)`` of that distance.

    Parameters
    ----------
    channels : int
    sample_rate : int
        Hz.
    """

    def __init__(self, channels: int, sample_rate: int) -> None:
        ramp = max(2, round(RAMP_SECONDS * sample_rate))
        phase = np.pi * np.arange(1, ramp + 1) / ramp
        self._fade = (0.5 + 0.5 * np.cos(phase)).astype(np.float32)
        self._at = ramp
        self._distance: Audio = np.zeros((channels, 1), dtype=np.float32)
        self._scratch: Audio = np.zeros((channels, ramp), dtype=np.float32)
        self.last: Audio = np.zeros((channels, 1), dtype=np.float32)
        """The last sample that was heard."""

    @property
    def ramp_samples(self) -> int:
        """Length of a transition."""
        return self._fade.size

    @property
    def busy(self) -> bool:
        """Whether a transition is under way: what is heard is not yet the new signal alone."""
        return self._at < self._fade.size

    def cut(self, before: Audio) -> None:
        """The next sample is of another signal.

        Parameters
        ----------
        before : ndarray, shape (channels, 1), float32
            The sample of the new signal that comes before it.
        """
        np.subtract(self.last, before, out=self._distance)
        self._at = 0

    def apply(self, block: Audio) -> None:
        """Make a block of the signal, shape (channels, n), what is heard, in place."""
        if not block.shape[1]:
            return
        rest = self._fade[self._at : self._at + block.shape[1]]
        if rest.size:
            moved = np.multiply(self._distance, rest, out=self._scratch[:, : rest.size])
            block[:, : rest.size] += moved
            self._at += rest.size
        self.last[:] = block[:, -1:]
