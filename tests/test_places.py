"""Places: two channels tell sources apart that masks cannot."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from bsep_stream.masks.places import StereoPlaces

N_BINS, N_FRAMES, HOP_SECONDS = 64, 400, 0.02
ROUNDING = 1e-5
LEVEL_DB, LEAKAGE_DB = 20.0, 6.0  # of sources that come and go; what masks know of it, as a standard deviation


def complex_noise(rng: np.random.Generator, *shape: int) -> NDArray[np.complex64]:
    return ((rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) / np.sqrt(2.0)).astype(np.complex64)


def session(rng: np.random.Generator, places: NDArray[np.complex128]) -> tuple[NDArray, NDArray, NDArray]:
    """Stems (n_frames, n_sources, 2, n_bins) of sources at places (n_sources, 2, n_bins); masks, and expected powers.

    The masks know the power of every source and bin, but for a random error.
    """
    n_sources = len(places)
    power = 10.0 ** (rng.uniform(-LEVEL_DB, LEVEL_DB, (N_FRAMES, n_sources, N_BINS)) / 10.0)
    mono = np.sqrt(power) * complex_noise(rng, N_FRAMES, n_sources, N_BINS)
    guess = power * 10.0 ** (LEAKAGE_DB * rng.standard_normal(power.shape) / 10.0)
    expected = guess.sum(axis=1)
    stems = (mono[:, :, None] * places).astype(np.complex64)
    return stems, (guess / expected[:, None]).astype(np.float32), expected.astype(np.float32)


def separated(stems: NDArray, masks: NDArray, expected: NDArray, *, learn: bool = True) -> NDArray:
    """Stems that are found, in the shape of the true ones."""
    places = StereoPlaces(masks.shape[1], N_BINS, HOP_SECONDS)
    found = np.zeros_like(stems)
    for true, mask, power, out in zip(stems, masks, expected, found, strict=True):
        places.separate(mask, true.sum(axis=0), out)
        if learn:
            places.learn(mask, power, 1.0)
    return found


def error_db(found: NDArray, true: NDArray) -> float:
    half = slice(N_FRAMES // 2, None)
    return float(10 * np.log10(np.square(np.abs(found - true)[half]).sum() / np.square(np.abs(true)[half]).sum()))


def test_without_knowledge_stems_are_what_masks_make(rng: np.random.Generator) -> None:
    stems, masks, expected = session(rng, np.ones((2, 2, N_BINS)))
    found = separated(stems, masks, expected, learn=False)
    np.testing.assert_allclose(found, masks[:, :, None] * stems.sum(axis=1)[:, None], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("n_sources", [2, 3])
def test_sources_at_different_places_are_told_apart(n_sources: int, rng: np.random.Generator) -> None:
    """Different levels and phases in every bin, as in a room."""
    places = np.exp(1j * rng.uniform(0, 2 * np.pi, (n_sources, 2, N_BINS))) * rng.uniform(0.5, 1.5, (n_sources, 2, 1))
    stems, masks, expected = session(rng, places)
    by_masks = error_db(separated(stems, masks, expected, learn=False), stems)
    by_places = error_db(separated(stems, masks, expected), stems)
    assert by_places < by_masks - 3.0


def test_sources_at_one_place_are_not_harmed(rng: np.random.Generator) -> None:
    stems, masks, expected = session(rng, np.ones((2, 2, N_BINS)))
    by_masks = error_db(separated(stems, masks, expected, learn=False), stems)
    assert error_db(separated(stems, masks, expected), stems) < by_masks + 0.1


def test_stems_of_masks_that_leave_nothing_make_the_mixture(rng: np.random.Generator) -> None:
    places = np.exp(1j * rng.uniform(0, 2 * np.pi, (2, 2, N_BINS)))
    stems, masks, expected = session(rng, places)
    found, mixture = separated(stems, masks, expected).sum(axis=1), stems.sum(axis=1)
    assert np.abs(found - mixture).max() < 1e-3 * np.abs(mixture).max()


def test_forgetting_is_being_new(rng: np.random.Generator) -> None:
    stems, masks, expected = session(rng, np.exp(1j * rng.uniform(0, 2 * np.pi, (2, 2, N_BINS))))
    places, found, fresh = StereoPlaces(2, N_BINS, HOP_SECONDS), *(np.zeros_like(stems[0]) for _ in range(2))
    for true, mask, power in zip(stems, masks, expected, strict=True):
        places.separate(mask, true.sum(axis=0), found)
        places.learn(mask, power, 1.0)
    places.forget()
    places.separate(masks[0], stems[0].sum(axis=0), found)
    StereoPlaces(2, N_BINS, HOP_SECONDS).separate(masks[0], stems[0].sum(axis=0), fresh)
    np.testing.assert_array_equal(found, fresh)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("size", [0.0, 1e-20, 1e15])
@pytest.mark.parametrize("right", [1.0, -1.0, 0.0])
def test_whatever_comes_stays_finite(size: float, right: float, rng: np.random.Generator) -> None:
    """Silence, channels that are the same, or opposite, or missing; powers that nobody expected."""
    places, found = StereoPlaces(2, N_BINS, HOP_SECONDS), np.zeros((2, 2, N_BINS), dtype=np.complex64)
    masks = rng.dirichlet((0.1, 0.1), N_BINS).T.astype(np.float32)
    expected = (10.0 ** rng.uniform(-30, 18, N_BINS)).astype(np.float32)
    for _ in range(20):
        left = np.complex64(size) * complex_noise(rng, N_BINS)
        places.separate(masks, np.stack([left, np.float32(right) * left]), found)
        places.learn(masks, expected, 1e5)
        assert np.isfinite(found).all()
        assert np.abs(found).max() <= 10.0 * size
