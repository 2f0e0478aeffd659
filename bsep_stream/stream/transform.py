"""From samples to bins and back in memory that is allocated once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Analysis:
    """Spectra of windowed frames.

    Parameters
    ----------
    window : ndarray, shape (m,), float32
    n_fft : int
        Length of the transform, at least ``m``: zeros follow.
    channels : int

    Attributes
    ----------
    spectra : ndarray, shape (channels, n_fft // 2 + 1), complex64
        Of the last frame; the phase is that at its first sample.
    """

    def __init__(self, window: NDArray[np.float32], n_fft: int, channels: int) -> None:
        # numpy transforms single precision as such only where it has a factor to multiply by: 1 / n_fft, undone here.
        self._window = window * np.float32(n_fft)
        self._frame = np.zeros((channels, n_fft), dtype=np.float32)
        self.spectra: NDArray[np.complex64] = np.zeros((channels, n_fft // 2 + 1), dtype=np.complex64)

    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.complex64]:
        """Spectra of samples (channels, m), valid until the next call."""
        for frame, channel in zip(self._frame, samples, strict=True):  # numpy needs memory of its own to broadcast
            np.multiply(channel, self._window, out=frame[: len(self._window)])
        np.fft.rfft(self._frame, norm="forward", out=self.spectra)  # type: ignore[arg-type]  # stubs: double only
        return self.spectra


class Synthesis:
    """The end of frames whose spectra are given, times a window.

    Parameters
    ----------
    window : ndarray, shape (m,), float32
    n_fft : int
    shape : tuple of int
        Of the spectra, but for their bins.
    """

    def __init__(self, window: NDArray[np.float32], n_fft: int, shape: tuple[int, ...]) -> None:
        self._window = window
        self._frame = np.zeros((*shape, n_fft), dtype=np.float32)

    def __call__(self, spectra: NDArray[np.complex64]) -> NDArray[np.float32]:
        """Samples (*shape, m), valid until the next call; bins that are not given are 0."""
        np.fft.irfft(spectra, n=self._frame.shape[-1], out=self._frame)  # type: ignore[arg-type]
        end = self._frame[..., -len(self._window) :]
        for row in self._frame.reshape(-1, self._frame.shape[-1]):
            row[-len(self._window) :] *= self._window
        return end
