"""Two stages, imitation and policy gradient: interrupted in either, resumed equals uninterrupted."""

import csv
import io
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

torch = pytest.importorskip("torch")

from bsep_stream.errors import RunError
from bsep_stream.train.config.trainconfig import ImitationConfig, TrainConfig
from bsep_stream.train.learning.checkpoint import load_checkpoint
from bsep_stream.train.learning.learner import Learner, StepReport
from bsep_stream.train.learning.loop import Training
from bsep_stream.train.learning.run_folder import RunFolder
from bsep_stream.train.runs import start
from bsep_stream.train.runs.progress import ProgressBar
from bsep_stream.train.runs.start import load_separator, resume_training, start_training
from bsep_stream.train.session.labels import Labels

pytestmark = pytest.mark.usefixtures("quick_search")


class Stages:
    """A display that remembers the stage of every iteration."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def update(self, stage: str, *_args: object) -> None:
        self.seen.append(stage)

    def saved(self, *_args: object) -> None: ...


def log_rows(run: Path) -> list[dict[str, str]]:
    """Rows without their seconds, which differ from run to run."""
    with (run / "log.csv").open() as file:
        return [{**row, "seconds": ""} for row in csv.DictReader(file)]


def interrupt_in_iteration(monkeypatch: pytest.MonkeyPatch, training: Training, iteration: int) -> None:
    """Ctrl-C arrives in the middle of an iteration."""

    def interrupted(real: Any) -> Any:
        def step(*arguments: Any) -> StepReport:
            if training.info.iterations == iteration - 1:
                signal.raise_signal(signal.SIGINT)
            report: StepReport = real(*arguments)
            return report

        return step

    for name in ("imitate", "step"):
        monkeypatch.setattr(training.learner, name, interrupted(getattr(training.learner, name)))


def assert_same_runs(one: Path, other: Path) -> None:
    first, second = (load_checkpoint(run / "checkpoint.safetensors") for run in (one, other))
    assert first.iterations == second.iterations
    assert first.frame_state == second.frame_state
    assert first.tensors.keys() == second.tensors.keys()
    for name, tensor in first.tensors.items():
        assert torch.equal(second.tensors[name], tensor), name
    assert log_rows(one) == log_rows(other)


def damage(path: Path, how: str) -> None:
    content = path.read_bytes()
    if how == "missing":
        path.unlink()
    elif how == "cut off":
        path.write_bytes(content[: len(content) // 2])
    elif how == "overwritten":
        path.write_bytes(b"\0" * len(content))
    elif how == "without a part":
        with np.load(path) as values:
            np.savez(path, **{key: values[key] for key in values.files if key != "f0_bin"})
    elif how == "of another session":
        labels = Labels.load(path)
        replace(labels, centre=labels.centre + 10_000_000).save(path)
    elif how == "of more sources":
        labels = Labels.load(path)
        replace(labels, f0_bin=labels.f0_bin.repeat(2, axis=1)).save(path)


def test_imitation_comes_first_and_the_policy_gradient_goes_on_to_the_end(
    duet_config: TrainConfig, duet_path: Path, tmp_path: Path
) -> None:
    stages = Stages()
    info = start_training([duet_path], duet_config, tmp_path / "run").run(stages)
    assert stages.seen == ["imitation"] * 4 + ["policy gradient"] * 4
    assert info.finished
    rows = log_rows(tmp_path / "run")
    assert [bool(row["imitation"]) for row in rows] == [True] * 4 + [False] * 4
    assert all(np.isfinite(float(row["total"])) for row in rows)


@pytest.mark.parametrize("iteration", [2, 4, 6])
def test_interrupted_and_resumed_run_equals_an_uninterrupted_one(
    duet_config: TrainConfig, duet_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, iteration: int
) -> None:
    """In the imitation, after its last iteration, and in the policy gradient."""
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    start_training([duet_path], duet_config, whole, seed=5).run(Stages())

    training = start_training([duet_path], duet_config, parts, seed=5)
    interrupt_in_iteration(monkeypatch, training, iteration)
    with pytest.raises(KeyboardInterrupt):
        training.run(Stages())
    info = RunFolder(parts).read_info()
    assert (info.iterations, info.finished) == (iteration, False)
    stages = Stages()
    assert resume_training(parts).run(stages).finished
    assert stages.seen == (["imitation"] * 4 + ["policy gradient"] * 4)[iteration:]
    assert_same_runs(whole, parts)


def test_run_that_ends_within_the_imitation_goes_on_with_it(
    duet_config: TrainConfig, duet_path: Path, tmp_path: Path
) -> None:
    """A limit below ``imitation.iterations`` ends the run; a later limit lets both stages go on.

    With constant step sizes: those of the preset fall toward the limit, so a nearer limit is another training.
    """
    duet_config = replace(duet_config, optimiser=replace(duet_config.optimiser, final_step_share=1.0))
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    start_training([duet_path], duet_config, whole, seed=5).run(Stages())
    stages = Stages()
    info = start_training([duet_path], replace(duet_config, iterations=3), parts, seed=5).run(stages)
    assert (info.iterations, info.finished, stages.seen) == (3, True, ["imitation"] * 3)
    resume_training(parts, target_iterations=8).run(stages)
    assert stages.seen == ["imitation"] * 4 + ["policy gradient"] * 4
    assert_same_runs(whole, parts)


@pytest.mark.parametrize("iterations", [1, 5])
@pytest.mark.parametrize("how", ["missing", "cut off", "overwritten", "without a part"])
def test_labels_that_are_missing_or_damaged_are_refused(
    duet_config: TrainConfig, duet_path: Path, tmp_path: Path, how: str, iterations: int
) -> None:
    """In both stages: the policy gradient keeps to the labels, too."""
    run = tmp_path / "run"
    start_training([duet_path], replace(duet_config, iterations=iterations), run).run(Stages())
    damage(run / "labels.npz", how)
    with pytest.raises(RunError, match=r"labels\.npz is missing or damaged: .*train anew"):
        resume_training(run, target_iterations=8)


@pytest.mark.parametrize("how", ["of another session", "of more sources"])
def test_labels_of_another_run_are_refused(duet_config: TrainConfig, duet_path: Path, tmp_path: Path, how: str) -> None:
    run = tmp_path / "run"
    start_training([duet_path], replace(duet_config, iterations=1), run).run(Stages())
    damage(run / "labels.npz", how)
    with pytest.raises(RunError, match=r"labels\.npz does not belong to this run"):
        resume_training(run, target_iterations=8)


def test_overflow_in_the_imitation_is_dropped_and_counted(
    duet_config: TrainConfig, duet_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = start_training([duet_path], duet_config, tmp_path / "run")
    real = training.learner.imitate
    calls = []

    def imitate(frames: Any, f0_bin: Any) -> StepReport:
        calls.append(1)
        return real(frames * float("nan") if len(calls) == 2 else frames, f0_bin)

    monkeypatch.setattr(training.learner, "imitate", imitate)
    info = training.run(Stages())
    assert (info.iterations, info.dropped_steps, info.finished) == (8, 1, True)


def test_dictionary_begins_with_the_envelopes_that_the_search_found(
    duet_config: TrainConfig, duet_path: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    start_training([duet_path], duet_config, run)
    envelopes = Labels.load(run / "labels.npz").envelopes
    rows = load_separator(run)[0].dictionary.relative_amplitudes.detach().numpy()
    before = Learner(duet_config, 0).separator.dictionary.relative_amplitudes.detach().numpy()
    assert not np.allclose(rows, before)
    np.testing.assert_allclose(rows / rows.max(axis=1, keepdims=True), envelopes, rtol=1e-5)  # rounding of float32


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_search_that_is_broken_off_leaves_nothing(
    duet_config: TrainConfig, duet_path: Path, tmp_path: Path, error: type[BaseException]
) -> None:
    def stop() -> None:
        raise error

    with pytest.raises(error):
        start_training([duet_path], duet_config, tmp_path / "run", on_search=stop)
    assert not (tmp_path / "run").exists()


def test_init_takes_network_and_dictionary_of_another_run_in_place_of_search_and_imitation(
    duet_config: TrainConfig, duet_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    start_training([duet_path], duet_config, first, seed=1).run(Stages())

    def search(*_args: object) -> Labels:
        raise AssertionError("a search, although the network knows the instruments")

    monkeypatch.setattr(start, "search_labels", search)
    training = start_training([duet_path], duet_config, second, seed=2, init=first)
    states = [load_separator(run)[0].state_dict() for run in (first, second)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert not (second / "labels.npz").exists()
    stages = Stages()
    training.run(stages)
    assert stages.seen == ["policy gradient"] * 8
    resume_training(second, target_iterations=9).run(stages)
    assert stages.seen == ["policy gradient"] * 9


def test_init_from_a_run_of_another_shape_is_refused(duet_config: TrainConfig, duet_path: Path, tmp_path: Path) -> None:
    config = replace(duet_config, imitation=ImitationConfig())
    start_training([duet_path], config, tmp_path / "first")
    other = replace(config, n_harmonics=6)
    with pytest.raises(RunError, match="cannot be the start of this run: its n_harmonics is 5, here it is 6"):
        start_training([duet_path], other, tmp_path / "second", init=tmp_path / "first")
    assert not (tmp_path / "second").exists()


def test_progress_shows_the_terms_of_the_stage_that_runs(
    duet_config: TrainConfig, duet_path: Path, tmp_path: Path
) -> None:
    shown = io.StringIO()
    training = start_training([duet_path], duet_config, tmp_path / "run")
    bar = ProgressBar(training.info, Console(file=shown, width=200))
    bar.update("imitation", training.info, {"total": 1.0, "imitation": 7.0})
    bar.saved(training.info, {})
    bar.update("policy gradient", training.info, {"total": 1.0})
    bar.saved(training.info, {})
    first, second = shown.getvalue().splitlines()
    assert "loss 1  imit 7" in first
    assert "loss 1" in second
    assert "imit" not in second
