"""Racks of strangers: looking runs nothing, plugins are asked for, all mistakes are told, no gigabytes."""

from __future__ import annotations

import io
import pickle
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

from bsep_stream.cli import main
from bsep_stream.cli.standardstreams import steady_streams
from bsep_stream.effects.rack import Rack, load_rack, rack_from_dict
from bsep_stream.effects.rackmemory import MOST_MEMORY_BYTES
from bsep_stream.errors import ConfigError, RackError
from bsep_stream.live.engine.liveengine import LiveEngine
from bsep_stream.live.session.rackwatch import SETTLE_SECONDS, RackWatch
from bsep_stream.live.session.typed import TypedLines
from bsep_stream.separator import StreamingSeparator

PLUGIN = '[master]\neffects = [{ type = "VST3", path = "Verb.vst3" }]\n'


def bsep(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


MANY = """
[stems.flute]
gain = 3
mute = 1
effects = [{ type = "Reverb", room_size = 4, damp = 1 }, { type = "Gian" }, { type = "Convolution" }]
[stems.oboe]
gain_db = 99
[mastr]
[master]
solo = true
effects = [{ type = "VST3", path = "none.vst3" }]
"""


def test_check_tells_all_mistakes(tmp_path: Path) -> None:
    (tmp_path / "rack.toml").write_text(MANY)
    result = bsep("rack", "check", tmp_path / "rack.toml")
    assert result.exit_code == 2
    lines = result.stderr.splitlines()
    assert all(line.startswith(f"bsep: {tmp_path / 'rack.toml'}") for line in lines)
    wanted = ("'gain'", "mute", "room_size", "'damp'", "'Gian'", "impulse_response", "gain_db", "'mastr'", "'solo'")
    for word in (*wanted, "none.vst3"):
        assert any(word in line for line in lines), word
    assert len(lines) == 10


def test_check_tells_all_stems_and_effects_that_do_not_fit(tmp_path: Path, tiny_model_path: Path) -> None:
    (tmp_path / "names.toml").write_text("[stems.tuba]\nmute = true\n[stems.harp]\nmute = true\n")
    sentences = bsep("rack", "check", tmp_path / "names.toml", "--model", tiny_model_path).stderr
    assert "[stems.tuba]" in sentences
    assert "[stems.harp]" in sentences
    shift = 'effects = [{ type = "PitchShift", semitones = 2 }]\n'
    (tmp_path / "shifts.toml").write_text(f"[stems.flute]\n{shift}[stems.oboe]\n{shift}")
    sentences = bsep("rack", "check", tmp_path / "shifts.toml").stderr
    assert "the effects of flute" in sentences
    assert "the effects of oboe" in sentences


def test_elsewhere_the_first_mistake_is_told_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(
        RackError, match=r"no setting 'mastr'.* \(and 9 more: `bsep rack check` lists them\)$"
    ) as caught:
        rack_from_dict(tomllib.loads(MANY))
    assert len(caught.value.mistakes) == 10
    again = pickle.loads(pickle.dumps(caught.value))  # as it comes from a worker
    assert (str(again), again.mistakes) == (str(caught.value), caught.value.mistakes)


HOSTILE = {
    "400 digits": ("[stems.flute]\ngain_db = " + "9" * 400, "whole number beyond 64 bits"),
    "5000 digits": ("[stems.flute]\ngain_db = " + "9" * 5_000, "is not valid TOML"),
    "hexadecimal": ("[stems.flute]\ngain_db = 0x" + "f" * 9_000, "whole number beyond 64 bits"),
    "room of 400 zeros": ('[master]\neffects = [{type = "Reverb", room_size = 1' + "0" * 400 + "}]", "beyond 64 bits"),
    "infinite": ('[master]\neffects = [{type = "Reverb", room_size = inf}]', "from 0 to 1, got inf"),
    "brackets": ("a = " + "[" * 2_000 + "]" * 2_000, "nests deeper"),
    "tables": ("a = " + "{a=" * 2_000 + "1" + "}" * 2_000, "nests deeper"),
    "dotted key": ("a." * 40_000 + "a = 1", "nests deeper"),
    "dotted quoted key": ('"a" . ' * 20_000 + "a = 1", "nests deeper"),
    "dotted table": ("[" + "a." * 500 + "a]", "nests deeper"),
    "escape": ('["\\u001b[2Jx"]', r"control characters: '\\x1b\[2Jx'"),
    "escape in a stem": ('[stems."\\u001b]0;x\\u0007"]', "control characters"),
    "zero byte": ('[master]\neffects = [{type = "VST3", path = "a\\u0000.vst3"}]', "control characters"),
    "long name": ('[master]\neffects = [{type = "VST3", path = "' + "a" * 9_000 + '.vst3"}]', "no such plugin"),
    "long stem": ("[stems." + "a" * 9_000 + "]\ngain = 1", r"a{80}\.\.\.\] has no setting"),
    "long string": ('[master]\neffects = "' + "a" * 9_000 + '"', "must be a list like"),
    "longer string": ('[master]\neffects = "' + "a" * 200_000 + '"', "a text of more than 10000 characters"),
    "large file": ("#" * 300_000, "is larger than"),
    "effects": ("[master]\neffects = [" + '{type = "Invert"},' * 200 + "]", "has 200 effects, and 128 are possible"),
    "datetime": ("[master]\ngain_db = 1979-05-27T07:32:00Z", "must be a number"),
}


@pytest.mark.parametrize("kind", list(HOSTILE))
def test_hostile_rack_is_one_sentence(kind: str, tmp_path: Path) -> None:
    text, sentence = HOSTILE[kind]
    (tmp_path / "rack.toml").write_text(text)
    with pytest.raises(ConfigError, match=sentence) as caught:
        load_rack(tmp_path / "rack.toml")
    assert len(str(caught.value)) < 1_000
    assert str(caught.value).isprintable()


def test_rack_as_notepad_saves_it(tmp_path: Path) -> None:
    (tmp_path / "rack.toml").write_bytes(b"\xef\xbb\xbf[master]\r\ngain_db = -3\r\n")
    assert load_rack(tmp_path / "rack.toml").master.gain_db == -3.0


def test_delays_and_rooms_of_gigabytes_are_refused_before_they_are_made(tmp_path: Path) -> None:
    def delays(n: int) -> Rack:
        return rack_from_dict({"stems": {"*": {"effects": n * [{"type": "Delay", "delay_seconds": 30.0}]}}})

    with pytest.raises(ConfigError, match=r"need 1382 MB over all stems at 48000 Hz, and 512 MB are possible"):
        delays(120).mixer(("one", "residual"), 48_000, 2)
    with pytest.raises(ConfigError, match=r"has 300 effects over all stems, and 128 are possible"):
        delays(100).mixer(("one", "two", "three", "residual"), 48_000, 2)
    with pytest.raises(ConfigError, match="need 553 MB"):
        delays(6).mixer(("one", "residual"), 192_000, 4)
    assert MOST_MEMORY_BYTES > 3 * 4 * 30 * 48_000 * 2
    delays(1).mixer(("one", "two", "residual"), 48_000, 2)
    soundfile.write(tmp_path / "hall.wav", np.ones(30 * 8_000), 8_000)
    hall = {"type": "Convolution", "impulse_response_filename": "hall.wav"}
    with pytest.raises(ConfigError, match="need 1382 MB"):
        rack_from_dict({"master": {"effects": 30 * [hall]}}, tmp_path).mixer(("one",), 48_000, 2)


def rack_line(tmp_path: Path, model: Path) -> tuple[LiveEngine, Path, Callable[[str], str]]:
    engine = LiveEngine(StreamingSeparator(model))
    path = tmp_path / "rack.toml"
    path.write_text("[master]\ngain_db = -6.0\n")
    now = [0.0]
    watch = RackWatch(engine, path, clock=lambda: now[0])

    def save(text: str) -> str:
        path.write_text(text)
        watch._loaded = None  # whatever the resolution of the file system's clock
        watch.poll()
        now[0] += 1.1 * SETTLE_SECONDS
        watch.poll()
        return str(engine.counters.events[-1].text)

    return engine, path, save


def test_whatever_a_saved_rack_raises_the_old_one_plays_on(
    tmp_path: Path, tiny_model_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, _, save = rack_line(tmp_path, tiny_model_path)
    save("[master]\ngain_db = -6.0\n")
    for text, _ in HOSTILE.values():
        assert save(text).endswith("; the old rack plays on")
    (tmp_path / "Verb.vst3").mkdir()
    assert save(PLUGIN).endswith("; the old rack plays on")
    for error in (RecursionError("deep"), MemoryError(), RuntimeError("plugin"), KeyError("x")):

        def raising(path: Path, error: Exception = error) -> Rack:
            raise error

        monkeypatch.setattr("bsep_stream.live.session.rackwatch.load_rack", raising)
        assert save("[master]\n").endswith("; the old rack plays on")
    assert engine.desk.rack.master.gain_db == -6.0


@pytest.mark.parametrize(
    "line",
    ["gain flute 1e999", "gain flute " + "9" * 5_000, "wet nan", "mute \x1b[2J", "x" * 100_000, "gain  ", "\x00"],
)
def test_whatever_is_typed_is_answered(line: str, tiny_model_path: Path) -> None:
    engine = LiveEngine(StreamingSeparator(tiny_model_path))
    typed = TypedLines(io.StringIO(f"{line}\nbypass\n"))
    answers: list[str] = []
    while len(answers) < 2:
        answers += typed.poll(engine.desk)
    assert answers[1:] == ["bypass: done"]
    assert len(answers[0]) < 500


def test_lines_without_end_do_not_stop_the_show(tiny_model_path: Path) -> None:
    class Yes(io.StringIO):
        def readline(self, size: int | None = -1, /) -> str:
            return "y\n"

    engine = LiveEngine(StreamingSeparator(tiny_model_path))
    typed = TypedLines(Yes())
    assert max(len(typed.poll(engine.desk)) for _ in range(50)) <= 20


def test_rack_of_thousands_of_stems_is_refused() -> None:
    with pytest.raises(ConfigError, match="rack has 9000 stems, and 64 are possible"):
        rack_from_dict({"stems": {f"s{number}": {} for number in range(9_000)}})


def test_typed_bytes_that_are_no_text_are_shown(tiny_model_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typed_bytes = io.TextIOWrapper(io.BytesIO(b"gain fl\xfcte 3\nbypass\n"), encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", typed_bytes)
    steady_streams()
    typed = TypedLines(sys.stdin)
    engine = LiveEngine(StreamingSeparator(tiny_model_path))
    answers: list[str] = []
    while len(answers) < 2:
        answers += typed.poll(engine.desk)
    assert "xfcte" in answers[0]
    assert answers[1] == "bypass: done"
