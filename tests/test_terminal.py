"""A terminal is not a printer: control characters in names and messages are shown, never sent."""

from __future__ import annotations

import ast
import io
import os
import subprocess
from pathlib import Path
from shutil import copy, which

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result
from rich.progress import Progress
from rich.table import Table

import bsep_stream
from bsep_stream.cli import main
from bsep_stream.errors import BsepError, RackError
from bsep_stream.plain import pasteable, path_word
from bsep_stream.spoken import AudioWarning
from bsep_stream.trust.console import Console
from bsep_stream.trust.shown import brief, has_only_plain, shown
from bsep_stream.trust.terminal import say, say_above_bar

EVIL = "a\x1b[2J\x07\n\x9b31m\u202eb"
SHOWN = "a\\x1b[2J\\x07\\n\\x9b31m\\u202eb"

PACKAGE = Path(bsep_stream.__file__).parent
TALKERS = [
    path
    for folder in ("cli", "train", "export", "live")
    for path in sorted((PACKAGE / folder).resolve().rglob("*.py"))
    if path.name not in ("terminal.py", "console.py") and "benchmark" not in path.parts
]


def bsep(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def is_clean(text: str) -> bool:
    return all(each in "\n\t" or has_only_plain(each) for each in text)


@pytest.mark.parametrize("path", TALKERS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_whatever_is_printed_passes_the_one_place(path: Path) -> None:
    """`say`, `say_above_bar` or the Console of `trust/console.py`: neither click's nor Rich's own, nor print."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in ("click.echo", "click.secho", "print", "sys.stdout.write", "sys.stderr.write"), called
        if isinstance(node, ast.ImportFrom):
            assert node.module != "rich.console", f"{path} has a console of its own"
            assert not (node.module == "rich" and any(name.name == "print" for name in node.names))


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (EVIL, SHOWN),
        ("line\none\ttab", "line\\none\\ttab"),
        ("next\x85page\x0b\u2029", "next\\x85page\\x0b\\u2029"),
        ("back\rspace\b", "back\\x0dspace\\x08"),
        ("byte \udcff, half \ud800", "byte \\xff, half \\ud800"),
        ("Käse 笛 \u2028", "Käse 笛 \\u2028"),
        ("", ""),
    ],
)
def test_control_characters_are_written_out(text: str, seen: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(text) == seen
    say(text)
    say(text, err=True)
    say_above_bar(text)
    out, err = capsys.readouterr()
    assert (out, err) == (f"{seen}\n{seen}\n", f"{seen}\n")


def test_tables_bars_and_lines_of_the_console_show_them() -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=100, color_system=None)
    table = Table(title=EVIL)
    table.add_column(EVIL)
    table.add_row(EVIL)
    console.print(table)
    console.print(EVIL, markup=False)
    assert is_clean(file.getvalue().replace("\x1b[3m", "").replace("\x1b[0m", ""))
    assert file.getvalue().count("a\\x1b[2J") == 4
    with Progress(console=console) as bar:
        bar.add_task(EVIL, total=1)
        console.print(f"above {EVIL}")
    with console.status(EVIL):
        pass
    written = file.getvalue()
    assert "\x1b[2J" not in written  # what the name asks for; Rich itself moves the cursor in other ways
    assert "\x9b" not in written
    assert "\u202e" not in written


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (EVIL, r"'a\x1b[2J\x07\n\x9b31m\u202eb'"),
        ([[[[[1]]]]], "[[[[...]]]]"),
        (3, "3"),
    ],
)
def test_value_in_a_sentence_is_brief_and_plain(value: object, text: str) -> None:
    assert brief(value) == text


def test_long_value_in_a_sentence_is_cut() -> None:
    assert brief(10**5_000) == "a number that is too long to be shown"
    assert len(brief("a" * 100_000)) <= 82
    assert len(brief({str(i): "b" * 1_000 for i in range(1_000)})) < 1_000


@pytest.fixture
def evil_folder(tmp_path: Path, rng: np.random.Generator) -> Path:
    """A folder, a recording, a rack and a model whose names are control characters."""
    folder = tmp_path / "a\x1b]0;mine\x07"
    folder.mkdir()
    soundfile.write(folder / "take\x1b[2J.wav", 0.1 * rng.standard_normal((2_000, 1)), 48_000)
    return folder


def test_names_of_files_are_shown_by_every_command(evil_folder: Path, tiny_model_path: Path) -> None:
    take, model = evil_folder / "take\x1b[2J.wav", evil_folder / "model\x1b[2J.onnx"
    copy(tiny_model_path, model)
    rack = evil_folder / "rack\x1b[2J.toml"
    rack.write_text("[stems.flute]\ngain = 3\n")
    stems = evil_folder / "stems\x1b[2J"
    for arguments in (
        ("separate", model, take, "--output", stems),
        ("separate", model, take, "--output", stems),  # exists
        ("separate", model, take, evil_folder / "no\x1b[2J.wav", "--output", stems / "more"),
        ("info", model),
        ("info", model, "--json"),
        ("info", evil_folder),
        ("rack", "check", rack),
        ("report", stems, "--output", evil_folder / "report\x1b[2J.txt"),
        ("evaluate", take, "--estimates", take),
        ("rack", "show", "no\x1b[2J"),
        ("rack", "effects", "no\x1b[2J"),
        ("no\x1b[2J",),
        ("info", "--no\x1b[2J"),
    ):
        result = bsep(*arguments)
        assert result.exception is None or isinstance(result.exception, SystemExit), arguments
        assert is_clean(result.output), (arguments, result.output)
        assert is_clean(result.stderr), (arguments, result.stderr)
        assert result.output


FORGING = "a\nnext: rm -rf ~\u2028\r"


def test_a_name_cannot_forge_a_line(tmp_path: Path, tiny_model_path: Path, rng: np.random.Generator) -> None:
    folder = tmp_path / FORGING
    folder.mkdir()
    take, model = folder / f"take{FORGING}.wav", folder / f"model{FORGING}.onnx"
    soundfile.write(folder / "take.wav", 0.1 * rng.standard_normal((2_000, 1)), 48_000)
    (folder / "take.wav").rename(take)  # libsndfile is not asked
    copy(tiny_model_path, model)
    rack = folder / f"rack{FORGING}.toml"
    rack.write_text("[stems.flute]\ngain = 3\n[master]\nmut = 1")
    stems = folder / f"stems{FORGING}"
    for arguments in (
        ("separate", model, take, "--output", stems),
        ("separate", model, take, "--output", stems),  # exists
        ("separate", model, take, folder / f"no{FORGING}.wav", "--output", stems / "more"),
        ("notes", model, take, "--output", folder / f"notes{FORGING}.csv"),
        ("notes", model, model, "--output", folder / "notes.csv"),
        ("info", model),
        ("info", folder),
        ("bench", rack),
        ("rack", "check", rack),
        ("report", stems, "--output", folder / f"report{FORGING}.html"),
        ("report", folder, "--output", folder / f"report{FORGING}.txt"),
        ("evaluate", "--reference", take, "--estimate", take),
        ("evaluate", "--reference", rack, "--estimate", take),
        ("rack", "show", FORGING),
        (FORGING,),
        ("info", f"--{FORGING}"),
        ("separate", "--format", FORGING),
        ("info", "--config", folder / FORGING, model),
    ):
        result = bsep(*arguments)
        assert result.exception is None or isinstance(result.exception, SystemExit), arguments
        for line in (result.output + result.stderr).split("\n"):
            assert not line.startswith("next: rm"), arguments
            assert has_only_plain(line), (arguments, line)


def test_a_sentence_and_a_warning_show_names_from_python_as_well() -> None:
    assert str(BsepError(f"there is no {FORGING}")) == r"there is no a\nnext: rm -rf ~\u2028\x0d"
    assert str(RackError((f"there is no {FORGING}",))) == r"there is no a\nnext: rm -rf ~\u2028\x0d"
    assert "\n" not in str(AudioWarning(FORGING))


@pytest.mark.skipif(which("bash") is None, reason="bash is not here")
@pytest.mark.parametrize(
    "name", ["-x", "$HOME", "a b", "it's", "a\nb", "\x1b1", "`id`", "\\n", "*", "!x", "~", "\udcff", "笛\n", "#a"]
)
def test_what_is_to_be_pasted_arrives_as_it_was(name: str) -> None:
    line = pasteable(["printf", "%s", path_word(name)])
    assert has_only_plain(line)
    said = subprocess.run(["bash", "-c", line], capture_output=True, check=True).stdout
    assert said == os.fsencode(path_word(name))


@pytest.mark.skipif(which("bash") is None, reason="bash is not here")
@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_what_is_to_be_pasted_has_only_letters_of_the_output(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "Flöte 笛 it's"
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    line = pasteable(["printf", "%s", path_word(name)])
    assert line.encode(encoding)
    assert ("笛" in line) == (encoding == "utf-8")
    assert subprocess.run(["bash", "-c", line], capture_output=True, check=True).stdout == os.fsencode(name)


def test_name_that_is_no_text_is_shown_in_its_bytes(tmp_path: Path, tiny_model_path: Path) -> None:
    take = tmp_path / os.fsdecode(b"K\xe4se.wav")
    soundfile.write(tmp_path / "take.wav", np.zeros((2_000, 1)), 48_000)
    try:
        (tmp_path / "take.wav").rename(take)
    except OSError:
        pytest.skip("this file system has no such names")
    result = bsep("separate", tiny_model_path, take, tmp_path / "none.wav", "--output", tmp_path / "stems")
    assert "K\\xe4se" in result.output


def test_memory_that_is_not_there_is_one_sentence(tiny_model_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def greedy(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("bsep_stream.report.info.describe_model", greedy)
    result = bsep("info", tiny_model_path)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "more memory than there is" in result.stderr
