"""The training loop: resumed equals uninterrupted, limits are kept, and nothing is lost when something goes wrong."""

import csv
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import soundfile

torch = pytest.importorskip("torch")

from bsep_stream.errors import RunError
from bsep_stream.report.info import read_losses
from bsep_stream.train.config.trainconfig import ImitationConfig, TrainConfig
from bsep_stream.train.learning import loop, stopping
from bsep_stream.train.learning.assessment import assess
from bsep_stream.train.learning.learner import StepReport
from bsep_stream.train.learning.logbook import COLUMNS, Logbook
from bsep_stream.train.learning.run_folder import RunFolder
from bsep_stream.train.runs.start import resume_training, start_training
from bsep_stream.train.session.labels import Labels


class Silent:
    """A display that shows nothing."""

    def update(self, *_args: object) -> None: ...

    def saved(self, *_args: object) -> None: ...


@pytest.fixture
def config(duet_config: TrainConfig) -> TrainConfig:
    """Without search and imitation: what is tested here is the loop around any stage."""
    return replace(duet_config, imitation=ImitationConfig())


def log_rows(run: Path) -> list[dict[str, str]]:
    with (run / "log.csv").open() as file:
        return list(csv.DictReader(file))


def test_crashed_run_loses_only_what_came_after_its_checkpoint(
    config: TrainConfig, duet_path: Path, tmp_path: Path
) -> None:
    """Rows of the log that the checkpoint does not know are cut, half a row too."""
    run = tmp_path / "run"
    start_training([duet_path], replace(config, iterations=2), run).run(Silent())
    with (run / "log.csv").open("a") as file:
        file.write("3,1.0,9,9,9,9\n4,1.")
    resume_training(run, target_iterations=3).run(Silent())
    rows = log_rows(run)
    assert [row["iteration"] for row in rows] == ["1", "2", "3"]
    assert rows[2]["total"] != "9"


def test_run_folder_holds_what_its_readers_need(config: TrainConfig, duet_path: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    start_training([duet_path], replace(config, iterations=2), run, seed=7).run(Silent())
    info = json.loads((run / "run.json").read_text())
    assert (info["iterations"], info["seed"], info["preset"], info["finished"]) == (2, 7, "fast", True)
    assert info["recordings"][0]["name"] == "duet.wav"
    assert info["recordings"][0]["duration_seconds"] == 2.0
    assert TrainConfig.from_dict(json.loads((run / "config.json").read_text())) == replace(config, iterations=2)
    dictionary = json.loads((run / "dictionary.json").read_text())
    assert dictionary["source_names"] == ["high", "low"]
    assert np.shape(dictionary["relative_amplitudes"]) == (2, 5)
    assert np.load(run / "parity_frames.npy", allow_pickle=False).shape == (256, 128)
    rows = log_rows(run)
    assert tuple(rows[0]) == COLUMNS
    assert all(np.isfinite(float(row["total"])) for row in rows)


def test_log_says_how_much_is_explained_where_the_run_was_assessed(
    config: TrainConfig, duet_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopping, "SHORTEST_INTERVAL", 2)
    monkeypatch.setattr(loop, "CHECK_FRAMES", 8)
    training = start_training([duet_path], replace(config, iterations=4), tmp_path / "run")
    training.run(Silent())
    logged = [row["explained"] for row in log_rows(tmp_path / "run")]
    assert [bool(share) for share in logged] == [False, True, False, True]
    last = assess(training.learner.separator, training._frames.overview(8)).explained_share
    assert logged[-1] == f"{last:.4f}"
    assert 0.0 < last < 1.0


def test_log_of_an_earlier_version_goes_on_with_all_columns(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("iteration,seconds,total,direct\n1,0.5,9,8\n2,1.0,7,6\n3,1.")
    logbook = Logbook(path, tmp_path / "events", iterations=2)
    logbook.add(3, 1.5, {"total": 5.0}, explained=0.5)
    logbook.close()
    found = read_losses(tmp_path)
    assert tuple(found) == COLUMNS
    assert list(found["total"]) == [9.0, 7.0, 5.0]
    assert np.isnan(found["explained"][:2]).all()
    assert found["explained"][2] == 0.5


class FakeClock:
    """Time that passes only when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_run_ends_within_its_minutes_with_saving_and_close_to_them(
    config: TrainConfig, duet_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FakeClock()
    begun = start_training([duet_path], replace(config, iterations=10_000), tmp_path / "run", target_seconds=200.0)
    real_save = loop.save_checkpoint

    def slow_save(*args: Any) -> None:
        clock.now += 7.0
        real_save(*args)

    def slow_step(_frames: object) -> StepReport:
        clock.now += 2.0
        return StepReport({"total": 1.0}, True)

    monkeypatch.setattr(loop, "save_checkpoint", slow_save)
    info = replace(begun.info, seconds=0.0)
    training = loop.Training(begun.folder, begun.config, info, begun.learner, begun._frames, clock=clock, started=90.0)
    monkeypatch.setattr(training.learner, "step", slow_step)
    training.save()
    info = training.run(Silent())
    assert 200.0 - 2 * 2.0 - 7.0 <= clock.now - 90.0 <= 200.0
    assert info.finished
    assert 3 * 7 + 2 * info.iterations + 10 <= 200  # checkpoints in between, and reading before


def test_minutes_hold_search_stages_checkpoints_and_verdict(
    duet_config: TrainConfig, duet_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick_search: None
) -> None:
    """Everything costs time: the run takes its minutes to a tenth, and both stages have their share of them."""
    limit, search, step, frame = 600.0, 40.0, 1.5, 0.02
    clock = FakeClock()
    config = replace(duet_config, iterations=9_000, imitation=replace(duet_config.imitation, iterations=6_000))
    begun = start_training([duet_path], config, tmp_path / "run", target_seconds=limit)
    real_save, real_assess = loop.save_checkpoint, loop.assess

    def slow_save(*args: Any) -> None:
        clock.now += 3.0
        real_save(*args)

    def slow_assess(separator: Any, overview: Any) -> Any:
        clock.now += frame * len(overview.seconds)
        return real_assess(separator, overview)

    def slow_step(*_frames: object) -> StepReport:
        clock.now += step
        return StepReport({"total": 1.0}, True)

    monkeypatch.setattr(loop, "save_checkpoint", slow_save)
    monkeypatch.setattr(loop, "assess", slow_assess)
    beginning = clock.now
    clock.now += search
    training = loop.Training(
        begun.folder,
        config,
        replace(begun.info, seconds=0.0),
        begun.learner,
        begun._frames,
        clock=clock,
        started=beginning,
        labels=Labels.load(begun.folder.labels_path),
    )
    for name in ("imitate", "step"):
        monkeypatch.setattr(training.learner, name, slow_step)
    stages: list[str] = []
    display = Silent()
    monkeypatch.setattr(display, "update", lambda stage, *_args: stages.append(stage), raising=False)
    info = training.run(display)
    assert 0.9 * limit <= clock.now - beginning <= limit
    assert info.seconds == pytest.approx(clock.now - beginning, abs=1.0)
    assert info.finished
    assert stages.count("imitation") > stages.count("policy gradient") > 0.2 * len(stages)


def non_finite(_frames: object) -> StepReport:
    return StepReport({"total": float("nan")}, False)


def test_loss_that_stays_not_finite_ends_the_run_and_keeps_the_checkpoint(
    config: TrainConfig, duet_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    start_training([duet_path], replace(config, iterations=2), run).run(Silent())
    before = (run / "checkpoint.safetensors").read_bytes()
    training = resume_training(run, target_iterations=100)
    monkeypatch.setattr(training.learner, "step", non_finite)
    with pytest.raises(RunError, match=r"not finite in 20 iterations in a row.*keeps iteration 2"):
        training.run(Silent())
    assert (run / "checkpoint.safetensors").read_bytes() == before


def test_single_steps_that_are_not_finite_are_dropped_and_counted(
    config: TrainConfig, duet_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = start_training([duet_path], config, tmp_path / "run")
    real_step = training.learner.step
    calls = []

    def step(frames: Any) -> StepReport:
        calls.append(1)
        return real_step(frames * float("nan") if len(calls) == 4 else frames)

    monkeypatch.setattr(training.learner, "step", step)
    info = training.run(Silent())
    assert (info.iterations, info.dropped_steps, info.finished) == (8, 1, True)
    assert RunFolder(tmp_path / "run").read_info().dropped_steps == 1


def test_resume_with_another_recording_is_refused(config: TrainConfig, duet_path: Path, tmp_path: Path) -> None:
    start_training([duet_path], config, tmp_path / "run")
    audio, rate = soundfile.read(duet_path)
    soundfile.write(tmp_path / "other.wav", audio * 0.5, rate)
    with pytest.raises(RunError, match="was trained on other recordings"):
        resume_training(tmp_path / "run", recordings=[tmp_path / "other.wav"])


def test_checkpoint_of_another_configuration_is_refused(config: TrainConfig, duet_path: Path, tmp_path: Path) -> None:
    start_training([duet_path], config, tmp_path / "run")
    start_training([duet_path], replace(config, n_harmonics=6), tmp_path / "other")
    (tmp_path / "other" / "checkpoint.safetensors").replace(tmp_path / "run" / "checkpoint.safetensors")
    with pytest.raises(RunError, match="does not fit"):
        resume_training(tmp_path / "run")


def test_tensorboard_gets_the_losses_where_it_is_installed(
    config: TrainConfig, duet_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[tuple[str, int]] = []

    class SummaryWriter:
        def __init__(self, folder: str, purge_step: int) -> None:
            assert (Path(folder), purge_step) == (tmp_path / "run" / "events", 1)

        def add_scalar(self, tag: str, value: float, step: int) -> None:
            assert np.isfinite(value)
            written.append((tag, step))

        def flush(self) -> None: ...

        def close(self) -> None: ...

    module = ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = SummaryWriter  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    monkeypatch.setattr("bsep_stream.train.learning.logbook.importlib.util.find_spec", lambda _name: object())
    start_training([duet_path], replace(config, iterations=2), tmp_path / "run").run(Silent())
    assert ("loss/total", 1) in written
    assert ("loss/dictionary", 2) in written


def test_step_sizes_fall_towards_the_nearer_limit(
    config: TrainConfig, duet_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that its minutes end has its steps fall as one that its iterations end."""
    short = replace(config, iterations=4)
    training = start_training([duet_path], short, tmp_path / "run", target_seconds=1_000_000.0)
    shares: list[float] = []
    monkeypatch.setattr(training.learner, "set_progress", shares.append)
    training.run(Silent())
    assert shares == pytest.approx([0.0, 0.25, 0.5, 0.75], abs=1e-3)  # the clock has hardly moved
    training.info = replace(training.info, iterations=1, seconds=900_000.0)
    assert training._share_done() == 0.9
