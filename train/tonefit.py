"""Tones fitted to a frame: amplitudes, pitches and widths by turns, when the heights of their harmonics are known.

The network names a pitch within some cents and a width from afar. Over 25 harmonics a few cents are whole bins, and a
mask that misses its harmonics gives them away. The frame itself knows better: where the model lies beside a peak, the
divergence falls on one side of it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from bsep_stream.train.tones import LocalPeaks, harmonic_bins

REFINEMENTS = 3
"""Of pitch and width,"""
UPDATES_BETWEEN = 2
"""each after so many updates of the amplitudes."""

LARGEST_PITCH_STEP = 0.015
"""Of the logarithm of f0: 26 cents."""
LARGEST_WIDTH_STEP = 0.2
"""Of the logarithm of the width."""
WIDTH_RANGE = (0.8, 2.0)
"""Of the width of a stationary sinusoid; wider are fast vibrato and glides."""
RADIUS_WIDTHS = 4.3
"""Of a rendered peak, of the widest: 1e-4 of its height there, so that it hardly matters which bin is the last."""

_TINY = 1e-9
_FLOOR = 1e-6  # of a model's modulus, against a level of 1: what is below is rounding


def fitted_moduli(
    observed: Tensor,
    f0_bin: Tensor,
    inharmonicity: Tensor,
    width_bins: Tensor,
    weight: Tensor,
    heights: Tensor,
    noise: Tensor,
    sigma_bins: float,
    radius: int,
    updates: int,
) -> Tensor:
    """Moduli of every tone in frames: least Kullback-Leibler divergence between the frame and their sum.

    Parameters
    ----------
    observed : Tensor, shape (batch, n_bins)
        Moduli of the mixture, of a level near 1.
    f0_bin, inharmonicity, width_bins : Tensor, shape (batch, n_tones)
        Where the search for the best begins.
    weight : Tensor, shape (batch, n_tones)
        Of their amplitudes in the beginning; 0: no tone.
    heights : Tensor, shape (batch * n_tones, n_harmonics)
    noise : Tensor, shape (n_tones, n_bins)
        Between the harmonics, for tones of amplitude 1.
    sigma_bins : float
        Width of the peaks of a stationary sinusoid.
    radius : int
        Of rendered peaks, in bins.
    updates : int
        Of the amplitudes in the end.

    Returns
    -------
    Tensor, shape (batch, n_tones, n_bins)
    """
    n_tones, n_bins = (int(size) for size in noise.shape)
    switch = (weight > 0).to(observed.dtype)[:, :, None]
    amplitude = weight
    narrowest, widest = (share * sigma_bins for share in WIDTH_RANGE)
    width_bins = width_bins.clamp(narrowest, widest)  # what is no tone may have any
    for turn in range(REFINEMENTS + 1):
        last = turn == REFINEMENTS
        centres = harmonic_bins(f0_bin.flatten(), inharmonicity.flatten(), int(heights.shape[1]))
        peaks = LocalPeaks.at(centres, width_bins.flatten()[:, None].expand_as(centres), n_bins, radius)
        rendered = peaks.render_heights(heights)[:, None] if last else peaks.render_with_slopes(heights)
        rendered = rendered.reshape(-1, n_tones, 1 if last else 3, n_bins)
        unit = (rendered[:, :, 0] + noise) * switch
        size = unit.sum(dim=2).clamp_min(_TINY)
        if turn == 0:
            amplitude = observed.sum(dim=1, keepdim=True) / size * weight
        for _ in range(updates if last else UPDATES_BETWEEN):
            amplitude = updated(amplitude, unit, size, observed)
        if last:
            break
        pitch_step, width_step = newton_steps(amplitude, unit, rendered[:, :, 1:], observed).unbind(dim=2)
        f0_bin = f0_bin * torch.exp(pitch_step.clamp(-LARGEST_PITCH_STEP, LARGEST_PITCH_STEP))
        width_bins = width_bins * torch.exp(width_step.clamp(-LARGEST_WIDTH_STEP, LARGEST_WIDTH_STEP))
        width_bins = width_bins.clamp(narrowest, widest)
    return amplitude[:, :, None] * unit


def newton_steps(amplitude: Tensor, unit: Tensor, slopes: Tensor, observed: Tensor) -> Tensor:
    """Gauss-Newton steps of every parameter of every tone alone, shape (batch, n_tones, n_parameters).

    Of the divergence's second-order model: squares of what is left over the model's moduli.

    Parameters
    ----------
    amplitude : Tensor, shape (batch, n_tones)
    unit : Tensor, shape (batch, n_tones, n_bins)
    slopes : Tensor, shape (batch, n_tones, n_parameters, n_bins)
        Derivatives of the tones of amplitude 1.
    observed : Tensor, shape (batch, n_bins)
    """
    total = torch.matmul(amplitude[:, None], unit) + _FLOOR
    slopes = amplitude[:, :, None, None] * slopes
    scaled = slopes / total[:, :, None]
    left = (observed[:, None] - total)[:, :, :, None]
    return torch.matmul(scaled, left)[..., 0] / ((scaled * slopes).sum(dim=3) + _TINY)


def unexplained(amplitude: Tensor, unit: Tensor, observed: Tensor) -> Tensor:
    """Observed modulus over the model's: (batch, n_sources), (batch, n_sources, n_bins), (batch, n_bins)."""
    return observed / (torch.matmul(amplitude[:, None], unit)[:, 0] + _FLOOR)


def updated(amplitude: Tensor, unit: Tensor, size: Tensor, observed: Tensor) -> Tensor:
    """One multiplicative update of the amplitudes; never raises the Kullback-Leibler divergence. Shapes as above."""
    ratio = unexplained(amplitude, unit, observed)
    return amplitude * torch.matmul(unit, ratio[:, :, None])[:, :, 0] / size
