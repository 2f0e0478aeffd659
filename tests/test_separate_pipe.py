"""`bsep separate MODEL -`: nothing but audio on standard output, and one sentence for what cannot be."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

from bsep_stream.cli import main
from bsep_stream.files.audiofile import read_recording
from bsep_stream.files.separation import separate
from bsep_stream.model.separation_model import SeparationModel

BSEP = [sys.executable, "-c", "from bsep_stream.cli import main; main()"]

ROUNDING = {"ffmpeg": 0.0, "sox": 2.0**-24}
"""sox works on whole numbers of 32 bits, and rounds on the way there and back."""


@pytest.fixture
def take(tmp_path: Path, rng: np.random.Generator) -> Path:
    path = tmp_path / "take.wav"
    soundfile.write(path, 0.1 * rng.standard_normal((20_001, 2)), 44_100, subtype="PCM_16")
    return path


def piped(data: bytes, *arguments: object) -> Result:
    return CliRunner().invoke(main, ["separate", *map(str, arguments)], input=data)


def test_stem_goes_to_standard_output_and_nothing_else(tiny_model: SeparationModel, take: Path) -> None:
    result = piped(take.read_bytes(), tiny_model.path, "-", "--stem", "oboe")
    assert (result.exit_code, result.stderr) == (0, "")
    heard, rate = soundfile.read(io.BytesIO(result.stdout_bytes), dtype="float32")
    assert rate == 44_100
    assert np.array_equal(heard.T, separate(tiny_model, read_recording(take)[0], rate)[1])


def test_remix_needs_no_stem(tiny_model: SeparationModel, take: Path) -> None:
    result = piped(take.read_bytes(), tiny_model.path, "-", "--rack", "hall")
    assert (result.exit_code, result.stderr) == (0, "")
    assert soundfile.info(io.BytesIO(result.stdout_bytes)).frames == 20_001


def test_order_of_the_channels_is_told_beside_the_sound(tiny_model: SeparationModel, take: Path) -> None:
    result = piped(take.read_bytes(), tiny_model.path, "-", "--stem", "all")
    assert soundfile.info(io.BytesIO(result.stdout_bytes)).channels == 6
    assert result.stderr == "channels: flute, oboe, residual with 2 channels each\n"


def test_silence_gets_a_word_beside_the_sound(tiny_model: SeparationModel) -> None:
    wav = io.BytesIO()
    soundfile.write(wav, np.zeros((2_000, 1)), 48_000, format="WAV")
    result = piped(wav.getvalue(), tiny_model.path, "-", "--stem", "residual")
    assert "standard input is silent from beginning to end" in result.stderr


def test_raw_samples_in_and_out(tiny_model: SeparationModel, rng: np.random.Generator) -> None:
    data = (1_000 * rng.standard_normal((3_000, 1))).astype("<i2").tobytes()
    raw = ["--raw-rate", 48_000, "--raw-channels", 1, "--raw-format", "s16le"]
    stems = [
        piped(data, tiny_model.path, "-", *raw, "--format", "raw", "--stem", name) for name in tiny_model.source_names
    ]
    stems.append(piped(data, tiny_model.path, "-", *raw, "--format", "raw", "--stem", "residual"))
    numbers = [np.frombuffer(stem.stdout_bytes, "<i2").astype(int) for stem in stems]
    assert np.abs(sum(numbers) - np.frombuffer(data, "<i2")).max() <= len(stems)  # each is rounded


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["-"], "--stem with one of flute, oboe, residual, all"),
        (["-", "--stem", "tuba"], "there is no stem 'tuba'"),
        (["-", "--stem", "flute", "--output", "stems"], "--output goes with files"),
        (["-", "--stem", "flute", "--jobs", "2"], "--jobs goes with files"),
        (["-", "--stem", "flute", "--json"], "--json goes with files"),
        (["-", "--stem", "flute", "--no-residual"], "goes with files"),
        (["-", "--stem", "flute", "--format", "flac"], "--format wav or raw"),
        (["-", "take.wav", "--stem", "flute"], "comes alone"),
        (["take.wav", "--output", "stems", "--stem", "flute"], "--stem goes with standard input"),
        (["take.wav", "--output", "stems", "--raw-rate", "8000"], "--raw-rate goes with standard input"),
        (["take.wav", "--output", "stems", "--format", "raw"], "files take --format wav or flac"),
        (["take.wav"], "Missing option '-o' / '--output'"),
        (["-", "--stem", "flute"], "nothing came from standard input"),
    ],
)
def test_what_makes_no_sense_is_refused(tiny_model_path: Path, arguments: list[str], sentence: str) -> None:
    result = piped(b"", tiny_model_path, *arguments)
    assert (result.exit_code, result.stdout_bytes, result.stderr.count("\n")) == (2, b"", 1)
    assert sentence in result.stderr


def test_what_came_before_the_pipe_broke_off_is_written(tiny_model_path: Path, take: Path) -> None:
    audio = read_recording(take)[0][:, :10_000]
    result = piped(take.read_bytes()[:40_044], tiny_model_path, "-", "--stem", "flute", "--format", "raw")
    assert result.exit_code == 2
    assert "broke off" in result.stderr
    written = np.frombuffer(result.stdout_bytes, "<f4").reshape(-1, 2).T
    assert np.array_equal(written, separate(tiny_model_path, audio, 44_100)[0])


@pytest.mark.skipif(sys.platform == "win32", reason="pipes break otherwise there")
def test_listener_that_goes_away_ends_it_quietly(tiny_model_path: Path, take: Path) -> None:
    command = [*BSEP, "separate", str(tiny_model_path), "-", "--stem", "flute"]
    with (
        take.open("rb") as sound,
        subprocess.Popen(command, stdin=sound, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child,
    ):
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        assert child.stderr.read() == b""
    assert child.returncode == 1


@pytest.mark.parametrize("program", ["sox", "ffmpeg"])
@pytest.mark.parametrize("stem", ["oboe", "all"])
def test_between_other_programs(
    tiny_model: SeparationModel, take: Path, tmp_path: Path, program: str, stem: str
) -> None:
    """Both write a header without a length; ffmpeg has a chunk before the samples."""
    if shutil.which(program) is None:
        pytest.skip(f"there is no {program}")
    out = tmp_path / "out.wav"
    before, after = {
        "sox": (["sox", str(take), "-t", "wav", "-"], ["sox", "-t", "wav", "-", str(out)]),
        "ffmpeg": (
            ["ffmpeg", "-v", "error", "-i", str(take), "-f", "wav", "-"],
            ["ffmpeg", "-v", "error", "-f", "wav", "-i", "-", "-c:a", "pcm_f32le", str(out)],
        ),
    }[program]
    command = [*BSEP, "separate", str(tiny_model.path), "-", "--stem", stem]
    with (
        subprocess.Popen(before, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as first,
        subprocess.Popen(command, stdin=first.stdout, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as second,
        subprocess.Popen(after, stdin=second.stdout, stderr=subprocess.DEVNULL) as third,
    ):
        pass
    assert [child.returncode for child in (first, second, third)] == [0, 0, 0]
    stems = separate(tiny_model, read_recording(take)[0], 44_100)
    heard = read_recording(out)[0]
    expected = stems[1] if stem == "oboe" else stems.reshape(6, -1)
    assert np.abs(heard - expected).max() <= ROUNDING[program]
