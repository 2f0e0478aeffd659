"""What is probably wrong with a recording is said, in words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from bsep_stream import demo
from bsep_stream.cli import main
from bsep_stream.files.separation import separate, separate_file
from bsep_stream.files.suspicions import Suspicions
from bsep_stream.masks.level import LOUDEST_DB, SOFTEST_DB, LevelFollower
from bsep_stream.masks.outputs import Listener
from bsep_stream.model.separation_model import SeparationModel
from bsep_stream.notes.events import A4_KEY
from bsep_stream.notes.tuning import find_tuning
from bsep_stream.separator import StreamingSeparator

RATE = 48_000


@pytest.fixture(scope="module")
def shipped() -> SeparationModel:
    if not demo.MODEL.exists():
        pytest.skip("there is no shipped model")
    return SeparationModel(demo.MODEL)


@pytest.fixture(scope="module")
def music() -> np.ndarray:
    """Two seconds of the recording that is shipped."""
    return soundfile.read(demo.MIX, start=4 * RATE, frames=2 * RATE, dtype="float32", always_2d=True)[0].T.copy()


def test_channels_that_cancel_each_other(tmp_path: Path, rng: np.random.Generator, tiny_model_path: Path) -> None:
    left = 0.1 * rng.standard_normal(9000)
    path = tmp_path / "take.wav"
    soundfile.write(path, np.stack([left, -left], 1), RATE, subtype="FLOAT")
    result = CliRunner().invoke(main, ["separate", str(tiny_model_path), str(path), "-o", str(tmp_path / "out")])
    assert result.exit_code == 0
    assert "channels that cancel each other" in result.stderr
    soundfile.write(path, np.stack([left, left], 1), RATE, subtype="FLOAT")
    assert not separate_file(tiny_model_path, path, tmp_path / "out2").warnings


def test_noise_is_hardly_made_by_instruments(
    tmp_path: Path, rng: np.random.Generator, shipped: SeparationModel
) -> None:
    path = tmp_path / "noise.wav"
    soundfile.write(path, 0.1 * rng.standard_normal(RATE // 2), RATE)
    (warning,) = separate_file(shipped, path, tmp_path / "out").warnings
    assert "noise, or another recording" in warning


def test_silence_gets_a_word() -> None:
    suspicions = Suspicions(2)
    suspicions.hear(np.zeros((2, 100), np.float32))
    (remark,) = suspicions.remarks()
    assert "is silent from beginning to end" in remark


@pytest.mark.parametrize("cents", [-45.0, -20.0, 0.0, 8.0, 31.0, 50.0])
def test_tuning_is_found(rng: np.random.Generator, cents: float) -> None:
    pitch = rng.integers(50, 80, (2, 300)) + cents / 100 + 0.08 * rng.standard_normal((2, 300))
    f0_hz = 440.0 * 2 ** ((pitch - A4_KEY) / 12)
    found = find_tuning(f0_hz, np.zeros_like(f0_hz), -20.0)
    if abs(cents) < 10:
        assert found.a4_hz == 440.0
    else:
        assert abs((found.cents - cents + 50) % 100 - 50) < 2.0
        assert found.a4_hz == pytest.approx(440.0 * 2 ** (found.cents / 1200))


def test_no_tuning_is_the_usual_one(rng: np.random.Generator) -> None:
    anywhere = 440.0 * 2 ** rng.uniform(-1, 1, (2, 400))
    assert find_tuning(anywhere, np.zeros_like(anywhere), -20.0).a4_hz == 440.0
    assert find_tuning(anywhere[:, :5], np.zeros((2, 5)), -20.0).a4_hz == 440.0
    quiet = np.full((2, 400), 452.0)
    assert find_tuning(quiet, np.full((2, 400), -30.0), -20.0).a4_hz == 440.0


def test_levels_near_the_training_are_taken_as_they_are() -> None:
    for decibels in (SOFTEST_DB + 0.1, -3.0, 0.0, LOUDEST_DB - 0.1):
        follower = LevelFollower(0.02)
        assert {follower.factor(10 ** (decibels / 10)) for _ in range(400)} == {1.0}


@pytest.mark.parametrize("decibels", [-40.0, -30.0, 20.0])
def test_other_levels_are_brought_near(decibels: float) -> None:
    follower = LevelFollower(0.02)
    factors = [follower.factor(10 ** (decibels / 10)) for _ in range(100)]
    assert factors[0] == 1.0  # one frame says nothing
    reached = decibels + 20 * np.log10(factors[-1])
    assert SOFTEST_DB - 0.01 <= reached <= LOUDEST_DB + 0.01
    assert factors[-1] == pytest.approx(factors[20])


def test_silence_does_not_raise_the_level() -> None:
    follower = LevelFollower(0.02)
    for _ in range(100):
        follower.factor(1.0)
    assert {follower.factor(power) for power in [0.0, 1e-8, float("nan"), float("inf")] * 500} == {1.0}
    follower.reset()
    assert {follower.factor(1e-12) for _ in range(500)} == {1.0}


@pytest.mark.parametrize("latency", ["quality", "live"])
@pytest.mark.parametrize(("gain", "offset"), [(0.01, 0.0), (1.0, 0.1), (4.0, 0.0)])
def test_stream_is_the_same_in_any_blocks(
    shipped: SeparationModel, music: np.ndarray, latency: str, gain: float, offset: float
) -> None:
    audio = (music[:, : RATE // 2] * gain + offset).astype(np.float32)
    whole = np.asarray(separate(shipped, audio, RATE, latency=latency))
    stream = StreamingSeparator(shipped, latency=latency)
    pieces, start = [], 0
    for n in [1, 777, 4096, 64, 10_000, 10**6]:
        pieces.append(stream.process(audio[:, start : start + n]))
        start += n
    late = np.concatenate([*pieces, stream.flush()], axis=2)[..., stream.latency_samples :]
    assert np.array_equal(late, whole)


def energy_of_sources(shipped: SeparationModel, audio: np.ndarray) -> np.ndarray:
    stems = np.asarray(separate(shipped, audio.astype(np.float32), RATE))[:2]
    return stems[..., RATE:]  # when the level is known


@pytest.mark.parametrize(("gain", "offset"), [(0.01, 0.0), (10.0, 0.0), (1.0, 0.1)])
def test_level_and_offset_cost_nothing(shipped: SeparationModel, music: np.ndarray, gain: float, offset: float) -> None:
    usual = energy_of_sources(shipped, music)
    found = energy_of_sources(shipped, gain * music + offset) / gain
    error_db = 10 * np.log10(np.square(found - usual).sum() / np.square(usual).sum())
    assert error_db < -15.0


def test_the_network_hears_nothing_below_the_lowest_pitch(shipped: SeparationModel) -> None:
    listener = Listener(shipped)
    spectrum = np.zeros(shipped.geometry.n_fft // 2 + 1, np.complex64)
    spectrum[:7] = 10.0  # up to 35 Hz
    assert not listener.hear(spectrum).on.any() or np.abs(listener.hear(spectrum).timbre).max() < 1e-3
