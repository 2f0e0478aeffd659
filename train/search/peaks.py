"""Spectral peaks of frames: a frame as a short list of partials."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

N_PEAKS = 40
_LOWEST_BIN = 8  # below about 50 Hz there are no partials to tell apart
_FLOOR_IN_FRAME = 1e-3
_FLOOR_IN_SESSION = 2e-4
_TINY = 1e-12
ABSENT_BIN = 1e6
"""Position of a peak that does not exist: far from every harmonic."""


class SpectralPeaks(NamedTuple):
    """The largest local maxima of frames, sorted by frequency.

    Attributes
    ----------
    bins : Tensor, shape (n_frames, n_peaks)
        Interpolated positions; ``ABSENT_BIN`` where a frame has fewer peaks.
    moduli : Tensor, shape (n_frames, n_peaks)
        Interpolated heights; 0 where a frame has fewer peaks.
    """

    bins: Tensor
    moduli: Tensor


def pick_peaks(moduli: Tensor, n_peaks: int = N_PEAKS) -> SpectralPeaks:
    """Local maxima of modulus spectra.

    The logarithm of a Gaussian peak is a parabola, so the parabola through three bins gives position and
    height of a stationary partial exactly.

    Parameters
    ----------
    moduli : Tensor, shape (n_frames, n_bins)
    n_peaks : int
        Largest number of peaks per frame.
    """
    middle = moduli[:, 1:-1]
    floor = torch.maximum(moduli.amax(dim=1) * _FLOOR_IN_FRAME, moduli.max() * _FLOOR_IN_SESSION)
    is_peak = (middle > moduli[:, :-2]) & (middle >= moduli[:, 2:]) & (middle > floor[:, None])
    is_peak[:, :_LOWEST_BIN] = False
    height, index = torch.where(is_peak, middle, 0.0).topk(n_peaks, dim=1)
    index = index + 1
    logs = torch.log(moduli + _TINY)
    left, centre, right = (logs.gather(1, index + step) for step in (-1, 0, 1))
    offset = (0.5 * (left - right) / (left - 2 * centre + right - _TINY)).clamp(-0.5, 0.5)
    bins = torch.where(height > 0, index + offset, ABSENT_BIN)
    heights = torch.where(height > 0, torch.exp(centre - 0.25 * (left - right) * offset), 0.0)
    bins, order = bins.sort(dim=1)
    return SpectralPeaks(bins, heights.gather(1, order))
