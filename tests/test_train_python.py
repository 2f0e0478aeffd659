"""`from bsep_stream import train, export`: what the command does, from Python."""

from __future__ import annotations

import signal
import subprocess
import sys
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

pytest.importorskip("torch")

from trainings import bsep

from bsep_stream.errors import BsepError, ConfigError, RunError
from bsep_stream.train.learning.checkpoint import load_checkpoint
from bsep_stream.train.runs.run import Run
from bsep_stream.train.runs.watching import Progress

pytestmark = pytest.mark.usefixtures("tiny_presets")

from bsep_stream import train

SOURCES = ["low", "high"]


def tensors(run: Path) -> dict[str, Any]:
    return {name: value.numpy() for name, value in load_checkpoint(run / "checkpoint.safetensors").tensors.items()}


def assert_same(one: Path, other: Path) -> None:
    first, second = tensors(one), tensors(other)
    assert first.keys() == second.keys()
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name])


def test_command_and_function_make_the_same_run(mix: Path, tmp_path: Path) -> None:
    run = train([mix], sources=SOURCES, output=tmp_path / "python", seed=3)
    assert bsep("train", mix, "--sources", "low,high", "--output", tmp_path / "shell", "--seed", 3).exit_code == 0
    assert_same(run.path, tmp_path / "shell")


def test_run_says_what_it_learned(mix: Path, tmp_path: Path) -> None:
    run = train(mix, sources="low,high", output=tmp_path / "run")
    assert (run.finished, run.source_names) == (True, ("low", "high"))
    assert run.verdict is not None
    assert str(run.verdict).startswith("The tones explain")
    assert set(run.verdict.source_shares) == set(SOURCES)
    assert repr(run) == f"<Run {str(tmp_path / 'run')!r}: low, high, finished>"
    assert Run(str(tmp_path / "run")).verdict == run.verdict


def test_labels_are_notes_of_every_source(mix: Path, tmp_path: Path) -> None:
    """Two tones of 350 and 220 Hz, two seconds long."""
    run = train([mix, mix], sources=SOURCES, output=tmp_path / "run")
    for labels in (run.labels, run.labels_of(1)):
        assert [[note.key for note in labels[name]] for name in SOURCES] == [[65], [57]]
        assert labels["low"][0].offset_seconds - labels["low"][0].onset_seconds == pytest.approx(2.0, abs=0.1)
    assert run.labels_of(2) == {"low": [], "high": []}
    (run.path / "labels.npz").unlink()
    assert run.labels == {"low": [], "high": []}


def test_progress_goes_from_the_search_to_the_end(mix: Path, tmp_path: Path) -> None:
    told: list[Progress] = []
    train(mix, sources=SOURCES, output=tmp_path / "run", minutes=60, on_progress=told.append)
    phases = [progress.phase for progress in told if not progress.saved]
    assert phases == ["search", "start", "imitation", "policy gradient", "policy gradient"]
    assert [progress.saved for progress in told][-1]
    infos = [progress.info.iterations for progress in told if progress.info is not None and not progress.saved]
    assert infos == [0, 1, 2, 3]
    shares = [progress.share for progress in told if progress.share is not None]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert all(progress.seconds_left is not None for progress in told if progress.phase != "search")


def test_run_can_be_exported_as_soon_as_the_search_is_over(mix: Path, tmp_path: Path) -> None:
    def at_the_start(progress: Progress) -> None:
        if progress.phase == "start":
            run = Run(tmp_path / "run")
            found.append((run.labels.keys(), run.verdict, run.finished, (run.path / "checkpoint.safetensors").exists()))

    found: list[Any] = []
    train(mix, sources=SOURCES, output=tmp_path / "run", on_progress=at_the_start)
    assert found == [({"low", "high"}, None, False, True)]


def test_stopped_run_comes_back_unfinished_and_goes_on_with_the_same_result(mix: Path, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train(mix, sources=SOURCES, output=whole, seed=2)
    done: list[Progress] = []
    run = train(
        mix, sources=SOURCES, output=parts, seed=2, on_progress=done.append, stop=lambda: done[-1].phase == "imitation"
    )
    assert (run.finished, run.info.iterations, run.verdict) == (False, 1, None)
    assert repr(run).endswith("low, high, 1 of 3 iterations>")
    assert train(output=parts, resume=True).finished
    assert_same(whole, parts)


def test_interrupt_saves(mix: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))

    def interrupt(progress: Progress) -> None:
        if progress.phase == "imitation" and not progress.saved:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(mix, sources=SOURCES, output=tmp_path / "run", on_progress=interrupt)
    assert Run(tmp_path / "run").info.iterations == 1
    assert train(output=tmp_path / "run", resume=True).info.iterations == 3


def test_stop_during_the_search_leaves_nothing(mix: Path, tmp_path: Path) -> None:
    audio, rate = soundfile.read(mix, dtype="float32")
    for recordings, options in ((mix, {}), (audio, {"sample_rate": rate})):
        with pytest.raises(RunError, match="stopped before the search was over"):
            train(recordings, sources=SOURCES, output=tmp_path / "run", stop=lambda: True, **options)
        assert not (tmp_path / "run").exists()


def test_audio_trains_as_its_file_does_and_is_kept_for_resuming(mix: Path, tmp_path: Path) -> None:
    audio, rate = soundfile.read(mix, dtype="float32")
    file, array = tmp_path / "file", tmp_path / "array"
    train(mix, sources=SOURCES, output=file)
    train(audio, sample_rate=rate, sources=SOURCES, output=array)
    assert_same(file, array)
    moved = array.rename(tmp_path / "moved")
    assert train(output=moved, resume=True, iterations=4).info.iterations == 4
    stereo = np.stack([audio, audio])
    run = train([stereo, stereo], sample_rate=rate, sources=SOURCES, output=tmp_path / "two")
    assert [take.name for take in run.info.recordings] == ["take1.wav", "take2.wav"]


def test_several_seeds(mix: Path, tmp_path: Path) -> None:
    told: list[Progress] = []
    run = train(mix, sources=SOURCES, output=tmp_path / "run", seeds=2, on_progress=told.append)
    assert run.finished
    starts = {progress.seed: progress.mixture_cost for progress in told if progress.phase == "seeds"}
    assert set(starts) == {0, 1}
    run = train(mix, sources=SOURCES, output=tmp_path / "part", seeds=2, stop=lambda: True)
    assert (run.finished, repr(run).endswith("several starts, none chosen yet>")) == (False, True)
    assert train(output=run.path, resume=True).finished


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"sources": None}, "say which instruments play"),
        ({"sources": ["one"]}, "takes 2 to 4 names"),
        ({"minutes": 0.0}, "must be more than 0"),
        ({"sample_rate": 8_000}, "leave sample_rate out"),
        ({"resume": True, "sources": None}, "is not a training run"),
    ],
)
def test_what_makes_no_sense_is_refused(mix: Path, tmp_path: Path, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BsepError, match=sentence):
        train(mix, **{"sources": SOURCES, "output": tmp_path / "run", **options})
    assert not (tmp_path / "run").exists()


def test_audio_without_a_rate_or_of_another_shape_is_refused(tmp_path: Path) -> None:
    audio = np.zeros((2, 8_000), np.float32)
    with pytest.raises(ConfigError, match="needs its sample_rate"):
        train(audio, sources=SOURCES, output=tmp_path / "run")
    with pytest.raises(BsepError, match="shape"):
        train(audio.T, sample_rate=8_000, sources=SOURCES, output=tmp_path / "run")
    with pytest.raises(BsepError, match="silent"):
        train(audio, sample_rate=8_000, sources=SOURCES, output=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_that_is_there_is_kept(mix: Path, tmp_path: Path) -> None:
    audio, rate = soundfile.read(mix, dtype="float32")
    run = train(mix, sources=SOURCES, output=tmp_path / "run")
    before = (run.path / "checkpoint.safetensors").read_bytes()
    with pytest.raises(RunError, match="holds a training run"):
        train(audio, sample_rate=rate, sources=SOURCES, output=run.path)
    assert (run.path / "checkpoint.safetensors").read_bytes() == before
    with pytest.raises(RunError, match="is not a training run"):
        Run(tmp_path)


def test_packages_are_functions_whatever_was_imported_before() -> None:
    code = (
        "import bsep_stream\n"
        "assert callable(bsep_stream.train)\n"
        "import bsep_stream.train.runs.sources, bsep_stream.export.cli\n"
        "from bsep_stream import export, train\n"
        "assert callable(train) and callable(export) and train is bsep_stream.train\n"
        "import sys; assert 'torch' not in sys.modules\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "on_progress" in signature(train).parameters
