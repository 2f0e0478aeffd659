"""``--minutes`` hold for the search as well, and what they were too short for is said."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")

from trainings import SOURCES, bsep, run_info

from bsep_stream.train.config.trainconfig import TrainConfig
from bsep_stream.train.search import labelling
from bsep_stream.train.search.labelling import search_labels
from bsep_stream.train.search.searchclock import SearchClock
from bsep_stream.train.session import labels
from bsep_stream.train.session.recording import load_session


class Clock:
    """A second passes at every step of the search."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def step(self) -> None:
        self.now += 1.0


def searched(path: Path, config: TrainConfig, end: float) -> tuple[int, float, list[str]]:
    """Labelled frames, time at the end, and what was said."""
    clock = Clock()
    search_clock = SearchClock(end, clock.step, clock)
    found = search_labels(load_session([path], config.geometry.sample_rate), config, search_clock)
    return len(found.centre), clock.now, search_clock.remarks


def test_a_search_ends_near_its_time(
    duet_path: Path, duet_config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labelling, "_TRIAL_SECONDS", 0.2)
    for module in (labelling, labels):
        monkeypatch.setattr(module, "EXCERPT_SECONDS", 0.2)
    n_whole, whole, remarks = searched(duet_path, duet_config, 1e6)
    assert not remarks
    n_short, short, remarks = searched(duet_path, duet_config, 4.0)
    assert n_short < n_whole
    assert short < whole
    assert short <= 4.0 + 4.0  # a step or two of a start are the least that there can be
    assert "too short to search all of the recording" in remarks[0]
    assert "too short to end the search" in remarks[1]


def test_recording_of_one_excerpt_is_not_said_to_be_searched_in_part(
    duet_path: Path, duet_config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labelling, "_TRIAL_SECONDS", 0.2)
    _, _, remarks = searched(duet_path, duet_config, 1e-3)
    assert list(remarks) == ["the time was too short to end the search: it ended with what it had found"]


def test_time_that_suffices_changes_nothing(duet_path: Path, duet_config: TrainConfig) -> None:
    session = load_session([duet_path], duet_config.geometry.sample_rate)
    free = search_labels(session, duet_config)
    timed = search_labels(session, duet_config, SearchClock(1e6, None, Clock()))
    assert (free.f0_bin == timed.f0_bin).all()
    assert (free.envelopes == timed.envelopes).all()


@pytest.mark.usefixtures("tiny_presets")
def test_a_run_without_an_iteration_is_no_success(mix: Path, tmp_path: Path) -> None:
    run = tmp_path / "a run"
    result = bsep("train", mix, *SOURCES, "--output", run, "--minutes", 0.0001)
    assert result.exit_code == 2
    assert "nothing was trained" in result.stderr
    assert f"'{run}' --resume" in result.stderr
    assert run_info(run)["iterations"] == 0
    assert bsep("train", "--output", run, "--resume", "--minutes", 5).exit_code == 0
    assert run_info(run)["iterations"] == 3
