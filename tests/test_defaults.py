"""`bsep.toml`: defaults of options, and one sentence for what is wrong with them."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from shutil import copy
from textwrap import dedent

import click
import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

from bsep_stream.cli import COMMANDS, main

TORCH = importlib.util.find_spec("torch") is not None


def bsep(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def session(tmp_path: Path, rng: np.random.Generator) -> Path:
    """A folder with a recording."""
    folder = tmp_path / "session"
    folder.mkdir()
    soundfile.write(folder / "take.wav", 0.1 * rng.standard_normal((2_000, 1)), 48_000)
    return folder


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def here(session: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The session as the current folder."""
    monkeypatch.chdir(session)
    return session


def test_file_in_the_current_folder_gives_defaults(here: Path, tiny_model_path: Path) -> None:
    (here / "bsep.toml").write_text('[separate]\noutput = "stems"\nformat = "flac"\nresidual = false\n')
    result = bsep("separate", tiny_model_path, "take.wav")
    assert result.exit_code == 0, result.output
    assert "defaults from bsep.toml\n" in result.stderr
    assert names_in(here / "stems") == ["flute.flac", "oboe.flac"]


def test_paths_in_a_file_start_from_its_folder(session: Path, elsewhere: Path, tiny_model_path: Path) -> None:
    (session / "bsep.toml").write_text('[separate]\noutput = "stems"\n')
    typed = ["--config", session / "bsep.toml"]
    assert bsep("separate", tiny_model_path, session / "take.wav", *typed).exit_code == 0
    assert names_in(session / "stems") == ["flute.wav", "oboe.wav", "residual.wav"]
    assert names_in(elsewhere) == []


HOSTILE = '[{name}]\noutput = "../home"\noverwrite = true\nrack = "rack.toml"\nscheduler = "tcp://127.0.0.1:1"\n'


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_file_that_came_with_an_input_is_not_looked_at(
    name: str, session: Path, elsewhere: Path, tiny_model_path: Path
) -> None:
    """Not with any command, whatever of its inputs lies there, not even to say that it makes no sense."""
    if name in ("train", "export") and not TORCH:
        pytest.skip("train and export need torch")
    for folder in (session, session.parent):
        (folder / "bsep.toml").write_text("no TOML at all [")
    copy(tiny_model_path, session / "model.onnx")
    result = bsep(name, session / "model.onnx", session / "take.wav", session)
    assert "bsep.toml" not in result.output
    assert "TOML" not in result.output


def test_stranger_beside_a_recording_decides_nothing(session: Path, elsewhere: Path, tiny_model_path: Path) -> None:
    (session / "bsep.toml").write_text(HOSTILE.format(name="separate"))
    (session.parent / "home").mkdir()
    (session.parent / "home" / "flute.wav").write_bytes(b"mine")
    result = bsep("separate", tiny_model_path, session / "take.wav", "--output", "stems")
    assert result.exit_code == 0, result.output
    assert names_in(elsewhere / "stems") == ["flute.wav", "oboe.wav", "residual.wav"]
    assert (session.parent / "home" / "flute.wav").read_bytes() == b"mine"


def test_file_as_notepad_saves_it(here: Path, tiny_model_path: Path) -> None:
    text = '[separate]\noutput = "stems"\nformat = "flac"\n'.replace("\n", "\r\n")
    (here / "bsep.toml").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert bsep("separate", tiny_model_path, "take.wav").exit_code == 0
    assert "flute.flac" in names_in(here / "stems")


def test_native_code_is_allowed_where_it_is_typed_and_nowhere_else(here: Path, tiny_model_path: Path) -> None:
    (here / "bsep.toml").write_text('[separate]\noutput = "stems"\nallow_plugins = true\n')
    result = bsep("separate", tiny_model_path, "take.wav")
    assert result.exit_code == 2
    assert "allow_plugins cannot be set in a file" in result.stderr


def test_example_of_the_docs(here: Path, tiny_model_path: Path) -> None:
    page = Path(__file__).parent.parent / "docs" / "files.md"
    if not page.exists():
        pytest.skip("not a checkout")
    text = page.read_text(encoding="utf-8")
    example = text.partition("takes another one.\n\n")[2].partition("`bsep completion")[0]
    (here / "bsep.toml").write_text(dedent(example))
    (here / "rack.toml").write_text("[stems.flute]\nmute = true\n")
    assert bsep("separate", tiny_model_path, here / "take.wav").exit_code == 0
    assert names_in(here / "stems") == ["flute.flac", "oboe.flac", "remix.flac", "residual.flac"]


def test_what_is_typed_wins(here: Path, tiny_model_path: Path) -> None:
    (here / "bsep.toml").write_text('[separate]\noutput = "stems"\nformat = "flac"\nresidual = false\n')
    typed = ["--output", "mine", "--format", "wav", "--residual"]
    assert bsep("separate", tiny_model_path, here / "take.wav", *typed).exit_code == 0
    assert names_in(here / "mine") == ["flute.wav", "oboe.wav", "residual.wav"]
    assert not (here / "stems").exists()


def test_config_names_another_file(session: Path, elsewhere: Path, tiny_model_path: Path) -> None:
    (session / "bsep.toml").write_text('[separate]\nformat = "flac"\n')
    (elsewhere / "other.toml").write_text("[separate]\nresidual = false\n")
    typed = ["--output", "stems", "--config", "other.toml"]
    assert bsep("separate", tiny_model_path, session / "take.wav", *typed).exit_code == 0
    assert names_in(elsewhere / "stems") == ["flute.wav", "oboe.wav"]


def test_file_in_the_current_folder_is_for_commands_without_a_recording(elsewhere: Path, tiny_model_path: Path) -> None:
    (elsewhere / "bsep.toml").write_text("[info]\njson = true\n\n[rack.check]\nsample_rate = 44100\n")
    assert json.loads(bsep("info", tiny_model_path).stdout)["kind"] == "model"
    assert "44100" in bsep("rack", "check", "hall", "--json").stdout
    assert bsep("devices", "--help").stderr == ""  # no table, no word about it


def test_shipped_rack_is_named_as_on_the_command_line(here: Path, tiny_model_path: Path) -> None:
    (here / "bsep.toml").write_text('[separate]\noutput = "stems"\nrack = "hall"\n')
    assert bsep("separate", tiny_model_path, here / "take.wav").exit_code == 0
    assert "remix.wav" in names_in(here / "stems")
    (here / "mine.toml").write_text("[stems.flute]\nmute = true\n")
    (here / "bsep.toml").write_text('[separate]\noutput = "other"\nrack = "mine.toml"\n')
    assert bsep("separate", tiny_model_path, here / "take.wav").exit_code == 0


def test_pipe_is_not_disturbed_by_defaults_for_files(session: Path, tiny_model_path: Path) -> None:
    (session / "bsep.toml").write_text('[separate]\noutput = "stems"\njobs = 2\nformat = "flac"\n')
    arguments = ["separate", tiny_model_path, "-", "--stem", "flute", "--config", session / "bsep.toml"]
    data = (session / "take.wav").read_bytes()
    result = CliRunner().invoke(main, list(map(str, arguments)), input=data)
    assert (result.exit_code, result.stdout_bytes[:4]) == (0, b"RIFF")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[separate", "is not valid TOML"),
        ('format = "flac"', "has no use for 'format'"),
        ("[seperate]", "has no use for 'seperate'; the nearest: separate"),
        ("separate = 3", "separate must be a table like [separate], got 3"),
        ('[separate]\nformt = "wav"', "[separate] has no option 'formt'; the nearest: format"),
        ('[separate]\nconfig = "a.toml"', "[separate] has no option 'config'"),
        ('[separate]\nformat = "mp3"', "[separate] format: 'mp3' is not one of 'wav', 'flac', 'raw'"),
        ('[separate]\njobs = "many"', "[separate] jobs: 'many' is not a valid integer"),
        ("[separate]\njobs = 0", "[separate] jobs: 0 is not in the range"),
        ('[separate]\noverwrite = "yes"', "[separate] overwrite must be true or false, got 'yes'"),
        ("[separate]\nrack = true", "[separate] rack must be a value, got True"),
        ('[separate]\nrack = ["a.toml"]', "[separate] rack must be a single value, got ['a.toml']"),
        ("[separate]\njobs = " + "9" * 400, "holds a whole number beyond 64 bits"),
        ("[separate]\njobs = " + "9" * 5000, "is not valid TOML"),
        ("[separate]\nrack = " + "[" * 2000 + "]" * 2000, "nests deeper than 32 levels"),
        ("[" + "a." * 30_000 + "a]", "nests deeper than 32 levels"),
        ('[separate]\nrack = "\\u001b[2J"', "holds text with control characters: '\\x1b[2J'"),
        ('[separate]\nrack = "a\\u0000b"', "holds text with control characters"),
        ('["\\u001b[2J"]', "has a name with control characters: '\\x1b[2J'"),
        ("[separate]\n" + "r" * 9_000 + " = 1", "has no option 'rrr"),
        ("[separate]\njobs = inf", "jobs must be a whole number, got inf"),
        ("[separate]\njobs = 2.5", "jobs must be a whole number, got 2.5"),
        ("#" * 300_000, "is larger than the 0.256 MB that such a file may have"),
    ],
)
def test_mistake_in_the_file_is_one_sentence(here: Path, tiny_model_path: Path, text: str, sentence: str) -> None:
    (here / "bsep.toml").write_text(text)
    result = bsep("separate", tiny_model_path, here / "take.wav", "--output", here / "stems")
    assert result.exit_code == 2
    last = result.stderr.splitlines()[-1]
    assert last.startswith("bsep: ")
    assert "bsep.toml" in last
    assert sentence in last
    assert not (here / "stems").exists()


def test_tables_for_what_is_no_subcommand_are_refused(elsewhere: Path) -> None:
    (elsewhere / "bsep.toml").write_text("[rack.chek]\nchannels = 1\n")
    assert "[rack] has tables for its commands; the nearest: check" in bsep("rack", "show").stderr


def test_missing_file_is_one_sentence(tiny_model_path: Path, elsewhere: Path) -> None:
    result = bsep("info", tiny_model_path, "--config", "nowhere.toml")
    assert (result.exit_code, result.stderr) == (2, "bsep: cannot read nowhere.toml: No such file or directory\n")


def test_help_needs_no_valid_file(elsewhere: Path) -> None:
    (elsewhere / "bsep.toml").write_text("[separate")
    assert bsep("separate", "--help").exit_code == 0


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_can_be_given_a_file(name: str) -> None:
    if name in ("train", "export") and not TORCH:
        pytest.skip("train and export need torch")
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert [parameter.opts for parameter in command.params].count(["--config"]) == 1
