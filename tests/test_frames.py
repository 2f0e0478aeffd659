"""Training frames: cut where they claim to be, from all takes alike, reproducible."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from bsep_stream.model.geometry import FrameGeometry
from bsep_stream.train.session.frames import FrameSource
from bsep_stream.train.session.recording import Session, Take

GEOMETRY = FrameGeometry(sample_rate=8_000, n_fft=512, n_bins=200, hop_length=64, sigma_samples=42.0)
HOP_LENGTH = 32


def take(samples: np.ndarray) -> Take:
    return Take(Path("take.wav"), samples.astype(np.float32), samples.size / GEOMETRY.sample_rate, "")


def source(*takes: np.ndarray, seed: int = 1) -> FrameSource:
    session = Session(tuple(take(samples) for samples in takes), GEOMETRY.sample_rate, 1.0)
    return FrameSource(session, GEOMETRY, HOP_LENGTH, seed)


def key(frame: np.ndarray) -> bytes:
    return np.round(frame, 5).tobytes()


def test_frames_are_centred_on_the_grid_of_their_take(rng: np.random.Generator) -> None:
    """A click in every place of the grid: a frame then has the constant modulus of the window's centre."""
    samples = np.zeros(1_000)
    samples[10 * HOP_LENGTH] = 1.0
    frames = np.abs(source(samples).draw(400))
    centre = GEOMETRY.window.max()
    heights = {round(float(frame.max() / centre), 3) for frame in frames}
    distances = HOP_LENGTH * np.arange(-10, 22)
    expected = np.exp(-0.5 * (distances / GEOMETRY.sigma_samples) ** 2)
    assert heights <= {round(float(height), 3) for height in expected} | {0.0}
    assert 1.0 in heights


def test_every_frame_of_every_take_is_equally_likely(rng: np.random.Generator) -> None:
    takes = [rng.standard_normal(320), rng.standard_normal(640)]
    frames = source(*takes)
    assert frames.n_frames == 10 + 20
    counts = np.unique([key(frame) for frame in frames.draw(6_000)], return_counts=True)[1]
    assert counts.size == 30
    five_sigma = 5 * np.sqrt(200)  # of a Poisson count of mean 200; with 30 counts and a fixed seed it never fails
    assert np.all(np.abs(counts - 200) < five_sigma)


def test_same_seed_same_frames_other_seed_other_frames(rng: np.random.Generator) -> None:
    samples = rng.standard_normal(4_000)
    np.testing.assert_array_equal(source(samples, seed=3).draw(8), source(samples, seed=3).draw(8))
    assert not np.array_equal(source(samples, seed=3).draw(8), source(samples, seed=4).draw(8))


def test_restored_state_continues_with_the_same_frames(rng: np.random.Generator) -> None:
    samples = rng.standard_normal(4_000)
    first = source(samples)
    first.draw(5)
    state = first.state()
    second = source(samples, seed=99)
    second.restore(state)
    np.testing.assert_array_equal(first.draw(7), second.draw(7))


def test_spread_frames_avoid_silence_and_leave_the_generator_alone(rng: np.random.Generator) -> None:
    samples = np.concatenate([rng.standard_normal(4_000), np.zeros(12_000)])
    frames = source(samples)
    state = frames.state()
    spread = frames.spread(16)
    assert spread.shape == (16, GEOMETRY.n_bins)
    assert np.abs(spread).max(axis=1).min() > 1e-3 * np.abs(spread).max()
    assert frames.state() == state


def test_spread_frames_are_as_many_as_asked_also_in_silence() -> None:
    assert source(np.zeros(2_000)).spread(256).shape == (256, GEOMETRY.n_bins)
