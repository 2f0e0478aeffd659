"""Recordings are read block by block, or refused in one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from bsep_stream.errors import AudioError
from bsep_stream.files.audiofile import Recording, StemWriter, read_recording, wav_container

PCM_24 = 2.0**-23  # one step of FLAC with 24 bits
MP3_ROUNDING = 1e-6  # the decoder rounds differently for other block sizes
FORMATS = [
    ("wav", "FLOAT"),
    ("wav", "PCM_16"),
    ("wav", "PCM_24"),
    ("flac", "PCM_16"),
    ("flac", "PCM_24"),
    ("aiff", "PCM_16"),
    ("caf", "PCM_24"),
    ("ogg", "VORBIS"),
    ("mp3", "MPEG_LAYER_III"),
]


@pytest.mark.parametrize(("suffix", "subtype"), FORMATS)
@pytest.mark.parametrize("channels", [1, 2])
def test_reads_what_libsndfile_reads(
    tmp_path: Path, rng: np.random.Generator, suffix: str, subtype: str, channels: int
) -> None:
    path = tmp_path / f"take.{suffix}"
    soundfile.write(path, 0.1 * rng.standard_normal((30_000, channels)), 44_100, subtype=subtype)
    expected = soundfile.read(path, dtype="float32", always_2d=True)[0].T
    audio, sample_rate = read_recording(path)
    assert sample_rate == 44_100
    assert audio.dtype == np.float32
    assert audio.flags.c_contiguous
    assert audio.shape == expected.shape
    assert np.abs(audio - expected).max() <= (MP3_ROUNDING if suffix == "mp3" else 0)


def test_blocks_cover_the_recording_again_and_again(tmp_path: Path, rng: np.random.Generator) -> None:
    path = tmp_path / "take.wav"
    soundfile.write(path, rng.standard_normal((1000, 3)), 8000, subtype="FLOAT")
    with Recording(path) as recording:
        assert (recording.sample_rate, recording.channels, recording.n_samples) == (8000, 3, 1000)
        for _ in range(2):
            blocks = list(recording.blocks(300))
            assert [block.shape for block in blocks] == [(3, 300)] * 3 + [(3, 100)]
            assert np.array_equal(np.concatenate(blocks, axis=1), read_recording(path)[0])


def refused(path: Path) -> str:
    with pytest.raises(AudioError) as caught:
        read_recording(path)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert path.name in sentence
    return sentence


def test_missing_empty_and_foreign_files(tmp_path: Path) -> None:
    assert "there is no file" in refused(tmp_path / "missing.wav")
    (tmp_path / "folder.wav").mkdir()
    assert "is a folder" in refused(tmp_path / "folder.wav")
    (tmp_path / "empty.wav").write_bytes(b"")
    assert "is empty" in refused(tmp_path / "empty.wav")
    for name in ("text.wav", "text.flac", "text.raw"):
        (tmp_path / name).write_text("This is a letter and not a recording. " * 50)
        assert "cannot be read as audio" in refused(tmp_path / name)


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="no file that cannot be read")
def test_file_that_the_system_does_not_read_is_named() -> None:
    with pytest.raises(AudioError, match="/proc/self/mem cannot be read"):
        read_recording("/proc/self/mem")


@pytest.mark.parametrize("suffix", ["wav", "aiff", "w64"])
def test_no_samples(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"none.{suffix}"
    soundfile.write(path, np.zeros((0, 2)), 48_000)
    assert "holds no samples" in refused(path)


def test_a_wav_of_unknown_length_is_not_truncated(tmp_path: Path, rng: np.random.Generator) -> None:
    """Programs that write to a pipe promise as much as the header can say."""
    path = tmp_path / "piped.wav"
    soundfile.write(path, 0.1 * rng.standard_normal(5000), 48_000, subtype="PCM_16")
    content = bytearray(path.read_bytes())
    start = content.index(b"data") + 4
    content[4:8] = content[start : start + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(content)
    assert read_recording(path)[0].shape == (1, 5000)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_finite(tmp_path: Path, value: float) -> None:
    samples = np.zeros((96_000, 2), dtype=np.float32)
    samples[72_000, 1] = value
    path = tmp_path / "bad.wav"
    soundfile.write(path, samples, 48_000, subtype="FLOAT")
    assert "NaN or Inf at 1.500 s" in refused(path)


def test_stem_writer_keeps_float_and_counts_what_flac_cuts_off(tmp_path: Path) -> None:
    loud = np.array([[0.5, 1.5, -2.0, 1.0]], dtype=np.float32)
    for audio_format in ("wav", "flac"):
        writer = StemWriter(tmp_path / f"stem.{audio_format}", audio_format, 48_000, 1, 4)
        writer.write(loud)
        writer.close()
        audio, _ = read_recording(tmp_path / f"stem.{audio_format}")
        expected = loud if audio_format == "wav" else np.clip(loud, -1, 1)
        assert np.abs(audio - expected).max() <= (0 if audio_format == "wav" else PCM_24)
        assert writer.n_clipped == (0 if audio_format == "wav" else 2)


def test_flac_with_too_many_channels(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="at most 8 channels"):
        StemWriter(tmp_path / "stem.flac", "flac", 48_000, 9, 10)


def test_large_wavs_are_rf64(tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    assert wav_container(2**30 - 2**17, 1) == "RF64"
    assert wav_container(2**29 - 2**17, 2) == "RF64"
    assert wav_container(3600 * 48_000, 2) == "WAV"
    monkeypatch.setattr("bsep_stream.files.stemwriter._WAV_LIMIT_BYTES", 1000)
    audio = rng.standard_normal((2, 500)).astype(np.float32)
    writer = StemWriter(tmp_path / "stem.wav", "wav", 48_000, 2, 500)
    writer.write(audio)
    writer.close()
    assert soundfile.info(tmp_path / "stem.wav").format == "RF64"
    assert np.array_equal(read_recording(tmp_path / "stem.wav")[0], audio)
