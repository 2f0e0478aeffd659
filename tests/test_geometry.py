"""Frame geometry against the definition of the transform; no torch."""

from dataclasses import replace

import numpy as np
import pytest

from bsep_stream.errors import ConfigError
from bsep_stream.model.geometry import FrameGeometry

SMALL = FrameGeometry(sample_rate=8_000, n_fft=256, n_bins=100, hop_length=64, sigma_samples=32.0)
# float32 transforms of numbers of size 1 with a window of sum 1.
TOLERANCE = 1e-6


def test_published_geometry() -> None:
    geometry = FrameGeometry()
    assert geometry.bin_hz == 3.90625
    assert geometry.sigma_bins == pytest.approx(1.910, abs=5e-4)
    assert geometry.win_length == 12_288


def test_window_is_a_gaussian_of_sum_one_around_its_centre() -> None:
    window = SMALL.window
    assert window.sum() == pytest.approx(1.0)
    assert window.argmax() == 128
    assert window[128 + 32] / window[128] == pytest.approx(np.exp(-0.5))
    assert window[128 - 32] == pytest.approx(window[128 + 32])


def test_analysis_is_the_transform_with_the_phase_of_the_centre(rng: np.random.Generator) -> None:
    segment = rng.standard_normal(256).astype(np.float32)
    time = np.arange(256) - 128
    bins = np.arange(129)
    expected = np.exp(-2j * np.pi * np.outer(bins, time) / 256) @ (segment * SMALL.window)
    spectrum = SMALL.analyse(segment)
    assert spectrum.dtype == np.complex64
    np.testing.assert_allclose(spectrum, expected, atol=TOLERANCE)


@pytest.mark.parametrize("frequency", [20.0, 33.37, 61.5])
@pytest.mark.parametrize("phase", [0.0, 2.2])
def test_a_sinusoid_is_a_gaussian_peak_of_constant_phase(frequency: float, phase: float) -> None:
    window_is_cut = 1e-4  # at four standard deviations
    time = np.arange(256) - 128
    spectrum = SMALL.analyse(np.cos(2 * np.pi * frequency * time / 256 + phase).astype(np.float32))
    bins = np.arange(129)
    model = 0.5 * np.exp(-((bins - frequency) ** 2) / (2 * SMALL.sigma_bins**2)) * np.exp(1j * phase)
    np.testing.assert_allclose(spectrum, model, atol=window_is_cut)


def test_synthesis_is_the_inverse_of_analysis(rng: np.random.Generator) -> None:
    segments = rng.standard_normal((2, 3, 256)).astype(np.float32)
    back = SMALL.synthesise(SMALL.analyse(segments))
    assert back.shape == segments.shape
    assert back.dtype == np.float32
    np.testing.assert_allclose(back, segments * SMALL.window, atol=TOLERANCE)


def test_bins_that_are_not_given_count_as_zero(rng: np.random.Generator) -> None:
    spectra = SMALL.analyse(rng.standard_normal(256).astype(np.float32))
    padded = spectra.copy()
    padded[100:] = 0
    np.testing.assert_array_equal(SMALL.synthesise(spectra[:100]), SMALL.synthesise(padded))


def test_goes_through_a_dictionary_and_back() -> None:
    assert FrameGeometry.from_dict(SMALL.to_dict()) == SMALL
    with pytest.raises(ConfigError, match="another version"):
        FrameGeometry.from_dict({**SMALL.to_dict(), "window": "hann"})
    with pytest.raises(ConfigError, match="another version"):
        FrameGeometry.from_dict({"n_fft": 256})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_fft": 255}, "n_fft must be even"),
        ({"n_fft": 0}, "n_fft must be even"),
        ({"n_bins": 0}, "n_bins must be 1 to 129"),
        ({"n_bins": 130}, "n_bins must be 1 to 129"),
        ({"hop_length": 0}, "hop_length must be 1 to 256"),
        ({"hop_length": 257}, "hop_length must be 1 to 256"),
        ({"sample_rate": 0}, "positive"),
        ({"sigma_samples": 0.0}, "positive"),
        ({"sigma_samples": float("nan")}, "positive"),
    ],
)
def test_numbers_that_make_no_frame_are_refused(changes: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        replace(SMALL, **changes)
