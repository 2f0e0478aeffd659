"""Two processes with one output, left-behind files, and outputs that are no plain files."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

from bsep_stream.cli import main
from bsep_stream.errors import AudioError, BusyError, ConfigError
from bsep_stream.files.atomic import whole_file
from bsep_stream.files.outputlock import locked_file, locked_folder
from bsep_stream.files.separation import separate
from bsep_stream.files.stemfolder import StemFolder

HOLDER = """
import sys
from pathlib import Path
from bsep_stream.files.outputlock import locked_file, locked_folder
with getattr(sys.modules["bsep_stream.files.outputlock"], sys.argv[1])(Path(sys.argv[2])):
    print("held", flush=True)
    sys.stdin.readline()
"""


def bsep(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(each) for each in arguments])


@contextmanager
def held(kind: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that writes there."""
    command = [sys.executable, "-c", HOLDER, kind, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def take(tmp_path: Path, rng: np.random.Generator) -> Path:
    path = tmp_path / "take.wav"
    soundfile.write(path, 0.1 * rng.standard_normal(9000), 48_000)
    return path


def test_stems_of_an_array_are_saved_by_one_process(tmp_path: Path, tiny_model_path: Path) -> None:
    stems = separate(tiny_model_path, np.zeros((1, 2000), np.float32), 48_000)
    with held("locked_folder", tmp_path / "out"), pytest.raises(BusyError, match="another process"):
        stems.save(tmp_path / "out")
    stems.save(tmp_path / "out")
    with pytest.raises(AudioError, match="exists"):
        stems.save(tmp_path / "out")


def test_second_process_is_refused_until_the_first_is_gone(tmp_path: Path, take: Path, tiny_model_path: Path) -> None:
    out = tmp_path / "out"
    command = ("separate", tiny_model_path, take, "-o", out)
    with held("locked_folder", out) as process:
        result = bsep(*command)
        assert result.exit_code == 2
        assert "another process is writing" in result.stderr
        assert not list(out.glob("*.wav"))
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert bsep(*command).exit_code == 0  # a lock dies with its process
    assert sorted(path.name for path in out.iterdir()) == ["flute.wav", "oboe.wav", "residual.wav"]


def test_files_are_locked_too(tmp_path: Path, take: Path, tiny_model_path: Path) -> None:
    for command in (
        ("report", tiny_model_path, "-o", tmp_path / "page.html"),
        ("notes", tiny_model_path, take, "-o", tmp_path / "notes.csv"),
    ):
        path = Path(str(command[-1]))
        with held("locked_file", path):
            result = bsep(*command)
            assert result.exit_code == 2
            assert "another process is writing" in result.stderr
        assert bsep(*command).exit_code == 0
        with held("locked_file", path.with_name("other" + path.suffix)):
            assert bsep(*command, *(["--overwrite"] if command[0] == "notes" else [])).exit_code == 0
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".lock") and "other" not in path.name]


def test_what_another_process_finished_meanwhile_is_not_replaced(
    tmp_path: Path, take: Path, tiny_model_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def waiting(folder: Path) -> Iterator[None]:
        folder.mkdir()
        (folder / "flute.wav").write_text("of the other")
        yield

    monkeypatch.setattr("bsep_stream.files.separation.locked_folder", waiting)
    result = bsep("separate", tiny_model_path, take, "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert (tmp_path / "out" / "flute.wav").read_text() == "of the other"


def test_train_is_refused_where_another_trains(tmp_path: Path, mix: Path, tiny_presets: None) -> None:
    run = tmp_path / "run"
    command = ("train", mix, "--sources", "high,low", "--output", run)
    with held("locked_folder", run):
        for arguments in (command, ("train", "--resume", "--output", run)):
            result = bsep(*arguments)
            assert result.exit_code == 2
            assert "another process is writing" in result.stderr
    assert bsep(*command).exit_code == 0
    assert not (run / ".bsep.lock").exists()


def test_a_lock_leaves_nothing(tmp_path: Path) -> None:
    with locked_folder(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b").is_dir()
        with pytest.raises(BusyError), locked_folder(tmp_path / "a" / "b"):
            pass
    assert not list(tmp_path.iterdir())
    name = "x" * 251 + ".csv"
    with locked_file(tmp_path / name), whole_file(tmp_path / name) as temporary:
        temporary.write_text("long")
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("left", [".flute.x1y2z3.wav", "._flute.wav", ".DS_Store.wav"])
def test_left_behind_files_are_no_stems(tmp_path: Path, rng: np.random.Generator, left: str) -> None:
    for name in ("flute.wav", "residual.wav"):
        soundfile.write(tmp_path / name, 0.1 * rng.standard_normal(9000), 48_000)
    soundfile.write(tmp_path / left, 0.1 * rng.standard_normal(9), 8000)
    assert StemFolder(tmp_path).names == ("flute", "residual")


def test_permissions_and_links_stay(tmp_path: Path, take: Path, tiny_model_path: Path) -> None:
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    assert bsep("separate", tiny_model_path, take, "-o", out).exit_code == 0
    elsewhere.mkdir()
    (out / "flute.wav").rename(elsewhere / "kept.wav")
    (out / "flute.wav").symlink_to(elsewhere / "kept.wav")
    (out / "residual.wav").unlink()
    (out / "residual.wav").symlink_to(Path("../elsewhere/new.wav"))  # there is none yet
    before = (elsewhere / "kept.wav").stat()
    (elsewhere / "kept.wav").write_bytes(b"")
    (elsewhere / "kept.wav").chmod(0o600)
    (out / "oboe.wav").chmod(0o664)
    assert bsep("separate", tiny_model_path, take, "-o", out, "--overwrite").exit_code == 0
    assert (out / "flute.wav").is_symlink()
    assert (out / "residual.wav").is_symlink()
    assert (elsewhere / "kept.wav").stat().st_size == before.st_size
    assert (elsewhere / "new.wav").stat().st_size == before.st_size
    assert stat.S_IMODE((elsewhere / "kept.wav").stat().st_mode) == 0o600
    assert stat.S_IMODE((out / "oboe.wav").stat().st_mode) == 0o664


def test_devices_and_fifos_are_refused_before_the_work(tmp_path: Path, take: Path, tiny_model_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    os.mkfifo(out / "oboe.wav")
    (out / "flute.wav").symlink_to("/dev/null")
    for name in ("flute.wav", "oboe.wav"):
        with pytest.raises(ConfigError, match="device or a pipe"), whole_file(out / name):
            pass
        result = bsep(
            "notes", tiny_model_path, take, "--pitch-track", (out / name).rename(out / "t.csv"), "--overwrite"
        )
        assert result.exit_code == 2
        (out / "t.csv").rename(out / name)
    result = bsep("separate", tiny_model_path, take, "-o", out, "--overwrite")
    assert result.exit_code == 2
    assert "device or a pipe" in result.stderr
    assert stat.S_ISFIFO((out / "oboe.wav").stat().st_mode)


@pytest.mark.parametrize("name", ["...wav", "..wav", ". .wav", "....wav"])
def test_recordings_that_are_called_like_folders_stay_inside(
    tmp_path: Path, take: Path, tiny_model_path: Path, name: str
) -> None:
    odd = take.rename(tmp_path / name)
    second = tmp_path / "second.wav"
    second.write_bytes(odd.read_bytes())
    before = set(tmp_path.iterdir())
    result = bsep("separate", tiny_model_path, odd, second, "-o", tmp_path / "deep" / "out")
    assert result.exit_code == 0, result.stderr
    assert set(tmp_path.iterdir()) - before == {tmp_path / "deep"}
    folders = [path for path in (tmp_path / "deep" / "out").iterdir()]
    assert len(folders) == 2
    assert all(path.is_dir() and len(list(path.iterdir())) == 3 for path in folders)


def test_names_that_are_too_long_are_refused_before_the_work(tmp_path: Path, take: Path, tiny_model_path: Path) -> None:
    long = "ä" * 126 + ".csv"  # 256 bytes
    for command in (
        ("separate", tiny_model_path, take, "-o", tmp_path / long),
        ("notes", tiny_model_path, take, "-o", tmp_path / long),
        ("report", tiny_model_path, "-o", tmp_path / (long[:-4] + ".html")),
    ):
        result = bsep(*command)
        assert result.exit_code == 2
        assert "too long" in result.stderr
    fits = "ä" * 125 + ".csv"  # 254: the temporary file beside it must fit as well
    assert bsep("notes", tiny_model_path, take, "-o", tmp_path / fits).exit_code == 0
    assert (tmp_path / fits).exists()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_names_that_are_no_text(tmp_path: Path, take: Path, tiny_model_path: Path) -> None:
    odd = take.rename(tmp_path / os.fsdecode(b"caf\xe9.wav"))
    second = tmp_path / "second.wav"
    second.write_bytes(odd.read_bytes())
    out = tmp_path / os.fsdecode(b"st\xe9ms")
    result = bsep("separate", tiny_model_path, odd, second, "-o", out)
    assert result.exit_code == 0, result.output
    assert {path.name for path in out.iterdir()} == {os.fsdecode(b"caf\xe9"), "second"}
    assert bsep("separate", tiny_model_path, odd, second, "-o", out, "--json", "--overwrite").exit_code == 0
    page = bsep("report", out / "second", tiny_model_path, "-o", out / os.fsdecode(b"p\xe9ge.html"))
    assert page.exit_code == 0, page.output
    pytest.importorskip("mido")
    assert bsep("notes", tiny_model_path, odd, "-o", out / "notes.mid").exit_code == 0


def test_a_page_says_no_place_of_this_machine(tmp_path: Path, take: Path, tiny_model_path: Path) -> None:
    folder = tmp_path / "home of the author"
    folder.mkdir()
    model = folder / "duet.onnx"
    model.write_bytes(tiny_model_path.read_bytes())
    result = bsep("separate", model, take, "-o", folder / "stems")
    assert f"next: bsep report '{folder / 'stems'}' '{model}'" in result.stderr
    assert bsep("report", folder / "stems", model, "-o", folder / "page.html").exit_code == 0
    page = (folder / "page.html").read_text(encoding="utf-8")
    assert "duet.onnx" in page
    assert "home of the author" not in page
    assert str(tmp_path) not in page


@pytest.mark.slow
def test_a_page_of_a_run_says_no_place_either(tmp_path: Path, mix: Path, tiny_presets: None) -> None:
    run = tmp_path / "a run"
    assert f"next: bsep export '{run}'" in bsep("train", mix, "--sources", "high,low", "--output", run).stdout
    exported = bsep("export", run, "--output", tmp_path / "a model.onnx")
    assert exported.exit_code in (0, 2)  # so short a training may not agree with its file
    assert bsep("report", run, "-o", tmp_path / "page.html").exit_code == 0
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert str(tmp_path) not in page
    assert mix.name in page


@pytest.mark.parametrize("command", ["separate", "read", "model", "notes", "plugin"])
def test_links_in_a_circle_are_one_sentence(command: str, tiny_model_path: Path, tmp_path: Path) -> None:
    circle, take = tmp_path / "circle.mid", tmp_path / "take.wav"
    circle.symlink_to(circle)
    soundfile.write(take, np.zeros((2_000, 1)), 48_000)
    rack = tmp_path / "rack.toml"
    rack.write_text(f'[master]\neffects = [{{ type = "VST3", path = {str(circle)!r} }}]\n')
    result = {
        "separate": lambda: bsep("separate", tiny_model_path, take, "--output", circle),
        "read": lambda: bsep("separate", tiny_model_path, circle, "--output", tmp_path / "stems"),
        "model": lambda: bsep("separate", circle, take, "--output", tmp_path / "stems"),
        "notes": lambda: bsep("notes", tiny_model_path, take, "--output", circle),
        "plugin": lambda: bsep("separate", tiny_model_path, take, "--output", tmp_path / "stems", "--rack", rack),
    }[command]()
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output + result.stderr
    assert not (tmp_path / "stems").exists()
