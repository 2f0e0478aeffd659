"""Spectra of excerpts, to be looked at."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


def hann_spectra(segments: Iterable[NDArray[np.float32]], n_segments: int, n_fft: int) -> NDArray[np.complex64]:
    """Spectra of segments under a Hann window; a sinusoid of amplitude 1 has the modulus 1.

    Parameters
    ----------
    segments : iterable of ndarray, shape (n_fft,), float32
    n_segments, n_fft : int

    Returns
    -------
    ndarray, shape (n_segments, n_fft // 2 + 1), complex64
    """
    window = np.hanning(n_fft).astype(np.float32)
    window *= 2.0 / window.sum()
    spectra = np.empty((n_segments, n_fft // 2 + 1), dtype=np.complex64)
    for i, segment in enumerate(segments):
        spectra[i] = np.fft.rfft(segment * window)
    return spectra
