"""Many jobs at once: every job is done once, also if a worker dies, and a bad one harms no other."""

import os
import signal
import threading
from pathlib import Path

import pytest

from bsep_stream.errors import AudioError, ConfigError, MissingDependency
from bsep_stream.files.jobs import Outcome, run_jobs


def square(number: int) -> int:
    if number == 13:
        raise AudioError("13 is no recording")
    return number * number


def die_once(folder: Path, name: str) -> tuple[str, str]:
    """The first worker that gets the job is killed like one that ran out of memory."""
    mark = folder / name
    if name == "fatal" and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return name, os.environ["OMP_NUM_THREADS"]


def kill_or_square(number: int) -> int:
    if number == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return square(number)


def wait_for_interrupt(folder: Path, reader: bool) -> None:
    """The reader returns as soon as the other job runs, which then waits for ever."""
    if reader:
        (folder / "begun").read_text()
        return
    try:
        (folder / "begun").write_text("")
        threading.Event().wait()
    except KeyboardInterrupt:
        (folder / "cleaned up").touch()
        raise


def test_one_worker_does_the_jobs_in_their_order_in_this_process() -> None:
    outcomes = list(run_jobs(lambda number: number + 1, {"b": (1,), "a": (2,)}))
    assert outcomes == [Outcome("b", 2), Outcome("a", 3)]


def test_bad_job_has_its_error_and_the_others_go_on() -> None:
    first, bad, last = run_jobs(square, {"first": (2,), "bad": (13,), "last": (3,)})
    assert (first.result, last.result) == (4, 9)
    assert bad.result is None
    assert str(bad.error) == "13 is no recording"


def test_worker_count_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least 1 worker, got 0"):
        list(run_jobs(square, {"a": (1,)}, workers=0))


def test_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bsep_stream.files.jobs._is_installed", lambda _module: False)
    with pytest.raises(MissingDependency, match=r"bsep-stream\[cluster\]"):
        list(run_jobs(square, {"a": (1,)}, scheduler="tcp://127.0.0.1:9"))


def test_job_of_a_killed_worker_is_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")  # of this process: a worker has one of its own
    jobs = {name: (tmp_path, name) for name in ("calm", "fatal", "quiet")}
    outcomes = {outcome.name: outcome for outcome in run_jobs(die_once, jobs, workers=2)}
    assert (tmp_path / "fatal").exists()
    assert {name: outcome.result for name, outcome in outcomes.items()} == {name: (name, "1") for name in jobs}


def test_job_that_kills_every_worker_is_given_up() -> None:
    outcomes = {outcome.name: outcome for outcome in run_jobs(kill_or_square, {"bad": (0,), "good": (3,)}, workers=2)}
    assert outcomes["good"].result == 9
    assert "bad was given up" in str(outcomes["bad"].error)


def test_bug_in_a_job_is_raised_here() -> None:
    with pytest.raises(ZeroDivisionError):
        list(run_jobs(divmod, {"a": (1, 0), "b": (1, 0)}, workers=2))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a named pipe")
def test_job_that_runs_when_the_loop_is_left_can_clean_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "begun")
    outcomes = run_jobs(wait_for_interrupt, {"waits": (tmp_path, False), "returns": (tmp_path, True)}, workers=2)
    assert next(outcomes).name == "returns"
    outcomes.close()  # what leaving a loop does in the end
    assert (tmp_path / "cleaned up").exists()


def test_cluster_does_the_same_jobs() -> None:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
    ) as cluster:
        jobs = {"first": (2,), "bad": (13,), "last": (3,)}
        outcomes = {outcome.name: outcome for outcome in run_jobs(square, jobs, scheduler=cluster.scheduler_address)}
    assert {name: outcome.result for name, outcome in outcomes.items()} == {"first": 4, "bad": None, "last": 9}
    assert str(outcomes["bad"].error) == "13 is no recording"


def test_scheduler_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("bsep_stream.files.jobs.CONNECT_SECONDS", 0.1)
    with pytest.raises(ConfigError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        list(run_jobs(square, {"a": (1,)}, scheduler="tcp://127.0.0.1:9"))
