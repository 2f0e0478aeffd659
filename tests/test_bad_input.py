"""Bad input, one line of the list after the other: one sentence, exit code 2, and nothing is lost."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from bsep_stream.cli import main
from bsep_stream.errors import StreamError
from bsep_stream.model.separation_model import SeparationModel
from bsep_stream.separator import StreamingSeparator

RATE = 48_000
TORCH = importlib.util.find_spec("torch") is not None
needs_torch = pytest.mark.skipif(not TORCH, reason="training needs torch")


def refused(*arguments: object) -> str:
    """Call `bsep`; it must answer with one sentence and exit code 2. Returns the sentence."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 2, (result.exit_code, result.output, result.exception)
    *before, last = result.stderr.splitlines()
    assert last.startswith("bsep: "), result.stderr
    progress = ("%", "listening to the recording")
    assert not [line for line in before if line.strip() and not any(word in line for word in progress)], result.stderr
    return last


def music(seconds: float = 1.5, channels: int = 1) -> np.ndarray:
    """Two tones, shape (n, channels)."""
    time = np.arange(round(seconds * RATE)) / RATE
    tones = 0.1 * np.sin(2 * np.pi * 220 * time) + 0.1 * np.sin(2 * np.pi * 350 * time)
    return np.repeat(tones[:, None], channels, axis=1)


@pytest.fixture
def mix(tmp_path: Path) -> Path:
    path = tmp_path / "mix.wav"
    soundfile.write(path, music(), RATE)
    return path


def bad_file(kind: str, folder: Path) -> Path:
    """A recording that is none."""
    path = folder / f"{kind}.wav"
    if kind == "missing":
        return path
    if kind == "folder":
        path.mkdir()
    elif kind == "empty":
        path.touch()
    elif kind == "text":
        path.write_text("these are the words of the song, not the song\n" * 50)
    elif kind == "no_samples":
        soundfile.write(path, np.zeros((0, 1)), RATE)
    elif kind == "truncated":  # before its first sample; what is there of others is taken (test_lengths.py)
        soundfile.write(path, music(), RATE)
        path.write_bytes(path.read_bytes()[:44])
    else:
        audio = {
            "nan": lambda: np.where(np.arange(int(1.5 * RATE)) == 999, np.nan, 0.1),
            "inf": lambda: np.where(np.arange(int(1.5 * RATE)) == 999, np.inf, 0.1),
            "silence": lambda: np.zeros(2 * RATE),
            "dc": lambda: np.full(2 * RATE, 0.5),
            "short": lambda: music(0.1),
        }[kind]()
        soundfile.write(path, audio, RATE, subtype="FLOAT")
    return path


UNREADABLE = ("missing", "folder", "empty", "text", "no_samples", "truncated", "nan", "inf")


@pytest.mark.parametrize("kind", UNREADABLE)
def test_recording_that_cannot_be_separated(kind: str, tiny_model_path: Path, tmp_path: Path) -> None:
    path = bad_file(kind, tmp_path)
    assert str(path) in refused("separate", tiny_model_path, path, "--output", tmp_path / "stems")
    assert not list((tmp_path / "stems").glob("**/*.*"))


@needs_torch
@pytest.mark.parametrize("kind", [*UNREADABLE, "silence", "dc", "short"])
def test_recording_that_cannot_be_trained_on(kind: str, tmp_path: Path) -> None:
    path = bad_file(kind, tmp_path)
    assert str(path) in refused("train", path, "--sources", "low,high", "--output", tmp_path / "run")
    assert not (tmp_path / "run").exists()


@needs_torch
@pytest.mark.parametrize("sources", ["violin,violin", "violin", "a,b,c,d,e", "violin,re/corder", "violin,residual"])
def test_sources_that_make_no_sense(sources: str, mix: Path, tmp_path: Path) -> None:
    refused("train", mix, "--sources", sources, "--output", tmp_path / "run")
    assert not (tmp_path / "run").exists()


@needs_torch
def test_train_without_sources_or_recording(mix: Path, tmp_path: Path) -> None:
    assert "--sources" in refused("train", mix, "--output", tmp_path / "run")
    assert "recording" in refused("train", "--sources", "low,high", "--output", tmp_path / "run")


def bad_model(kind: str, good: Path, folder: Path) -> Path:
    """A model that is none: edits of a good one that keep its length."""
    path = folder / f"{kind}.onnx"
    content = good.read_bytes()
    edited = {
        "text": b"not a network\n" * 20,
        "empty": b"",
        "cut": content[: len(content) // 2],
        "foreign": content.replace(b"bsep_stream", b"another_one"),
        "newer": content.replace(b'"format_version": 1', b'"format_version": 9'),
        "damaged": content.replace(b'"geometry"', b'"geomXtry"'),
    }
    if kind != "missing":
        assert edited[kind] != content
        path.write_bytes(edited[kind])
    return path


@pytest.mark.parametrize("kind", ["missing", "text", "empty", "cut", "foreign", "newer", "damaged"])
@pytest.mark.parametrize("command", ["separate", "info", "bench"])
def test_model_that_is_none(command: str, kind: str, tiny_model_path: Path, mix: Path, tmp_path: Path) -> None:
    path = bad_model(kind, tiny_model_path, tmp_path)
    rest = (mix, "--output", tmp_path / "stems") if command == "separate" else ()
    sentence = refused(command, path, *rest)
    assert str(path) in sentence
    if kind == "newer":
        assert "9" in sentence
    assert not (tmp_path / "stems").exists()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training run of one iteration; not to be changed."""
    folder = tmp_path_factory.mktemp("trained")
    soundfile.write(folder / "mix.wav", music(), RATE)
    arguments = ["train", str(folder / "mix.wav"), "--sources", "low,high", "--output", str(folder / "run")]
    result = CliRunner().invoke(main, [*arguments, "--iterations", "1"])
    assert result.exit_code == 0, result.output
    return folder / "run"


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """The same, to be damaged."""
    return copytree(trained, tmp_path / "run")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@needs_torch
def test_damaged_checkpoint(run: Path, tmp_path: Path) -> None:
    checkpoint = run / "checkpoint.safetensors"
    checkpoint.write_bytes(checkpoint.read_bytes()[:-1_000])
    before = contents(run)
    for command in (
        ("train", "--output", run, "--resume", "--iterations", 2),
        ("export", run, "--output", tmp_path / "model.onnx"),
    ):
        assert "checkpoint.safetensors is damaged" in refused(*command)
    assert contents(run) == before
    assert not (tmp_path / "model.onnx").exists()


@needs_torch
@pytest.mark.parametrize("name", ["config.json", "run.json"])
@pytest.mark.parametrize("damage", ["{", "[]", '{"preset": "fast"}'])
def test_damaged_run_folder(run: Path, name: str, damage: str, tmp_path: Path) -> None:
    (run / name).write_text(damage)
    assert name in refused("train", "--output", run, "--resume", "--iterations", 2)
    assert name in refused("export", run, "--output", tmp_path / "model.onnx")


@needs_torch
def test_run_folder_that_exists(run: Path, mix: Path, tmp_path: Path) -> None:
    before = contents(run)
    assert "--resume" in refused("train", mix, "--sources", "low,high", "--output", run)
    assert contents(run) == before
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("John")
    refused("train", mix, "--sources", "low,high", "--output", tmp_path / "letters")
    refused("train", mix, "--sources", "low,high", "--output", mix)
    refused("train", "--output", tmp_path / "letters", "--resume")
    assert contents(tmp_path / "letters") == {"dear.txt": b"John"}


@contextmanager
def full_disk(room: int) -> Iterator[None]:
    """No file may grow beyond `room` bytes: the system refuses to write as it does on a full disk."""
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_full_disk_while_separating_keeps_the_stems_of_before(tiny_model_path: Path, mix: Path, tmp_path: Path) -> None:
    stems = tmp_path / "stems"
    assert CliRunner().invoke(main, ["separate", str(tiny_model_path), str(mix), "--output", str(stems)]).exit_code == 0
    before = contents(stems)
    with full_disk(20_000):
        refused("separate", tiny_model_path, mix, "--output", stems, "--overwrite")
    assert contents(stems) == before


def test_full_disk_is_told_by_what_writes_small_files(tiny_model_path: Path, mix: Path, tmp_path: Path) -> None:
    with full_disk(10):
        sentence = refused("notes", tiny_model_path, mix, "--output", tmp_path / "notes.csv")
    assert "the disk is full" in sentence
    assert "make room" in sentence
    assert not list(tmp_path.glob("*.csv"))


def test_separation_that_fails_leaves_no_empty_folder(tiny_model_path: Path, mix: Path, tmp_path: Path) -> None:
    with full_disk(20_000):
        refused("separate", tiny_model_path, mix, "--output", tmp_path / "new" / "stems")
    assert not (tmp_path / "new").exists()


@needs_torch
@pytest.mark.parametrize("room", [100, 100_000])
def test_full_disk_at_the_start_of_a_run_leaves_no_half_run(room: int, mix: Path, tmp_path: Path) -> None:
    with full_disk(room):
        sentence = refused("train", mix, "--sources", "low,high", "--output", tmp_path / "run", "--iterations", 1)
    assert "make room" in sentence
    assert not (tmp_path / "run").exists()


@needs_torch
def test_full_disk_later_in_a_run_keeps_its_checkpoint(run: Path) -> None:
    before = contents(run)["checkpoint.safetensors"]
    frames = (run / "parity_frames.npy").stat().st_size  # rewritten first; the checkpoint is larger
    assert len(before) > frames
    with full_disk(frames):
        sentence = refused("train", "--output", run, "--resume", "--iterations", 2)
    assert "make room" in sentence
    assert contents(run)["checkpoint.safetensors"] == before


@pytest.mark.parametrize(
    ("rack", "named"),
    [
        ('[stems.first]\neffects = [{ type = "Reverbb" }]', "Reverbb"),
        ('[stems.first]\neffects = [{ type = "Reverb", rooom_size = 0.5 }]', "rooom_size"),
        ('[stems.first]\neffects = [{ type = "Reverb", room_size = 7.0 }]', "room_size"),
        ('[stems.first]\neffects = [{ type = "Reverb", room_size = "big" }]', "room_size"),
        ("[stems.tuba]\nmute = true", "tuba"),
        ("[stems.first\nmute", "rack.toml"),
    ],
)
def test_rack_that_makes_no_sense(rack: str, named: str, tiny_model_path: Path, mix: Path, tmp_path: Path) -> None:
    first = SeparationModel(tiny_model_path).source_names[0]
    file = tmp_path / "rack.toml"
    file.write_text(rack.replace("first", first))
    sentence = refused("separate", tiny_model_path, mix, "--output", tmp_path / "stems", "--rack", file)
    assert named in sentence
    assert not (tmp_path / "stems").exists()


def test_missing_rack(tiny_model_path: Path, mix: Path, tmp_path: Path) -> None:
    file = tmp_path / "none.toml"
    assert str(file) in refused("separate", tiny_model_path, mix, "--output", tmp_path / "stems", "--rack", file)


def test_stems_that_exist_are_kept(tiny_model_path: Path, mix: Path, tmp_path: Path) -> None:
    stems = tmp_path / "stems"
    stems.mkdir()
    (stems / "residual.wav").write_bytes(b"mine")
    assert "--overwrite" in refused("separate", tiny_model_path, mix, "--output", stems)
    assert contents(stems) == {"residual.wav": b"mine"}


def test_stereo_block_into_a_stream_of_one_channel(tiny_model_path: Path) -> None:
    stream = StreamingSeparator(tiny_model_path, channels=1)
    with pytest.raises(StreamError, match="channel"):
        stream.process(music(channels=2).T.astype(np.float32))


@pytest.mark.parametrize("kind", ["text", "foreign", "newer"])
def test_python_says_the_same_sentence(kind: str, tiny_model_path: Path, mix: Path, tmp_path: Path) -> None:
    path = bad_model(kind, tiny_model_path, tmp_path)
    sentence = refused("separate", path, mix, "--output", tmp_path / "stems")
    with pytest.raises(ValueError) as raised:  # noqa: PT011  # the sentence is compared below
        SeparationModel(path)
    assert sentence == f"bsep: {raised.value}"
