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
    assert (whole.iterations, whole.stopped_early, whole.finished) == (14, True, True)
    part = start_training([duet_path], config, tmp_path / "part").run(Unwatched(), pause=(13, float("inf")))
    assert (part.iterations, part.stopped_early, part.finished) == (13, False, False)
    rest = resume_training(tmp_path / "part").run(Unwatched())
    assert (rest.iterations, rest.stopped_early, rest.finished) == (14, True, True)
    assert rest.mixture_cost == whole.mixture_cost
    assert RunFolder(tmp_path / "part").read_info() == rest
