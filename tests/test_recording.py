"""A session's recordings arrive mono, at the model's rate, at one level; useless ones are refused in one sentence."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("torch")

from bsep_stream.errors import AudioError
from bsep_stream.train.session.recording import load_session

RATE = 48_000
LEVEL_TOLERANCE = 1e-3
"""Blocks of 50 ms cut a tone at other places than whole periods."""
RESAMPLING_TOLERANCE = 1e-4
"""-80 dB: soxr's own error is below that, away from the ends."""


def tone(seconds: float, rate: int = RATE, amplitude: float = 0.1, frequency_hz: float = 440.0) -> np.ndarray:
    """Sine, shape (n,)."""
    return amplitude * np.sin(2 * np.pi * frequency_hz * np.arange(round(seconds * rate)) / rate)


def write(path: Path, audio: np.ndarray, rate: int = RATE) -> Path:
    """Audio of shape (n,) or (n, channels)."""
    soundfile.write(path, audio, rate, subtype="FLOAT")
    return path


def test_gain_brings_the_mixture_to_rms_1(tmp_path: Path) -> None:
    session = load_session([write(tmp_path / "a.wav", tone(2.0))], RATE)
    assert np.sqrt(np.mean(session.takes[0].samples ** 2)) == pytest.approx(1.0, rel=LEVEL_TOLERANCE)
    assert session.gain == pytest.approx(np.sqrt(2) / 0.1, rel=LEVEL_TOLERANCE)


def test_same_recording_20_db_softer_is_the_same_session(tmp_path: Path) -> None:
    loud = load_session([write(tmp_path / "a.wav", tone(2.0))], RATE)
    soft = load_session([write(tmp_path / "b.wav", tone(2.0, amplitude=0.01))], RATE)
    np.testing.assert_allclose(soft.takes[0].samples, loud.takes[0].samples, atol=1e-6)  # rounding of float32 files
    assert soft.gain == pytest.approx(10 * loud.gain, rel=1e-6)


def test_silence_does_not_lower_the_level(tmp_path: Path) -> None:
    sounding = load_session([write(tmp_path / "a.wav", tone(2.0))], RATE)
    paused = load_session([write(tmp_path / "b.wav", np.concatenate([tone(2.0), np.zeros(3 * RATE)]))], RATE)
    assert paused.gain == pytest.approx(sounding.gain, rel=LEVEL_TOLERANCE)


def test_takes_share_one_gain(tmp_path: Path) -> None:
    paths = [write(tmp_path / "a.wav", tone(2.0)), write(tmp_path / "b.wav", tone(2.0, amplitude=0.05))]
    first, second = load_session(paths, RATE).takes
    np.testing.assert_allclose(second.samples, first.samples / 2, atol=1e-5)


def test_stereo_becomes_the_mean_and_its_level_is_that_of_all_channels(tmp_path: Path) -> None:
    left = tone(2.0)
    session = load_session([write(tmp_path / "a.wav", np.stack([left, 0 * left], axis=1))], RATE)
    assert session.gain == pytest.approx(2 / 0.1, rel=LEVEL_TOLERANCE)  # mean power of both channels: 0.1**2 / 4
    np.testing.assert_allclose(session.takes[0].samples, left / 2 * session.gain, atol=1e-5)


def test_the_side_of_a_stereo_recording_is_kept_at_the_level_of_its_middle(tmp_path: Path) -> None:
    left, right = tone(2.0), tone(2.0, amplitude=0.05, frequency_hz=660.0)
    session = load_session([write(tmp_path / "a.wav", np.stack([left, right], axis=1))], RATE)
    take = session.takes[0]
    assert take.side is not None
    np.testing.assert_allclose(take.samples + take.side, left * session.gain, atol=1e-5)
    np.testing.assert_allclose(take.samples - take.side, right * session.gain, atol=1e-5)
    (four,) = load_session([write(tmp_path / "four.wav", np.stack([left, right, left, right], axis=1))], RATE).takes
    assert four.side is None


def test_one_signal_on_both_sides_is_mono(tmp_path: Path) -> None:
    left = tone(2.0)
    almost = left + 1e-6 * tone(2.0, frequency_hz=100.0)
    for name, right in (("same", left), ("almost", almost)):
        (take,) = load_session([write(tmp_path / f"{name}.wav", np.stack([left, right], axis=1))], RATE).takes
        assert take.side is None
    (take,) = load_session([write(tmp_path / "quieter.wav", np.stack([left, 0.9 * left], axis=1))], RATE).takes
    assert take.side is not None


def test_other_sample_rates_are_resampled(tmp_path: Path) -> None:
    session = load_session([write(tmp_path / "a.wav", tone(2.0, rate=44_100), 44_100)], RATE)
    samples = session.takes[0].samples / session.gain
    assert samples.size == 2 * RATE
    inner = slice(RATE // 2, -RATE // 2)
    np.testing.assert_allclose(samples[inner], tone(2.0)[inner], atol=0.1 * RESAMPLING_TOLERANCE)


def test_hash_is_that_of_the_file(tmp_path: Path) -> None:
    a, b = write(tmp_path / "a.wav", tone(1.0)), write(tmp_path / "b.wav", tone(1.0, amplitude=0.2))
    first, second = load_session([a, b], RATE).takes
    assert first.sha256 != second.sha256
    assert load_session([a], RATE).takes[0].sha256 == first.sha256


@pytest.mark.parametrize(
    ("audio", "sentence"),
    [
        (np.zeros(2 * RATE), "is silent"),
        (np.full(2 * RATE, 0.25), "is constant"),
        (tone(0.5), "lasts 0.50 s"),
        (np.stack([tone(2.0), -tone(2.0)], axis=1), "the channels cancel each other"),
        (np.where(np.arange(2 * RATE) == RATE, np.nan, tone(2.0)), "NaN"),
        (np.where(np.arange(2 * RATE) == RATE, np.inf, tone(2.0)), "Inf"),
    ],
)
def test_recording_that_teaches_nothing_is_refused(tmp_path: Path, audio: np.ndarray, sentence: str) -> None:
    path = write(tmp_path / "bad.wav", audio)
    with pytest.raises(AudioError, match=sentence) as refused:
        load_session([path], RATE)
    assert str(path) in str(refused.value)


def test_no_recording_is_refused() -> None:
    with pytest.raises(AudioError, match="at least one recording"):
        load_session([], RATE)
