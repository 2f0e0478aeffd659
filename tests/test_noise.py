"""Frames without the noise of their recording: it is gone between the tones, and the tones are as they were."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch")

from bsep_stream.model.geometry import FrameGeometry
from bsep_stream.train.session.labels import frames_at
from bsep_stream.train.session.noise import without_noise

RATE = 24_000
GEOMETRY = FrameGeometry(sample_rate=RATE, n_fft=4096, n_bins=1024, hop_length=512, sigma_samples=512.0)
F0_HZ = 500.0


def tone(seconds: float = 6.0) -> NDArray[np.float32]:
    """A tone with harmonics, and a rest in its middle."""
    time = np.arange(round(seconds * RATE)) / RATE
    played = sum(0.1 / h * np.sin(2 * np.pi * F0_HZ * h * time) for h in range(1, 9))
    played[time.size // 2 : time.size // 2 + RATE // 2] = 0.0
    return played.astype(np.float32)


def frames(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.abs(frames_at(samples, np.arange(4096, samples.size - 4096, 512), GEOMETRY))


def bins_of(hz: float) -> slice:
    return slice(round((hz - 40.0) / GEOMETRY.bin_hz), round((hz + 40.0) / GEOMETRY.bin_hz))


def power(moduli: NDArray[np.float32], hz: float) -> float:
    return float(np.square(moduli[:, bins_of(hz)]).mean())


def test_noise_is_gone_between_the_tones_and_the_tones_stay(rng: np.random.Generator) -> None:
    hiss = (0.003 * rng.standard_normal(tone().size)).astype(np.float32)
    heard, clean = frames(tone() + hiss), frames(tone())
    left = without_noise(heard, GEOMETRY)
    assert left.dtype == np.float32
    assert (left <= heard).all()
    assert power(left, 1.5 * F0_HZ) < 0.2 * power(heard, 1.5 * F0_HZ)
    assert power(left, 2 * F0_HZ) == pytest.approx(power(clean, 2 * F0_HZ), rel=0.02)


def test_a_recording_without_noise_stays_as_it_is() -> None:
    clean = frames(tone())
    assert np.allclose(without_noise(clean, GEOMETRY), clean, atol=1e-4 * clean.max())


def test_breath_that_comes_and_goes_with_the_tone_is_not_noise(rng: np.random.Generator) -> None:
    breath = (0.003 * rng.standard_normal(tone().size) * (tone() != 0.0)).astype(np.float32)
    heard = frames(tone() + breath)
    assert power(without_noise(heard, GEOMETRY), 1.5 * F0_HZ) > 0.8 * power(heard, 1.5 * F0_HZ)


def test_of_nothing_nothing_is_left() -> None:
    nothing = np.zeros((0, GEOMETRY.n_bins), np.float32)
    assert without_noise(nothing, GEOMETRY).shape == nothing.shape
