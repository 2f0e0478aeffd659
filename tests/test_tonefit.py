"""Tones fitted to frames: what the network names roughly is found exactly."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor

from bsep_stream.train.tones.harmonics import LocalPeaks, harmonic_bins
from bsep_stream.train.tones.tonefit import WIDTH_RANGE, fitted_moduli

SIGMA, RADIUS, N_BINS, N_HARMONICS = 1.3, 9, 1_024, 12
UPDATES = 4
HEIGHTS = torch.stack([0.7 ** torch.arange(float(N_HARMONICS)), 0.9 ** torch.arange(float(N_HARMONICS))])
F0 = torch.tensor([[40.3, 61.7]])
SIZE = torch.tensor([[1.0, 0.4]])
NOISE = torch.zeros(2, N_BINS)


def rendered(f0: Tensor, width: Tensor) -> Tensor:
    """Two tones of one frame, (1, 2, N_BINS)."""
    centres = harmonic_bins(f0.flatten(), torch.zeros(2), N_HARMONICS)
    peaks = LocalPeaks.at(centres, width.flatten()[:, None].expand_as(centres), N_BINS, RADIUS)
    return (SIZE[..., None] * peaks.render_heights(HEIGHTS).reshape(1, 2, N_BINS)).reshape(1, 2, N_BINS)


def fitted(true: Tensor, f0: Tensor, width: Tensor, weight: Tensor | None = None) -> Tensor:
    weight = torch.ones(1, 2) if weight is None else weight
    observed = true.sum(dim=1, keepdim=True)
    return fitted_moduli(observed, f0, torch.zeros(1, 2), width, weight, HEIGHTS, NOISE, SIGMA, RADIUS, UPDATES)


def error(found: Tensor, true: Tensor) -> float:
    return float((found - true).norm() / true.norm())


def test_a_pitch_some_cents_off_is_corrected() -> None:
    width = torch.full((1, 2), SIGMA)
    true = rendered(F0, width)
    off = F0 * 2 ** (torch.tensor([[12.0, -12.0]]) / 1200)
    assert error(rendered(off, width), true) > 0.2
    assert error(fitted(true, off, width), true) < 0.05  # few steps and updates: near, not exact


def test_a_width_is_corrected() -> None:
    true = rendered(F0, torch.tensor([[1.6 * SIGMA, SIGMA]]))
    start = torch.full((1, 2), 1.2 * SIGMA)
    assert error(rendered(F0, start), true) > 0.2
    assert error(fitted(true, F0, start), true) < 0.05


def test_widths_stay_in_their_range() -> None:
    """Peaks twice as wide as the widest: the fit stops there and stays finite."""
    widest = WIDTH_RANGE[1] * SIGMA
    true = rendered(F0, torch.full((1, 2), 2 * widest))
    found = fitted(true, F0, torch.full((1, 2), widest))
    assert torch.isfinite(found).all()
    assert error(found, true) < 1.0


def test_a_tone_without_weight_stays_silent_and_changes_nothing() -> None:
    width = torch.full((1, 2), SIGMA)
    true = rendered(F0, width)
    found = fitted(true, F0, width, torch.tensor([[1.0, 0.0]]))
    assert (found[:, 1] == 0).all()
    other = fitted(true, torch.tensor([[F0[0, 0], 300.0]]), width, torch.tensor([[1.0, 0.0]]))
    assert torch.equal(found, other)


def test_silence_stays_finite() -> None:
    found = fitted(torch.zeros(1, 2, N_BINS), F0, torch.full((1, 2), SIGMA))
    assert (found == 0).all()
