"""Many jobs at once: in processes of this machine, or on the workers of a Dask cluster.

:func:`run_jobs` maps a function over named jobs and hands out what becomes of them as they finish::

    jobs = {f"seed{seed}": (mixture, output / f"seed{seed}", seed) for seed in range(4)}
    for outcome in run_jobs(train_one, jobs, workers=2):
        print(outcome.name, outcome.error or outcome.result)

One job at a time is done in this process. With more, or with a scheduler,

* the function is a public one of a module that the workers can import; its arguments and its result can be pickled;
* every job computes with one thread (workers on other machines too, unless OMP_NUM_THREADS says otherwise there);
* where a worker dies, its job begins again on another one, so a job must be able to find its own half-done work (a
  run folder with a checkpoint, for example, goes on where it was);
* on a cluster of several machines, paths must mean the same on all of them.

A scheduler needs the extra `cluster` (``pip install "bsep-stream[cluster]"``), here and on its workers.
"""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from bsep_stream.errors import BsepError, ConfigError, JobError, MissingDependency
from bsep_stream.files.processes import map_in_processes

if TYPE_CHECKING:
    from distributed import Client

Result = TypeVar("Result")

CONNECT_SECONDS = 20.0
"""How long a scheduler may take to answer: it may be far away, but is there before anybody asks for it."""


@dataclass(frozen=True)
class Outcome(Generic[Result]):
    """What became of a job.

    Parameters
    ----------
    name : str
    result : object or None
        What the function returned; None if it raised.
    error : BsepError or None
        What was wrong with this job; the others go on.
    """

    name: str
    result: Result | None = None
    error: BsepError | None = None


def run_jobs(
    function: Callable[..., Result],
    jobs: Mapping[str, tuple[Any, ...]],
    *,
    workers: int = 1,
    scheduler: str | None = None,
) -> Generator[Outcome[Result], None, None]:
    """Call a function for every job, and yield the outcomes in the order in which they come.

    Parameters
    ----------
    function : callable
        See the head of this module.
    jobs : mapping of str to tuple
        Arguments of every call, by the job's name.
    workers : int
        Processes of this machine. 1: one job after the other in this process, with all its threads.
    scheduler : str or None
        Address of a Dask scheduler, such as ``tcp://host:8786``, whose workers do the jobs instead.

    Yields
    ------
    Outcome
        A job that raised a BsepError, or whose worker died again and again, has it as its ``error``. If the loop
        over the outcomes is left, by Ctrl-C for example, jobs that have not begun never begin, and those that
        run in processes of this machine end at once.

    Raises
    ------
    ConfigError
        If there is no such scheduler, or no worker at all.
    MissingDependency
        If the extra is not installed.
    """
    require_engine(workers, scheduler)
    if scheduler is None and min(workers, len(jobs)) <= 1:
        for name, arguments in jobs.items():
            yield attempt(name, function, arguments)
        return
    if scheduler is None:
        calls = {name: (name, function, arguments) for name, arguments in jobs.items()}
        for name, outcome in map_in_processes(attempt, calls, min(workers, len(jobs))):
            yield outcome or Outcome(name, error=_given_up(name))
        return
    with _client(scheduler) as client:
        yield from _distributed(client, function, jobs)


def require_engine(workers: int, scheduler: str | None) -> None:
    """ConfigError or MissingDependency if jobs could not be done like this; to be told before any work begins."""
    if workers < 1:
        raise ConfigError(f"there must be at least 1 worker, got {workers}")
    if scheduler is not None and not _is_installed("distributed"):
        raise MissingDependency(
            'a scheduler needs distributed, which is not installed: pip install "bsep-stream[cluster]"'
        )


def _is_installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def attempt(name: str, function: Callable[..., Result], arguments: tuple[Any, ...]) -> Outcome[Result]:
    """Do a job; what is wrong with it goes into the outcome."""
    try:
        return Outcome(name, function(*arguments))
    except BsepError as error:
        return Outcome(name, error=error)


def _distributed(
    client: Client, function: Callable[..., Result], jobs: Mapping[str, tuple[Any, ...]]
) -> Iterator[Outcome[Result]]:
    from distributed import KilledWorker, as_completed

    names = {client.submit(attempt, name, function, arguments, pure=False): name for name, arguments in jobs.items()}
    try:
        for future in as_completed(names):
            if future.cancelled():
                raise JobError("the scheduler was lost: start it again and repeat the command (with --resume)")
            try:
                yield future.result()
            except KilledWorker as error:
                yield Outcome(names[future], error=_given_up(names[future], f" ({error})"))
    finally:
        client.cancel(list(names), force=True)


def _given_up(name: str, detail: str = "") -> JobError:
    return JobError(f"{name} was given up, its worker died again and again: look for memory or disk there{detail}")


def _client(scheduler: str) -> Client:
    from distributed import Client

    # A lost scheduler is told in a sentence, not by a trace of how the client found out.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    try:
        return Client(scheduler, timeout=CONNECT_SECONDS)
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(
            f"no Dask scheduler answers at {scheduler} ({error}): start one with `dask scheduler`, "
            "workers with `dask worker ADDRESS --nthreads 1`"
        ) from error
