"""Early stop: by iterations and costs alone, and an interrupted run stops where an uninterrupted one does."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from bsep_stream.train.config.trainconfig import ImitationConfig, TrainConfig
from bsep_stream.train.learning import loop, stopping
from bsep_stream.train.learning.run_folder import RunFolder
from bsep_stream.train.learning.stopping import EarlyStop
from bsep_stream.train.runs.race import Unwatched
from bsep_stream.train.runs.start import resume_training, start_training

LENGTH = 2_000


def end_of(cost: Callable[[int], float]) -> int:
    stop = EarlyStop(LENGTH)
    for iteration in range(1, LENGTH + 1):
        if stop.due(iteration):
            stop.add(iteration, cost(iteration))
        if stop.exhausted(iteration):
            return iteration
    return LENGTH


@pytest.mark.parametrize(
    ("cost", "end"),
    [
        (lambda iteration: 1.0, 1_400),  # not before the step sizes have fallen for a while
        (lambda iteration: 1.0 - 1e-4 * iteration, LENGTH),
        (lambda iteration: 1.0 if iteration < 1_300 else 0.9, 1_700),  # a fifth of the run after the last improvement
        (lambda iteration: 1.0 - 1e-7 * iteration, 1_400),  # too little to count
        (lambda iteration: float("nan"), LENGTH),  # nothing is known
    ],
)
def test_run_ends_a_fifth_of_its_length_after_the_last_improvement(cost: Callable[[int], float], end: int) -> None:
    assert end_of(cost) == end


@pytest.mark.usefixtures("quick_search")
def test_interrupted_run_stops_where_an_uninterrupted_one_does(
    duet_config: TrainConfig, duet_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The costs before the interruption count."""
    monkeypatch.setattr(stopping, "SHORTEST_INTERVAL", 1)
    monkeypatch.setattr(loop, "CHECK_FRAMES", 8)
    monkeypatch.setattr(stopping, "IMPROVEMENT", 0.9)  # nothing is an improvement
    config = replace(duet_config, iterations=20, imitation=ImitationConfig(iterations=4, batch_size=2))
    whole = start_training([duet_path], config, tmp_path / "whole").run(Unwatched())
    # Of the 16 iterations after the imitation 0.7 must be done.
    assert (whole.iterations, whole.stopped_early, whole.finished) == (16, True, True)
    part = start_training([duet_path], config, tmp_path / "part").run(Unwatched(), pause=(15, float("inf")))
    assert (part.iterations, part.stopped_early, part.finished) == (15, False, False)
    rest = resume_training(tmp_path / "part").run(Unwatched())
    assert (rest.iterations, rest.stopped_early, rest.finished) == (16, True, True)
    assert rest.mixture_cost == whole.mixture_cost
    assert RunFolder(tmp_path / "part").read_info() == rest


@pytest.mark.usefixtures("quick_search")
def test_stage_that_ends_early_leaves_the_next_one_its_share(
    duet_config: TrainConfig, duet_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopping, "SHORTEST_INTERVAL", 1)
    monkeypatch.setattr(loop, "CHECK_FRAMES", 8)
    monkeypatch.setattr(stopping, "IMPROVEMENT", 0.9)
    config = replace(duet_config, iterations=20, imitation=ImitationConfig(iterations=18, batch_size=2))
    run = tmp_path / "run"
    info = start_training([duet_path], config, run).run(Unwatched())
    # The imitation ends after 0.7 of 20 iterations, the policy gradient after 0.7 of the six that are left.
    assert [(stage.name, stage.begin, stage.iterations, stage.stopped_early) for stage in info.stages] == [
        ("imitation", 0, 14, True),
        ("policy gradient", 14, 5, True),
    ]
    assert info.iterations == 19


@pytest.mark.usefixtures("quick_search")
def test_run_says_what_every_stage_gained(duet_config: TrainConfig, duet_path: Path, tmp_path: Path) -> None:
    """Before and after on the same frames; an interruption between and within stages changes nothing of it."""
    whole, part = tmp_path / "whole", tmp_path / "part"
    # Its few iterations do not learn that anything sounds.
    duet_config = replace(duet_config, policy=replace(duet_config.policy, on_offset=5.0))
    info = start_training([duet_path], duet_config, whole).run(Unwatched())
    imitation, gradient = info.stages
    assert (imitation.iterations, gradient.begin, gradient.iterations) == (4, 4, 4)
    assert imitation.mixture_cost_after == gradient.mixture_cost_before != gradient.mixture_cost_after
    assert imitation.explained_before != imitation.explained_after == gradient.explained_before
    assert imitation.seconds + gradient.seconds <= info.seconds
    assert RunFolder(whole).read_info() == info
    sentences = [sentence for sentence in RunFolder(whole).read_sentences() if "in 4 iterations and" in sentence]
    assert [sentence.partition(":")[0] for sentence in sentences] == ["Imitation", "Policy gradient"]
    assert f"cost {imitation.mixture_cost_before:.4f} to {imitation.mixture_cost_after:.4f}" in sentences[0]

    start_training([duet_path], duet_config, part).run(Unwatched(), pause=(4, float("inf")))
    resume_training(part).run(Unwatched(), pause=(6, float("inf")))
    resumed = resume_training(part).run(Unwatched())
    timeless = {"seconds": 0.0, "begin_seconds": 0.0}
    assert [replace(stage, **timeless) for stage in resumed.stages] == [
        replace(stage, **timeless) for stage in info.stages
    ]
