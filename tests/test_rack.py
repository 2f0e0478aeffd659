"""Rack files: what they say is what the boards do, and every mistake names what would be right."""

import math
from pathlib import Path

import numpy as np
import pedalboard
import pytest
import soundfile

from bsep_stream.effects.catalogue import EFFECTS, Choice, Effect, Flag, Range, SoundFile
from bsep_stream.effects.rack import Rack, Strip, load_rack
from bsep_stream.errors import ConfigError

STEMS = ("recorder", "violin", "residual")

GOOD = """
[stems.recorder]
gain_db = -3
effects = [
    { type = "Reverb", room_size = 0.4, wet_level = 0.25 },
    { type = "LadderFilter", mode = "HPF12", cutoff_hz = 100 },
    { type = "BrickwallLimiter", true_peak = true },
]

[stems.residual]
mute = true

[master]
gain_db = -1.5
effects = [{ type = "Limiter", threshold_db = -1.0 }]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "rack.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_file_becomes_boards_with_its_parameters(tmp_path: Path) -> None:
    rack = load_rack(write(tmp_path, GOOD))
    rack.check(STEMS)
    boards = rack.boards()
    assert list(boards) == ["recorder"]
    reverb, ladder, limiter = boards["recorder"]
    assert isinstance(reverb, pedalboard.Reverb)
    assert reverb.room_size == pytest.approx(0.4)
    assert reverb.wet_level == pytest.approx(0.25)
    assert ladder.mode == pedalboard.LadderFilter.Mode.HPF12
    assert limiter.true_peak is True
    assert rack.gains_db(STEMS) == {"recorder": -3.0, "violin": 0.0, "residual": -math.inf}
    assert rack.master.gain_db == -1.5
    assert rack.master.board()[0].threshold_db == pytest.approx(-1.0)
    assert rack.boards()["recorder"][0] is not reverb  # two streams share no effect


def test_mixer_of_a_rack_plays_it(tmp_path: Path, rng: np.random.Generator) -> None:
    text = '[stems.recorder]\ngain_db = -20\n[stems.violin]\neffects = [{type = "Invert"}]\n[master]\ngain_db = 20'
    mixer = load_rack(write(tmp_path, text)).mixer(STEMS, 48_000, 2)
    stems = rng.standard_normal((3, 2, 64)).astype(np.float32)
    expected = stems[0] - 10 * stems[1] + 10 * stems[2]
    np.testing.assert_allclose(mixer.process(stems), expected, atol=1e-4)  # float32 of values up to 40


def test_solo_silences_the_others_and_mute_wins() -> None:
    rack = Rack({"recorder": Strip(solo=True, gain_db=2.0), "violin": Strip(solo=True, mute=True)})
    assert rack.gains_db(STEMS) == {"recorder": 2.0, "violin": -math.inf, "residual": -math.inf}


def test_empty_rack_changes_nothing(tmp_path: Path) -> None:
    rack = load_rack(write(tmp_path, ""))
    assert rack == Rack()
    mixer = rack.mixer(STEMS, 48_000, 1)
    assert mixer.latency_samples == 0
    assert mixer.process(np.ones((3, 1, 4), np.float32)).tolist() == [[3.0] * 4]


CONVOLUTION = '[master]\neffects = [{type = "Convolution", impulse_response_filename = "hall.wav", mix = 1.0}]'


@pytest.mark.parametrize(
    ("container", "encoding"),
    [
        ("WAV", "PCM_16"),
        ("WAV", "FLOAT"),
        ("WAV", "DOUBLE"),
        ("WAV", "ULAW"),
        ("WAV", "IMA_ADPCM"),
        ("WAV", "MS_ADPCM"),
        ("WAVEX", "ALAW"),
        ("AIFF", "PCM_U8"),
        ("AIFF", "DOUBLE"),
        ("FLAC", "PCM_24"),
        ("OGG", "VORBIS"),
    ],
)
def test_impulse_response_beside_the_rack_is_heard_whatever_its_encoding(
    container: str, encoding: str, tmp_path: Path
) -> None:
    """pedalboard itself does nothing, without a word, with every second of these."""
    response = np.zeros(6_000)
    for start, peak in ((0, 0.5), (2_000, 0.3), (5_000, 0.2)):
        response[start : start + 400] = peak * np.hanning(400)
    soundfile.write(tmp_path / "hall.wav", response, 48_000, format=container, subtype=encoding)
    mixer = load_rack(write(tmp_path, CONVOLUTION)).mixer(("one",), 48_000, 1)
    stems = np.zeros((1, 1, 8_000), np.float32)
    stems[..., 0] = 1.0
    heard = mixer.process(stems)[0, mixer.latency_samples :]
    np.testing.assert_allclose(heard[200:6_000:100] / heard[200], 2.0 * response[200:6_000:100], atol=0.1)  # of ADPCM


def test_impulse_response_of_a_lying_header_takes_no_memory(tmp_path: Path) -> None:
    """pedalboard asks for eight gigabytes here."""
    soundfile.write(tmp_path / "hall.wav", np.hanning(2_000), 48_000, subtype="FLOAT")
    data = bytearray((tmp_path / "hall.wav").read_bytes())
    place = data.index(b"data") + 4
    data[place : place + 4] = (0x7FFFFFF0).to_bytes(4, "little")
    (tmp_path / "hall.wav").write_bytes(data)
    (plugin,) = load_rack(write(tmp_path, CONVOLUTION)).master.board()
    assert plugin.impulse_response.shape == (1, 2_000)


def test_impulse_response_that_is_none_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 48_000)
    soundfile.write(tmp_path / "long.wav", np.zeros(31 * 8_000), 8_000)
    soundfile.write(tmp_path / "wide.wav", np.zeros((100, 3)), 8_000)
    (tmp_path / "noise.wav").write_bytes(b"no sound file")
    wrong = {
        "empty.wav": "got 0 samples of WAV",
        "noise.wav": "is no sound file",
        "long.wav": "at most 30 s and 2 channels, .*long.wav has 31 s and 1",
        "wide.wav": "at most 30 s and 2 channels",
        "a" * 300 + ".wav": "must be the path of a sound file, got 'aaa",
    }
    for name, sentence in wrong.items():
        with pytest.raises(ConfigError, match=sentence):
            load_rack(write(tmp_path, CONVOLUTION.replace("hall.wav", name)))
    soundfile.write(tmp_path / "hall.wav", np.full(100, np.nan), 48_000, subtype="FLOAT")
    with pytest.raises(ConfigError, match="NaN or Inf"):
        load_rack(write(tmp_path, CONVOLUTION)).master.board()


MISTAKES = {
    "[stem.recorder]": "no setting 'stem'; the nearest: stems",
    "stems = 3": "stems must be tables like",
    "[stems]\nrecorder = 3": r"\[stems.recorder\] must be a table, got 3",
    "[stems.recorder]\ngain = 3": r"\[stems.recorder\] has no setting 'gain'; the nearest: gain_db",
    "[master]\nsolo = true": r"\[master\] has no setting 'solo'",
    "[master]\ngain_db = 99": "gain_db must be a number from -120 to 40, got 99",
    "[master]\ngain_db = nan": "gain_db must be a number from -120 to 40, got nan",
    "[master]\ngain_db = true": "gain_db must be a number from -120 to 40, got True",
    "[stems.recorder]\nmute = 1": "mute must be true or false, got 1",
    '[master]\neffects = "Reverb"': r"\[master\] effects must be a list like",
    '[master]\neffects = ["Reverb"]': r"\[master\] effect 1 must be a table with a type",
    "[master]\neffects = [{room_size = 1}]": r"\[master\] effect 1 must be a table with a type",
    '[master]\neffects = [{type = "Gain"}, {type = "Revreb"}]': (
        "effect 2: there is no effect 'Revreb'; the nearest: Reverb"
    ),
    '[master]\neffects = [{type = "reverb"}]': "there is no effect 'reverb'; the nearest: Reverb",
    '[master]\neffects = [{type = "VST3Plugin"}]': "there is no effect 'VST3Plugin'; ",
    '[master]\neffects = [{type = "Reverb", roomsize = 1}]': (
        "Reverb has no parameter 'roomsize'; the nearest: room_size"
    ),
    '[master]\neffects = [{type = "Invert", a = 1}]': "Invert has no parameter 'a'; it has none",
    '[master]\neffects = [{type = "Reverb", room_size = 4}]': (
        "Reverb.room_size must be a number from 0 to 1, got 4; the nearest is 1"
    ),
    '[master]\neffects = [{type = "MP3Compressor", vbr_quality = -1e6}]': "must be a number from 0 to 9.*nearest is 0",
    '[master]\neffects = [{type = "Reverb", room_size = nan}]': "room_size must be a number from 0 to 1, got nan",
    '[master]\neffects = [{type = "Reverb", room_size = "big"}]': "must be a number from 0 to 1, got 'big'",
    '[master]\neffects = [{type = "Reverb", room_size = true}]': "must be a number from 0 to 1, got True",
    '[master]\neffects = [{type = "BrickwallLimiter", true_peak = 1}]': "true_peak must be true or false, got 1",
    '[master]\neffects = [{type = "LadderFilter", mode = "LPF6"}]': "has no choice 'LPF6'; the nearest: .*LPF12",
    '[master]\neffects = [{type = "Convolution", mix = 1}]': "Convolution needs impulse_response_filename",
    '[master]\neffects = [{type = "Convolution", impulse_response_filename = "no.wav"}]': "got 'no.wav'; no such file",
    "[master": "is not valid TOML: Expected",
}


@pytest.mark.parametrize("text", list(MISTAKES))
def test_mistake_in_the_file_names_what_would_be_right(text: str, tmp_path: Path) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError, match=MISTAKES[text]) as caught:
        load_rack(path)
    assert str(path) in str(caught.value)


def test_missing_file_and_bytes_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read the rack .*none\.toml: No such file"):
        load_rack(tmp_path / "none.toml")
    (tmp_path / "rack.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"no text in UTF-8 \(byte 1\); save it as UTF-8"):
        load_rack(tmp_path / "rack.toml")


def test_stem_that_does_not_exist_is_named_with_the_nearest() -> None:
    rack = Rack({"recoder": Strip()})
    with pytest.raises(ConfigError, match=r"\[stems.recoder\], but there is no such stem; the nearest: recorder"):
        rack.check(STEMS)
    with pytest.raises(ConfigError, match="no such stem"):
        rack.mixer(STEMS, 48_000, 1)


@pytest.mark.parametrize("name", [name for name in EFFECTS if name not in ("Convolution", "VST3")])
def test_table_of_effects_fits_pedalboard(name: str) -> None:
    """Every parameter exists and both ends of its range are taken; nothing that pedalboard has is missing."""
    known = EFFECTS[name]
    offered = {
        key
        for key, value in vars(getattr(pedalboard, name)).items()
        if isinstance(value, property) and key not in ("is_effect", "is_instrument")
    }
    assert set(known) == offered
    for parameter, kind in known.items():
        assert not isinstance(kind, SoundFile)
        ends = {Range: lambda k: (k.low, k.high), Choice: lambda k: k.names, Flag: lambda k: (False, True)}
        for end in ends[type(kind)](kind):
            assert Effect(name, {parameter: end}).make()
