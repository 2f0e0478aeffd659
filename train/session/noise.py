"""The noise of a recording, which is no instrument's breath: it is there when nobody plays, too."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bsep_stream.masks.foreign import NoiseFloor
from bsep_stream.model.geometry import FrameGeometry

_QUIET = 0.05
"""Quantile over the frames: there is as little else between the tones as there ever is."""
_ABOVE_DB = 12.0
"""The power of noise is so far above its minima over frequency and time."""


def without_noise(moduli: NDArray[np.float32], geometry: FrameGeometry) -> NDArray[np.float32]:
    """Frames of a recording without the noise that is always there (spectral subtraction: Boll 1979).

    Parameters
    ----------
    moduli : ndarray, shape (n_frames, n_bins), float32
    geometry : FrameGeometry

    Returns
    -------
    ndarray, shape (n_frames, n_bins), float32
        At least 0.
    """
    if not len(moduli):
        return moduli
    listener = NoiseFloor(geometry, geometry.hop_length)
    floor = np.quantile([listener.valley(frame).copy() for frame in moduli], _QUIET, axis=0)
    noise = np.square(floor * 10.0 ** (_ABOVE_DB / 20.0))
    left = np.maximum(np.square(moduli, dtype=np.float64) - noise, 0.0)
    above: NDArray[np.float32] = np.sqrt(left).astype(np.float32)
    return above
