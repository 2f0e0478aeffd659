"""The race of seeds: the best start by the mixture alone goes on, as if its seed had been asked for."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from bsep_stream.errors import RunError
from bsep_stream.train.config.trainconfig import TrainConfig
from bsep_stream.train.learning.checkpoint import load_checkpoint
from bsep_stream.train.learning.run_folder import RunFolder
from bsep_stream.train.runs import race
from bsep_stream.train.runs.race import Unwatched, begin_race, finish_race, race_is_open
from bsep_stream.train.runs.start import resume_training, start_training

pytestmark = pytest.mark.usefixtures("quick_search")

COSTS = {3: 0.5, 4: 0.2, 5: 0.4}


@pytest.fixture
def config(duet_config: TrainConfig) -> TrainConfig:
    """Each of three starts has one iteration; untrained networks are heard, so that their costs differ."""
    return replace(duet_config, iterations=12, policy=replace(duet_config.policy, on_offset=4.0))


@pytest.fixture
def _known_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(race, "_cost", lambda training: COSTS[training.info.seed])


def assert_same_tensors(one: Path, other: Path) -> None:
    first, second = (load_checkpoint(run / "checkpoint.safetensors").tensors for run in (one, other))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.usefixtures("_known_costs")
def test_best_start_goes_on_as_its_seed_alone_would_have(config: TrainConfig, duet_path: Path, tmp_path: Path) -> None:
    run, alone = tmp_path / "run", tmp_path / "alone"
    begin_race([duet_path], config, run, seeds=list(COSTS))
    assert race_is_open(run)
    told: dict[int, float] = {}
    finish_race(run, on_start=told.__setitem__)
    assert told == COSTS
    assert not race_is_open(run)
    assert not (run / "starts").exists()
    info = RunFolder(run).read_info()
    assert (info.seed, info.iterations, info.finished) == (4, 1, False)
    resume_training(run).run(Unwatched())
    start_training([duet_path], config, alone, seed=4).run(Unwatched())
    assert_same_tensors(run, alone)
    assert RunFolder(run).read_info().finished


@pytest.mark.usefixtures("_known_costs")
def test_interrupted_race_goes_on_with_what_it_has(
    config: TrainConfig, duet_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C in the second start: the first is not done again, and the outcome is that of the whole race."""
    run = tmp_path / "run"
    begin_race([duet_path], config, run, seeds=list(COSTS))
    real = race.run_start
    begun: list[int] = []

    def interrupted(*arguments: object) -> float:
        begun.append(arguments[2])  # type: ignore[arg-type]
        if len(begun) == 2:
            raise KeyboardInterrupt
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(race, "run_start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        finish_race(run)
    assert race_is_open(run)
    finish_race(run)
    assert begun == [3, 4, 4, 5]
    assert RunFolder(run).read_info().seed == 4


@pytest.mark.usefixtures("_known_costs")
def test_limits_of_the_run_count_from_the_beginning_of_the_race(
    config: TrainConfig, duet_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    begin_race([duet_path], config, run, seeds=list(COSTS), target_seconds=1_000.0)
    now = 0.0

    def monotonic() -> float:
        nonlocal now
        now += 50.0
        return now

    monkeypatch.setattr(race.time, "monotonic", monotonic)
    finish_race(run)
    seconds = json.loads((run / "race.json").read_text())["seconds"]
    assert seconds >= 4 * 50.0  # a look at the clock at the beginning and after every start
    monkeypatch.undo()
    assert 0.0 <= seconds - resume_training(run).info.seconds <= 50.0  # decided before the last look


def test_real_costs_decide(config: TrainConfig, duet_path: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    begin_race([duet_path], config, run, seeds=[0, 1])
    finish_race(run)
    record = json.loads((run / "race.json").read_text())
    assert str(record["chosen"]) == min(record["mixture_costs"], key=record["mixture_costs"].__getitem__)
    assert len(set(record["mixture_costs"].values())) == 2


def test_open_race_is_not_overwritten(config: TrainConfig, duet_path: Path, tmp_path: Path) -> None:
    begin_race([duet_path], config, tmp_path / "run", seeds=[0, 1])
    with pytest.raises(RunError, match="continue it with --resume"):
        start_training([duet_path], config, tmp_path / "run")


def test_race_can_be_held_in_processes(duet_path: Path, config: TrainConfig, tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    config = replace(config, imitation=replace(config.imitation, iterations=0))  # a search would not be replaced there
    begin_race([duet_path], config, tmp_path / "run", seeds=[0, 1])
    finish_race(tmp_path / "run", workers=2)
    record = json.loads((tmp_path / "run" / "race.json").read_text())
    assert sorted(record["mixture_costs"]) == ["0", "1"]
    assert RunFolder(tmp_path / "run").read_info().iterations == 2
