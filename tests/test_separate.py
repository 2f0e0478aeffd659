"""From files to files: aligned, complete or absent, in constant memory."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result
from numpy.typing import NDArray

from bsep_stream.effects.rack import rack_from_dict
from bsep_stream.errors import AudioError, ConfigError, StreamError
from bsep_stream.files.audiofile import read_recording
from bsep_stream.files.separation import planned_paths, separate, separate_file
from bsep_stream.model.separation_model import SeparationModel

SUM_TOLERANCE = 1e-6
PCM_24 = 2.0**-23
MEMORY_GROWTH_BYTES = 200_000  # allocation noise; one second of the stems in memory would be 576 000


@pytest.fixture
def take(tmp_path: Path, rng: np.random.Generator) -> Path:
    path = tmp_path / "take.wav"
    soundfile.write(path, 0.1 * rng.standard_normal((40_001, 2)), 44_100, subtype="FLOAT")
    return path


def run_cli(*arguments: object) -> Result:
    from bsep_stream.cli import main

    return CliRunner().invoke(main, ["separate", *map(str, arguments)])


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("rate", [22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("n", [1, 100, 40_001])
def test_files_equal_the_arrays(
    models: dict[str, SeparationModel], tmp_path: Path, rng: np.random.Generator, rate: int, n: int
) -> None:
    path = tmp_path / "take.wav"
    soundfile.write(path, 0.1 * rng.standard_normal((n, 2)), rate, subtype="FLOAT")
    audio, _ = read_recording(path)
    done = separate_file(models["bands"], path, tmp_path / "out")
    assert done.n_samples == n
    assert files_in(tmp_path / "out") == ["high.wav", "low.wav", "residual.wav"]
    written = np.stack([read_recording(stem)[0] for stem in done.paths.values()])
    assert [soundfile.info(stem).samplerate for stem in done.paths.values()] == [rate] * 3
    assert np.array_equal(written, separate(models["bands"], audio, rate))
    assert np.abs(written.sum(axis=0) - audio).max() < SUM_TOLERANCE


def test_flac(models: dict[str, SeparationModel], take: Path, tmp_path: Path) -> None:
    done = separate_file(models["bands"], take, tmp_path / "out", audio_format="flac", residual=False)
    assert files_in(tmp_path / "out") == ["high.flac", "low.flac"]
    expected = separate(models["bands"], read_recording(take)[0], 44_100)
    for path, stem in zip(done.paths.values(), expected, strict=False):
        assert soundfile.info(path).subtype == "PCM_24"
        assert np.abs(read_recording(path)[0] - stem).max() <= PCM_24


def test_remix_is_written_beside_the_stems(models: dict[str, SeparationModel], take: Path, tmp_path: Path) -> None:
    rack = rack_from_dict({"stems": {"low": {"gain_db": -6.0}, "residual": {"mute": True}}})
    done = separate_file(models["bands"], take, tmp_path / "out", rack=rack, residual=False)
    assert files_in(tmp_path / "out") == ["high.wav", "low.wav", "remix.wav"]
    low, high, remix = (read_recording(done.paths[name])[0] for name in ("low", "high", "remix"))
    assert remix.shape == (2, 40_001)
    assert np.abs(remix - (10 ** (-6 / 20) * low + high)).max() < SUM_TOLERANCE


def test_remix_with_a_late_effect_is_aligned(models: dict[str, SeparationModel], tmp_path: Path) -> None:
    impulse = np.zeros((30_000, 1), dtype=np.float32)
    impulse[9_000] = 0.9
    path = tmp_path / "impulse.wav"
    soundfile.write(path, impulse, 48_000, subtype="FLOAT")
    rack = rack_from_dict({"stems": {"all": {"effects": [{"type": "Resample", "target_sample_rate": 24_000}]}}})
    done = separate_file(models["allpass"], path, tmp_path / "out", rack=rack)
    remix = read_recording(done.paths["remix"])[0]
    assert remix.shape == (1, 30_000)
    # The effect shifts what it resamples by its own filter, far less than the samples it holds back.
    assert abs(int(np.argmax(np.abs(remix[0]))) - 9_000) < 500


def test_arrays_of_any_shape(models: dict[str, SeparationModel], rng: np.random.Generator) -> None:
    audio = rng.standard_normal(3000)
    assert np.array_equal(separate(models["bands"], audio, 48_000), separate(models["bands"], audio[None], 48_000))
    assert separate(models["bands"], audio, 48_000, residual=False).shape == (2, 1, 3000)
    for wrong in (np.zeros((1, 1, 10)), np.zeros((0, 10)), np.array([np.nan])):
        with pytest.raises(StreamError):
            separate(models["bands"], wrong, 48_000)


def test_memory_does_not_grow_with_the_length(
    models: dict[str, SeparationModel], tmp_path: Path, rng: np.random.Generator
) -> None:
    peaks = []
    for seconds in (3, 3, 12):  # the first run fills caches
        path = tmp_path / f"{seconds}.wav"
        soundfile.write(path, 0.1 * rng.standard_normal(seconds * 48_000), 48_000, subtype="FLOAT")
        tracemalloc.start()
        separate_file(models["split_fast"], path, tmp_path / "out", overwrite=True)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < peaks[1] + MEMORY_GROWTH_BYTES


def test_existing_files_are_kept(models: dict[str, SeparationModel], take: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "high.wav").write_text("precious")
    with pytest.raises(AudioError, match="--overwrite"):
        separate_file(models["bands"], take, folder)
    assert files_in(folder) == ["high.wav"]
    assert (folder / "high.wav").read_text() == "precious"
    separate_file(models["bands"], take, folder, overwrite=True)
    assert read_recording(folder / "high.wav")[0].shape == (2, 40_001)


def test_the_recording_itself_is_never_overwritten(models: dict[str, SeparationModel], tmp_path: Path) -> None:
    path = tmp_path / "low.wav"
    soundfile.write(path, np.zeros(100), 48_000)
    with pytest.raises(AudioError, match="would be overwritten"):
        separate_file(models["bands"], path, tmp_path, overwrite=True)


def test_plan_of_several_recordings(tmp_path: Path) -> None:
    one, two = planned_paths(["x/one.wav", "y/two.flac"], tmp_path, ["a", "b"], "flac")
    assert one == {"a": tmp_path / "one" / "a.flac", "b": tmp_path / "one" / "b.flac"}
    assert two["b"] == tmp_path / "two" / "b.flac"
    with pytest.raises(ConfigError, match="'one'"):
        planned_paths(["x/one.wav", "y/one.flac"], tmp_path, ["a"])
    for other in ("One.wav", "one ..wav"):  # one folder on a Mac, and on Windows
        with pytest.raises(ConfigError, match="would share a folder"):
            planned_paths(["x/one.wav", f"y/{other}"], tmp_path, ["a"])
    with pytest.raises(ConfigError, match="wav, flac"):
        planned_paths(["x/one.wav"], tmp_path, ["a"], "mp3")
    (tmp_path / "file").write_text("")
    with pytest.raises(AudioError, match="is a file and not a folder"):
        planned_paths(["x/one.wav"], tmp_path / "file" / "below", ["a"])


def test_an_interrupt_leaves_nothing_half_written(
    models: dict[str, SeparationModel], take: Path, tmp_path: Path
) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        separate_file(models["bands"], take, tmp_path / "out", progress=interrupt)
    assert files_in(tmp_path / "out") == []


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), AssertionError()], ids=repr)
@pytest.mark.parametrize("where", ["write", "close"])
def test_a_full_disk(
    models: dict[str, SeparationModel],
    take: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    where: str,
) -> None:
    genuine = getattr(soundfile.SoundFile, where)

    def fail(file: soundfile.SoundFile, *arguments: Any) -> None:
        if "out" in Path(file.name).parent.name and not file.closed:
            genuine(file, *arguments)
            raise error
        genuine(file, *arguments)

    monkeypatch.setattr(soundfile.SoundFile, where, fail)
    with pytest.raises(AudioError, match=r"disk is full|is the disk full"):
        separate_file(models["bands"], take, tmp_path / "out")
    assert files_in(tmp_path / "out") == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
def test_a_disk_that_is_really_full(tiny_model_path: Path, take: Path, tmp_path: Path) -> None:
    """The system itself refuses to write more than 100 kB."""
    code = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "from bsep_stream.cli import main\n"
        f"main(['separate', {str(tiny_model_path)!r}, {str(take)!r}, '--output', {str(tmp_path / 'out')!r}])\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 2, result.stderr
    assert "disk" in result.stderr
    assert "Traceback" not in result.stderr
    assert files_in(tmp_path / "out") == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGINT")
def test_control_c_ends_with_130(tiny_model_path: Path, take: Path, tmp_path: Path) -> None:
    code = (
        "import os, signal\n"
        "from bsep_stream.separator import StreamingSeparator\n"
        "StreamingSeparator.flush = lambda self: os.kill(os.getpid(), signal.SIGINT)\n"
        "from bsep_stream.cli import main\n"
        f"main(['separate', {str(tiny_model_path)!r}, {str(take)!r}, '--output', {str(tmp_path / 'out')!r}])\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert result.returncode == 130, result.stderr
    assert files_in(tmp_path / "out") == []


def test_command(tiny_model_path: Path, take: Path, tmp_path: Path) -> None:
    result = run_cli(tiny_model_path, take, "--output", tmp_path / "out")
    assert result.exit_code == 0, result.output
    expected = [str(tmp_path / "out" / f"{name}.wav") for name in ("flute", "oboe", "residual")]
    assert result.stdout.split() == expected
    again = run_cli(tiny_model_path, take, "--output", tmp_path / "out")
    assert again.exit_code == 2
    assert "--overwrite" in again.stderr
    assert run_cli(tiny_model_path, take, "--output", tmp_path / "out", "--overwrite").exit_code == 0


def test_command_with_every_option(tiny_model_path: Path, take: Path, tmp_path: Path) -> None:
    second = tmp_path / "second.flac"
    soundfile.write(second, np.full((2000, 1), 0.3), 48_000)
    rack = tmp_path / "rack.toml"
    rack.write_text("[stems.flute]\ngain_db = 30\n")
    options = ["--format", "flac", "--no-residual", "--output-kind", "mask", "--rack", rack]
    result = run_cli(tiny_model_path, take, second, "--output", tmp_path / "out", *options)
    assert result.exit_code == 0, result.output
    assert files_in(tmp_path / "out") == [
        f"{folder}/{name}.flac" for folder in ("second", "take") for name in ("flute", "oboe", "remix")
    ]
    assert "remix.flac" in result.stderr.replace("\n", "")
    assert "beyond full scale" in result.stderr.replace("\n", " ")


def wav(path: Path, samples: NDArray[np.float32]) -> Path:
    soundfile.write(path, samples, 48_000, subtype="FLOAT")
    return path


@pytest.mark.parametrize("what", ["missing", "text", "no samples", "NaN", "model", "rack", "output"])
def test_command_refuses_in_one_sentence(tiny_model_path: Path, take: Path, tmp_path: Path, what: str) -> None:
    model, recording, rack = tiny_model_path, take, None
    if what == "missing":
        recording = tmp_path / "missing.wav"
    elif what == "text":
        recording = tmp_path / "text.wav"
        recording.write_text("not a recording")
    elif what == "no samples":
        recording = wav(tmp_path / "none.wav", np.zeros(0, dtype=np.float32))
    elif what == "NaN":
        recording = wav(tmp_path / "nan.wav", np.full(10, np.nan, dtype=np.float32))
    elif what == "model":
        model = take
    elif what == "rack":
        rack = tmp_path / "rack.toml"
        rack.write_text("[stems.piano]\ngain_db = 1\n")
    folder = take / "below" if what == "output" else tmp_path / "out"
    result = run_cli(model, recording, "--output", folder, *(["--rack", rack] if rack else []))
    assert result.exit_code == 2
    assert isinstance(result.exception, SystemExit)
    sentences = [line for line in result.stderr.splitlines() if line.startswith("bsep: ")]
    assert len(sentences) == 1
    assert not (tmp_path / "out").exists() or files_in(tmp_path / "out") == []


@pytest.mark.parametrize("audio", [np.zeros(5000), np.full(5000, 0.7)], ids=["silence", "DC"])
def test_silence_and_dc_are_separated(
    models: dict[str, SeparationModel], tmp_path: Path, audio: NDArray[np.float64]
) -> None:
    path = wav(tmp_path / "take.wav", audio.astype(np.float32))
    for output in ("direct", "mask"):
        done = separate_file(models["split"], path, tmp_path / output, output=output)
        total = sum(read_recording(stem)[0] for stem in done.paths.values())
        assert np.abs(total - audio).max() < SUM_TOLERANCE
