"""The timbre: fitted to sources that are known, it gives every source its part."""

from __future__ import annotations

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor

from bsep_stream.train.config.presets import preset_config
from bsep_stream.train.tones.harmonics import LocalPeaks, harmonic_bins
from bsep_stream.train.tones.timbre import N_BANDS, Timbre, frequency_bands

CONFIG = preset_config("fast", ("high", "low"))
N_FRAMES = 240
# The fit has fewer rows than there are pitches (one a semitone) and a floor under every height.
CLOSE = 0.05


def synthetic(seed: int) -> tuple[Tensor, Tensor]:
    """Pitches (n_frames, 2) and moduli of each source (n_frames, 2, n_bins): odd harmonics above, slow decay below."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.arange(CONFIG.n_harmonics)
    rows = torch.stack([0.7**order * (order % 2 == 0), 0.85**order])
    lowest = torch.tensor([80.0, 40.0])
    f0 = lowest * 2.0 ** (torch.randint(0, 13, (N_FRAMES, 2), generator=generator) / 12)
    size = 0.2 + torch.rand(N_FRAMES, 2, generator=generator)
    centres = harmonic_bins(f0.flatten(), torch.zeros(2 * N_FRAMES), CONFIG.n_harmonics)
    sigma = CONFIG.geometry.sigma_bins
    peaks = LocalPeaks.at(centres, torch.full_like(centres, sigma), CONFIG.geometry.n_bins, CONFIG.peak_radius_bins)
    heights = (size[:, :, None] * rows).flatten(0, 1)
    return f0, peaks.render_heights(heights).reshape(N_FRAMES, 2, -1)


def shares_of(timbre: Timbre, mixture: Tensor, f0: Tensor, on: Tensor | None = None) -> Tensor:
    frames = torch.stack([mixture, torch.zeros_like(mixture)], dim=1)
    width = torch.full_like(f0, CONFIG.geometry.sigma_bins)
    tones = (f0, torch.zeros_like(f0), width, torch.ones_like(f0) if on is None else on)
    return timbre.moduli(frames, *(values[..., None] for values in tones))


def relative_error(found: Tensor, truth: Tensor) -> float:
    return float((found - truth).abs().sum() / truth.sum())


def test_the_timbre_of_a_mixture_gives_every_source_its_part() -> None:
    f0, parts = synthetic(1)
    timbre = Timbre(CONFIG)
    before = relative_error(shares_of(timbre, parts.sum(dim=1), f0), parts)
    timbre.fit(parts.sum(dim=1), f0)
    after = relative_error(shares_of(timbre, parts.sum(dim=1), f0), parts)
    assert after < CLOSE < before
    assert torch.allclose(timbre.harmonics.sum(dim=2), torch.ones(2, timbre.n_pitches))


def test_pitches_that_were_not_heard_have_the_mean_row() -> None:
    f0, parts = synthetic(2)
    timbre = Timbre(CONFIG)
    timbre.fit(parts.sum(dim=1), f0)
    far = timbre.harmonics[0, -1]
    assert float(far[1:6:2].max()) < CLOSE * float(far[0])  # the odd harmonics are 1, 3, ... of the first source
    assert torch.isfinite(timbre.harmonics).all()


def test_noise_between_the_harmonics_follows_its_source() -> None:
    f0, parts = synthetic(3)
    breath = torch.zeros(CONFIG.geometry.n_bins)
    breath[1500:1900] = 0.02
    parts[:, 0] += parts[:, 0].amax(dim=1, keepdim=True) * breath
    parts[::2, 0], f0[::2, 0] = 0.0, 0.0  # it rests in every other frame
    timbre = Timbre(CONFIG)
    timbre.fit(parts.sum(dim=1), f0)
    found = shares_of(timbre, parts.sum(dim=1), f0, (f0 > 0).float())[:, :, 1600:1800].sum(dim=(0, 2))
    assert found[0] > 5 * found[1]


def test_a_tone_that_is_off_has_no_part() -> None:
    f0, parts = synthetic(4)
    timbre = Timbre(CONFIG)
    on = torch.ones_like(f0)
    on[:, 1] = 0.0
    found = shares_of(timbre, parts.sum(dim=1), f0, on)
    assert not found[:, 1].any()
    assert found[:, 0].sum() > 0


def test_silence_and_sessions_without_a_tone() -> None:
    f0, parts = synthetic(5)
    timbre = Timbre(CONFIG)
    before = timbre.harmonics.clone()
    timbre.fit(parts.sum(dim=1), torch.zeros_like(f0))
    assert torch.equal(timbre.harmonics, before)
    found = shares_of(timbre, torch.zeros(N_FRAMES, CONFIG.geometry.n_bins), f0)
    assert float(found.max()) < 1e-6


def test_parts_add_up_to_the_frame_where_it_is_explained() -> None:
    f0, parts = synthetic(6)
    timbre = Timbre(CONFIG)
    timbre.fit(parts.sum(dim=1), f0)
    mixture = parts.sum(dim=1)
    assert relative_error(shares_of(timbre, mixture, f0).sum(dim=1), mixture) < CLOSE


def test_the_level_does_not_matter() -> None:
    f0, parts = synthetic(7)
    timbre = Timbre(CONFIG)
    timbre.fit(parts.sum(dim=1), f0)
    loud, soft = (shares_of(timbre, scale * parts.sum(dim=1), f0) / scale for scale in (10.0, 0.1))
    assert relative_error(loud, soft) < 1e-3  # the floor under a model is absolute


def test_bands_cover_the_spectrum_once() -> None:
    bands = frequency_bands(2048)
    assert bands.shape == (N_BANDS, 2048)
    assert torch.allclose(bands[:, 12:1800].sum(dim=0), torch.ones(1788), atol=1e-5)


def test_presets() -> None:
    assert preset_config("paper", ("a", "b")).timbre_updates == 0
    assert Timbre(replace(CONFIG, source_names=("a", "b", "c"))).noise.shape == (3, 2048)
