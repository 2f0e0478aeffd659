"""Tones fitted to a frame: amplitudes, pitches and widths by turns, when the heights of their harmonics are known.

The network names a pitch within some cents and a width from afar. Over 25 harmonics a few cents are whole bins, and a
mask that misses its harmonics gives them away. The frame itself knows better: where the model lies beside a peak, the
divergence falls on one side of it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from bsep_stream.train.tones.harmonics import harmonic_bins

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
    observed : Tensor, shape (batch, 1, n_bins)
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
    # Axes of length 1 are kept from here on: to add or to drop one is an operation of the exported graph.
    switch = (weight > 0).to(observed.dtype).reshape(-1, 1, 1)  # what is no tone may have no height at all
    heights = heights[..., None] * switch
    noise = noise * switch.reshape(-1, n_tones, 1)
    ratios = harmonic_bins(torch.ones_like(f0_bin).flatten(), inharmonicity.flatten(), int(heights.shape[1]))[..., None]
    narrowest, widest = (share * sigma_bins for share in WIDTH_RANGE)
    f0_bin, width_bins = f0_bin.reshape(-1, 1, 1), width_bins.clamp(narrowest, widest).reshape(-1, 1, 1)
    level = weight[..., None] * observed.sum(dim=2, keepdim=True)
    for turn in range(REFINEMENTS + 1):
        last = turn == REFINEMENTS
        peaks = PeakSamples.at(f0_bin * ratios, width_bins, heights, n_bins, radius)
        shape = peaks.rendered(n_bins, radius).reshape(-1, n_tones, n_bins) + noise
        size = shape.sum(dim=2, keepdim=True).clamp_min(_TINY)
        shape = shape / size
        for _ in range(updates if last else UPDATES_BETWEEN):
            level = updated(level, shape, observed)
        if last:
            break
        pitch_step, width_step = newton_steps(level, shape, size, peaks, observed, radius)
        f0_bin = f0_bin * torch.exp(pitch_step.clamp(-LARGEST_PITCH_STEP, LARGEST_PITCH_STEP))
        width_bins = width_bins * torch.exp(width_step.clamp(-LARGEST_WIDTH_STEP, LARGEST_WIDTH_STEP))
        width_bins = width_bins.clamp(narrowest, widest)
    return level * shape


class PeakSamples(NamedTuple):
    """Samples of the peaks of tones: fewer operations than :class:`.harmonics.LocalPeaks`, and no gradients.

    Attributes
    ----------
    bins : Tensor, shape (n, m, 2 radius + 1), int64
        Counted from a margin below the first.
    distance : Tensor, shape (n, m, 2 radius + 1)
        From the centre, in widths.
    moduli : Tensor, shape (n, m, 2 radius + 1)
    centres_widths : Tensor, shape (n, m, 1)
        Centres in widths: by how many a peak moves when the logarithm of the pitch does by 1.
    """

    bins: Tensor
    distance: Tensor
    moduli: Tensor
    centres_widths: Tensor

    @classmethod
    def at(cls, centres: Tensor, widths: Tensor, heights: Tensor, n_bins: int, radius: int) -> PeakSamples:
        """Peaks at `centres` (n, m, 1) of `heights` (n, m, 1), all of a tone as wide: (n, 1, 1)."""
        # What is farther outside reaches no bin of the frame; in the margin it disturbs nobody.
        nearest = torch.round(centres.clamp(-1.0 - radius, n_bins + float(radius)))
        offsets = torch.arange(-radius, radius + 1, device=centres.device)
        distance = (nearest - centres + offsets.to(centres.dtype)) / widths
        moduli = heights * torch.exp(-0.5 * distance.square())
        bins = nearest.long() + (offsets + margin(radius))
        return cls(bins, distance, moduli, centres / widths)

    def rendered(self, n_bins: int, radius: int) -> Tensor:
        """Moduli of peaks that do not interfere, shape (n, n_bins)."""
        outside = margin(radius)
        padded = torch.zeros(self.moduli.shape[0], n_bins + 2 * outside, device=self.moduli.device)
        return padded.scatter_add(1, self.bins.flatten(1), self.moduli.flatten(1))[:, outside : outside + n_bins]


def margin(radius: int) -> int:
    """Bins that rows of samples have beyond the frame, on both sides."""
    return 2 * radius + 1


def newton_steps(
    level: Tensor, shape: Tensor, size: Tensor, peaks: PeakSamples, observed: Tensor, radius: int
) -> tuple[Tensor, Tensor]:
    """Gauss-Newton steps of the logarithms of pitch and width, each of every tone alone, shape (batch * n_tones, 1, 1).

    Of the divergence's second-order model: squares of what is left over the model's moduli. The peaks of a tone
    count one by one, as if none were in another.

    Parameters
    ----------
    level : Tensor, shape (batch, n_tones, 1)
    shape : Tensor, shape (batch, n_tones, n_bins)
    size : Tensor, shape (batch, n_tones, 1)
        Of the shapes before they were scaled to the sum 1: the peaks are larger by so much.
    peaks : PeakSamples
    observed : Tensor, shape (batch, 1, n_bins)
    radius : int
    """
    n_tones, n_samples = int(shape.shape[1]), [int(size) for size in peaks.bins.shape[1:]]
    total = _model(level, shape)
    outside, index = margin(radius), peaks.bins.reshape(-1, 1, n_tones * math.prod(n_samples))
    left, share = (
        functional.pad(row, (outside, outside)).gather(2, index).reshape(-1, *n_samples)
        for row in (observed / total - 1.0, 1.0 / total)
    )
    moduli = (level / size).reshape(-1, 1, 1) * peaks.moduli

    def step(slopes: Tensor) -> Tensor:
        least = (slopes.square() * share).sum(dim=(1, 2), keepdim=True) + _TINY
        return (slopes * left).sum(dim=(1, 2), keepdim=True) / least

    return step(moduli * peaks.distance * peaks.centres_widths), step(moduli * peaks.distance.square())


def unexplained(level: Tensor, shape: Tensor, observed: Tensor) -> Tensor:
    """Observed modulus over the model's, shapes as for :func:`updated`."""
    return observed / _model(level, shape)


def updated(level: Tensor, shape: Tensor, observed: Tensor) -> Tensor:
    """One multiplicative update of the levels; never raises the Kullback-Leibler divergence.

    Parameters
    ----------
    level : Tensor, shape (batch, n_tones, 1)
        Sum of every tone's moduli.
    shape : Tensor, shape (batch, n_tones, n_bins)
        Moduli of a tone of level 1: their sum is 1, or 0.
    observed : Tensor, shape (batch, 1, n_bins)
    """
    n_bins = int(shape.shape[2])
    return level * torch.matmul(shape, unexplained(level, shape, observed).reshape(-1, n_bins, 1))


def _model(level: Tensor, shape: Tensor) -> Tensor:
    """Moduli of all tones together, shape (batch, 1, n_bins)."""
    return torch.matmul(level.reshape(-1, 1, int(shape.shape[1])), shape) + _FLOOR
