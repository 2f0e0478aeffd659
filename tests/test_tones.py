"""Tones against truth: a sinusoid, harmonics of a stiff string, peaks over all bins."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from bsep_stream.model.geometry import FrameGeometry
from bsep_stream.train.config.presets import preset_config
from bsep_stream.train.network.policy import relative_width
from bsep_stream.train.network.salience import Salience
from bsep_stream.train.tones.harmonics import DensePeaks, LocalPeaks, harmonic_bins, join_peaks
from bsep_stream.train.tones.moduli import modulus
from bsep_stream.train.tones.spectra import as_channels, as_complex

N_BINS = 512
SIGMA = 1.3
# 13 bins are 8 standard deviations of the widest peak here: exp(-32).
RADIUS = 13
LOCAL_TOLERANCE = 1e-6
# The window is cut at 6 and at 4 standard deviations: 2e-9 and 6e-5 of it are missing. And float32.
SINUSOID_TOLERANCE = {"paper": 1e-6, "fast": 6e-5}
# The closed form counts what an integral counts: at 1.3 bins 1e-7 of the sum, and float32 rounds.
GRAM_TOLERANCE = 1e-5


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(7)


def _peaks(generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    centres = 40 + 400 * torch.rand(5, 25, generator=generator)
    widths = SIGMA * (1 + 0.25 * torch.rand(5, 25, generator=generator))
    return centres, widths


@pytest.mark.parametrize("preset", ["paper", "fast"])
def test_a_sinusoid_is_one_unit_peak_times_half_its_amplitude_and_its_phase(preset: str) -> None:
    geometry = preset_config(preset, ("one",)).geometry
    tolerance = SINUSOID_TOLERANCE[preset]
    frequency, amplitude, phase = 300.37, 0.8, 1.1
    time = np.arange(geometry.n_fft) - geometry.n_fft // 2
    sound = amplitude * np.cos(2 * np.pi * frequency * time / geometry.n_fft + phase)
    spectrum = geometry.analyse(sound.astype(np.float32))[: geometry.n_bins]
    peak = DensePeaks.at(torch.tensor([[frequency]]), torch.tensor([[geometry.sigma_bins]]), geometry.n_bins)
    coefficient = amplitude / 2 * torch.tensor([[[np.cos(phase), np.sin(phase)]]], dtype=torch.float32)
    model = as_complex(peak.render(coefficient))[0].numpy()
    assert np.abs(spectrum - model).max() < tolerance


def test_harmonics_of_a_stiff_string() -> None:
    places = harmonic_bins(torch.tensor([50.0]), torch.tensor([1e-3]), 3)
    expected = [50 * h * (1 + 1e-3 * h * h) ** 0.5 for h in (1, 2, 3)]
    torch.testing.assert_close(places, torch.tensor([expected]))


def test_local_peaks_equal_dense_peaks(generator: torch.Generator) -> None:
    centres, widths = _peaks(generator)
    coefficients = torch.randn(5, 25, 2, generator=generator)
    spectra = torch.randn(5, 2, N_BINS, generator=generator)
    dense = DensePeaks.at(centres, widths, N_BINS)
    local = LocalPeaks.at(centres, widths, N_BINS, RADIUS)
    torch.testing.assert_close(
        local.render(coefficients), dense.render(coefficients), atol=10 * LOCAL_TOLERANCE, rtol=0
    )
    torch.testing.assert_close(local.project(spectra), dense.project(spectra), atol=10 * LOCAL_TOLERANCE, rtol=1e-5)


def test_closed_form_gram_equals_the_sum_over_bins(generator: torch.Generator) -> None:
    centres, widths = _peaks(generator)
    dense = DensePeaks.at(centres.double(), widths.double(), N_BINS).gram()
    local = LocalPeaks.at(centres, widths, N_BINS, RADIUS).gram()
    torch.testing.assert_close(local.double(), dense, atol=GRAM_TOLERANCE, rtol=GRAM_TOLERANCE)


def test_local_gradients_equal_dense_gradients(generator: torch.Generator) -> None:
    centres, widths = _peaks(generator)
    coefficients = torch.randn(5, 25, 2, generator=generator)
    weight = torch.randn(5, 2, N_BINS, generator=generator)
    gradients = []
    for kind in ("dense", "local"):
        inputs = [tensor.clone().requires_grad_() for tensor in (centres, widths, coefficients)]
        if kind == "dense":
            spectra = DensePeaks.at(inputs[0], inputs[1], N_BINS).render(inputs[2])
        else:
            spectra = LocalPeaks.at(inputs[0], inputs[1], N_BINS, RADIUS).render(inputs[2])
        gradients.append(torch.autograd.grad((weight * spectra).sum(), inputs))
    for dense, local in zip(*gradients, strict=True):
        torch.testing.assert_close(local, dense, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("centre", [-300.0, -0.6, N_BINS - 0.4, 1e30, float("inf")])
def test_harmonics_out_of_range_are_left_out(centre: float) -> None:
    local = LocalPeaks.at(torch.tensor([[centre, 100.0]]), torch.tensor([[SIGMA, SIGMA]]), N_BINS, RADIUS)
    with_it = local.render(torch.ones(1, 2, 2))
    without = local.render(torch.tensor([[[0.0, 0.0], [1.0, 1.0]]]))
    assert torch.equal(with_it, without)
    assert local.gram()[0, 0].tolist() == [0.0, 0.0]
    assert not local.project(torch.ones(1, 2, N_BINS))[0, 0].any()


def test_peaks_beside_the_edge_are_cut_by_it() -> None:
    dense = DensePeaks.at(torch.tensor([[1.0, N_BINS - 2.0]]), torch.tensor([[SIGMA, SIGMA]]), N_BINS)
    local = LocalPeaks.at(torch.tensor([[1.0, N_BINS - 2.0]]), torch.tensor([[SIGMA, SIGMA]]), N_BINS, RADIUS)
    ones = torch.ones(1, 2, 2)
    torch.testing.assert_close(local.render(ones), dense.render(ones), atol=LOCAL_TOLERANCE, rtol=0)


def test_joined_peaks_render_the_sum_of_the_tones(generator: torch.Generator) -> None:
    centres, widths = _peaks(generator)
    first = LocalPeaks.at(centres, widths, N_BINS, RADIUS)
    second = LocalPeaks.at(centres + 3.3, widths, N_BINS, RADIUS)
    coefficients = torch.randn(2, 5, 25, 2, generator=generator)
    joined = join_peaks(first, second)
    together = joined.render(torch.cat([coefficients[0], coefficients[1]], dim=1))
    torch.testing.assert_close(together, first.render(coefficients[0]) + second.render(coefficients[1]))
    assert joined.gram().shape == (5, 50, 50)


@pytest.mark.parametrize("preset", ["paper", "fast"])
def test_width_is_that_of_a_sinusoid_at_output_zero_and_keeps_its_limits(preset: str) -> None:
    policy = preset_config(preset, ("one",)).policy
    widths = relative_width(torch.tensor([-1e9, 0.0, 60.0]), policy)
    assert widths[1].item() == pytest.approx(1.0, abs=1e-6)
    expected = (np.log1p(np.exp(-3.0)) / np.log(2), 60 / np.log(2)) if preset == "paper" else (0.8, 2.0)
    assert widths[[0, 2]].tolist() == pytest.approx(expected, rel=1e-5)


def test_salience_is_largest_where_the_tone_is() -> None:
    geometry = FrameGeometry(n_fft=8_192, n_bins=2_048, hop_length=1_024)
    f0_bin = 61.3
    time = (np.arange(geometry.n_fft) - geometry.n_fft // 2) / geometry.n_fft
    sound = sum(0.8**h * np.cos(2 * np.pi * f0_bin * h * time + h) for h in range(1, 12))
    spectrum = torch.from_numpy(geometry.analyse(np.asarray(sound, np.float32))[: geometry.n_bins])[None]
    rows = 0.8 ** torch.arange(25.0)[None]
    salience = Salience(geometry.n_bins, 25, 800)(modulus(as_channels(spectrum), keepdim=True).sqrt(), rows)
    assert salience.shape == (1, 1, geometry.n_bins)
    assert salience[0, 0].argmax().item() == 61
    assert not salience[0, 0, 801:].any()
