"""Stems know their names, save themselves, and are arrays; separate() takes files; everything says what it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from pedalboard import Chorus, Pedalboard, Reverb

from bsep_stream import SeparationModel, StemMixer, StreamingSeparator, separate
from bsep_stream.effects.mixer import Mixer
from bsep_stream.errors import AudioError, ConfigError
from bsep_stream.files.stems import Stems


@pytest.fixture
def audio(rng: np.random.Generator) -> np.ndarray:
    return (0.1 * rng.standard_normal((2, 3_000))).astype(np.float32)


@pytest.fixture
def stems(audio: np.ndarray, tiny_model: SeparationModel) -> Stems:
    return separate(tiny_model, audio, 48_000)


def test_a_file_gives_what_its_audio_gives(
    audio: np.ndarray, stems: Stems, tiny_model_path: Path, tmp_path: Path
) -> None:
    path = tmp_path / "duet.wav"
    soundfile.write(path, audio.T, 48_000, subtype="FLOAT")
    for given in (path, str(path)):
        np.testing.assert_array_equal(separate(str(tiny_model_path), given), stems)
    with pytest.raises(ConfigError, match="leave sample_rate out"):
        separate(tiny_model_path, path, 48_000)
    with pytest.raises(ConfigError, match="needs its sample_rate"):
        separate(tiny_model_path, audio)


def test_stems_are_found_by_name(stems: Stems, audio: np.ndarray) -> None:
    assert stems.names == ("flute", "oboe", "residual")
    for number, (name, stem) in enumerate(stems.items()):
        np.testing.assert_array_equal(stem, np.asarray(stems)[number])
        np.testing.assert_array_equal(stems[name], stem)
        assert type(stem) is np.ndarray
    np.testing.assert_array_equal(stems.residual, stems["residual"])
    with pytest.raises(ConfigError, match="there is no stem 'flut'; the nearest: flute"):
        stems["flut"]


def test_stems_stay_an_array(stems: Stems, audio: np.ndarray) -> None:
    flute, oboe, residual = stems
    assert abs(flute + oboe + residual - audio).max() < 1e-6
    assert stems[0].shape == stems[0, :, :].shape == (2, 3_000)
    assert stems[..., 10:20].shape == (3, 2, 10)
    assert stems[:2].names == ()
    stems[0] = 0.0
    assert not stems["flute"].any()


def test_without_a_residual_there_is_none(audio: np.ndarray, tiny_model: SeparationModel) -> None:
    stems = separate(tiny_model, audio, 48_000, residual=False)
    with pytest.raises(ConfigError, match="no stem 'residual'"):
        _ = stems.residual


@pytest.mark.parametrize("audio_format", ["wav", "flac"])
def test_save_writes_every_stem(stems: Stems, tmp_path: Path, audio_format: str) -> None:
    paths = stems.save(tmp_path / "new", audio_format=audio_format)
    assert list(paths) == ["flute", "oboe", "residual"]
    for name, path in paths.items():
        read, rate = soundfile.read(path, dtype="float32", always_2d=True)
        assert rate == 48_000
        np.testing.assert_allclose(read.T, stems[name], atol=0.0 if audio_format == "wav" else 2.0**-23)


def test_save_keeps_what_is_there_and_leaves_nothing_half(
    stems: Stems, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "oboe.wav").write_bytes(b"mine")
    with pytest.raises(AudioError, match="overwrite=True"):
        stems.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["oboe.wav"]
    assert (tmp_path / "oboe.wav").read_bytes() == b"mine"
    stems.save(tmp_path, overwrite=True)
    assert len(list(tmp_path.iterdir())) == 3

    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(soundfile.SoundFile, "write", full)
    with pytest.raises(AudioError, match="the disk is full"):
        stems.save(tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_what_was_computed_cannot_be_saved(stems: Stems, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cut out of it or computed"):
        (0.5 * stems).save(tmp_path)
    with pytest.raises(ConfigError, match="format must be one of"):
        stems.save(tmp_path, audio_format="mp3")


def test_everything_says_what_it_is_in_one_line(stems: Stems, tiny_model: SeparationModel) -> None:
    separator = StreamingSeparator(tiny_model, channels=2)
    mixer = StemMixer(separator, {"flute": Pedalboard([Chorus(), Reverb()])}, master=Reverb())
    assert repr(stems) == "<Stems flute, oboe, residual: 2 channels, 3000 samples at 48000 Hz>"
    assert str(stems) == repr(stems)
    assert "array" in repr(stems + 1)
    assert str(np.abs(stems[0, 0, :2]) * 0) == "[0. 0.]"
    assert repr(tiny_model) == f"<SeparationModel {str(tiny_model.path)!r}: flute, oboe at 48000 Hz>"
    assert repr(separator) == "<StreamingSeparator of flute, oboe, residual: 2 channels at 48000 Hz, 10.6 ms late>"
    assert repr(mixer).startswith("<StemMixer of flute [Chorus, Reverb], oboe, residual, master [Reverb] at 48000 Hz,")
    assert repr(Mixer(("one", "two"), 44_100, 1)) == "<Mixer of one, two at 44100 Hz, 0.0 ms late>"


def test_a_single_effect_is_a_board(audio: np.ndarray, tiny_model: SeparationModel) -> None:
    single, board = (
        StemMixer(StreamingSeparator(tiny_model, channels=2), {"flute": effects})(audio, 48_000)
        for effects in (Chorus(), Pedalboard([Chorus()]))
    )
    np.testing.assert_array_equal(single, board)
