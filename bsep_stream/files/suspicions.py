"""What is probably wrong with a recording that was separated, from what went in and what came out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_SILENT = 1e-12  # mean square of a recording that is none
_CANCELLED = 1e-4  # of the power of the channels: what is left of it in their sum
_FOREIGN = 0.2  # of the energy: less than this in the stems of the sources is a sound that they do not make


class Suspicions:
    """Sums up powers while a recording is separated.

    Parameters
    ----------
    n_sources : int
    """

    def __init__(self, n_sources: int) -> None:
        self._n_sources = n_sources
        self._channels = self._mono = self._sources = 0.0
        self._n_samples = 0
        self._n_channels = 1

    def hear(self, block: NDArray[np.float32]) -> None:
        """A block of the recording, shape (channels, n)."""
        self._n_channels = len(block)
        self._n_samples += block.shape[1]
        self._channels += float(np.vdot(block, block)) / len(block)
        mono = block.mean(axis=0)
        self._mono += float(np.vdot(mono, mono))

    def see(self, stems: NDArray[np.float32]) -> None:
        """A block of the stems, shape (n_stems, channels, n), the sources first."""
        for stem in stems[: self._n_sources]:
            self._sources += float(np.vdot(stem, stem)) / max(1, len(stem))

    def remarks(self) -> tuple[str, ...]:
        """What stands behind "RECORDING " in a sentence."""
        if self._channels <= _SILENT * max(1, self._n_samples):
            return ("is silent from beginning to end, and so are its stems: is it the right file?",)
        if self._n_channels > 1 and self._mono < _CANCELLED * self._channels:
            return (
                "has channels that cancel each other in their sum, in which the instruments are looked for: turn the "
                "phase of one of them, and separate again",
            )
        share = self._sources / self._channels
        if share < _FOREIGN:
            return (
                f"is hardly made by the instruments of this model: their stems hold {share:.0%} of its energy; is it "
                "noise, or another recording, or another model?",
            )
        return ()
