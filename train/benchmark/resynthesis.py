"""Sound from spectra: overlap-add of whole recordings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bsep_stream.model.geometry import FrameGeometry

_TINY = 1e-12


def overlap_add(spectra: NDArray[np.complex64], geometry: FrameGeometry, length: int) -> NDArray[np.float32]:
    """Least-squares sum of frames every ``hop_length`` samples, the first centred on sample 0; shape (length,)."""
    window = geometry.window.astype(np.float32)
    total = np.zeros(len(spectra) * geometry.hop_length + geometry.n_fft, np.float32)
    weight = np.zeros_like(total)
    for number, segment in enumerate(geometry.synthesise(spectra)):
        place = slice(number * geometry.hop_length, number * geometry.hop_length + geometry.n_fft)
        total[place] += window * segment
        weight[place] += window**2
    half = geometry.n_fft // 2
    weight = np.maximum(weight, np.float32(_TINY))
    audio: NDArray[np.float32] = total[half : half + length] / weight[half : half + length]
    return audio
