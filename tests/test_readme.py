"""The README keeps its word: its Python runs, its commands and options exist, its rack loads, its files are there."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path
from shutil import copy

import click
import pytest
import soundfile

from bsep_stream.cli import COMMANDS, main
from bsep_stream.demo import MIX
from bsep_stream.effects.rack import load_rack

README = Path(__file__).parent.parent / "README.md"
TORCH = importlib.util.find_spec("torch") is not None and importlib.util.find_spec("onnx") is not None


def blocks(language: str) -> list[str]:
    """Fenced code of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def commands() -> list[list[str]]:
    """Every call of `bsep` in a console block, without `bsep`."""
    lines = [line for block in blocks("console") for line in block.splitlines()]
    return [shlex.split(line)[2:] for line in lines if line.startswith("$ bsep ")]


@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_python_runs(
    number: int,
    tiny_model_path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    trains = "train(" in blocks("python")[number]
    audio, rate = soundfile.read(MIX, frames=96_000 if trains else 24_000, always_2d=True)
    soundfile.write(tmp_path / "duet.wav", audio.repeat(2, axis=1), rate)
    if not trains:  # else it makes the model
        copy(tiny_model_path, tmp_path / "duet.onnx")
    elif TORCH:
        request.getfixturevalue("tiny_presets")
    else:
        pytest.skip("training needs torch")
    monkeypatch.chdir(tmp_path)
    exec(compile(blocks("python")[number], f"README block {number}", "exec"), {})


def test_there_is_python_and_there_are_commands() -> None:
    assert len(blocks("python")) >= 3
    assert {words[0] for words in commands()} >= {"train", "export", "separate", "evaluate", "info", "bench", "report"}


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_commands_and_their_options_exist(words: list[str]) -> None:
    if words[0] in ("train", "export") and not TORCH:
        pytest.skip("train and export need torch")
    command = main.get_command(click.Context(main), words[0])
    assert command is not None
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    assert {word for word in words if word.startswith("--")} <= known


def test_first_session_uses_only_files_that_exist_by_then() -> None:
    made = {"duet.wav", "flute_true.wav", "oboe_true.wav", "rack.toml", "takes"}  # what the reader brings
    for words in commands():
        output = words[words.index("--output") + 1] if "--output" in words else None
        for word in words[1:]:
            name = word.split("/")[0]
            if word != output and not word.startswith("--") and ("." in word or word in ("run", "stems")):
                assert name in made, words
        if output is not None:
            made.add(output)


def test_rack_loads(tmp_path: Path) -> None:
    (rack,) = blocks("toml")
    (tmp_path / "rack.toml").write_text(rack, encoding="utf-8")
    assert set(load_rack(tmp_path / "rack.toml").stems) == {"flute", "residual"}


def test_every_command_is_mentioned() -> None:
    text = README.read_text(encoding="utf-8")
    assert not [name for name in COMMANDS if f"bsep {name}" not in text]


def test_files_that_are_named_exist() -> None:
    if not (README.parent / "pyproject.toml").exists():
        pytest.skip("not a checkout")
    text = README.read_text(encoding="utf-8")
    named = set(re.findall(r"\]\((?!http)([^)#]+)\)", text)) | set(re.findall(r"(?:tests|docs)/[\w./-]*\w", text))
    assert not sorted(name for name in named if not (README.parent / name).exists())
