"""A race of seeds: several starts for a short while, and the best goes on.

Every start is a run of its own below ``RUN/starts``, with the step sizes of a run of full length, interrupted early.
The one whose :attr:`~bsep_stream.train.learning.assessment.Assessment.mixture_cost` is lowest then becomes the run. It
is, bit for bit, the one that its seed alone would have made, as long as iterations and not minutes limit it.
``RUN/race.json`` remembers what was asked for, so a race that was interrupted goes on.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bsep_stream.errors import BsepError, ConfigError, RunError
from bsep_stream.files.jobs import run_jobs
from bsep_stream.report.runfiles import refuse_ways_out
from bsep_stream.train.config.trainconfig import TrainConfig
from bsep_stream.train.learning.checkpoint import load_checkpoint, save_checkpoint
from bsep_stream.train.learning.loop import Training
from bsep_stream.train.learning.run_folder import RunFolder, path_of, path_text, read_json, write_json
from bsep_stream.train.learning.runinfo import RunInfo
from bsep_stream.train.runs.device import DEVICE_NAMES
from bsep_stream.train.runs.start import resume_training, start_training
from bsep_stream.train.search.labelling import search_labels
from bsep_stream.train.search.searchclock import SEARCH_SHARE, SearchClock
from bsep_stream.train.session.labels import Labels
from bsep_stream.train.session.recording import load_session
from bsep_stream.trust.records import record

LONGEST_SECONDS = 1e9
RACE_SHARE = 0.25
"""Of the run's iterations and of its minutes, for all starts together."""


class Unwatched:
    """A display that shows nothing."""

    def update(self, stage: str, info: RunInfo, losses: dict[str, float]) -> None:
        """Nothing."""

    def saved(self, info: RunInfo, losses: dict[str, float]) -> None:
        """Nothing."""


def begin_race(
    recordings: Sequence[Path],
    config: TrainConfig,
    output: Path,
    *,
    seeds: Sequence[int],
    target_seconds: float | None = None,
    device: str = "cpu",
    init: Path | None = None,
) -> None:
    """Make a run folder in which a race is to be held; the parameters are those of ``start_training``."""
    folder = RunFolder(output)
    folder.refuse_existing()
    # What cannot be used is told before anything is written.
    session = load_session(recordings, config.geometry.sample_rate)
    config.hints.refuse_beyond(session.duration_seconds, config.source_names)
    with folder.writing():
        write_json(
            folder.race_path,
            {
                "config": config.to_dict(),
                "recordings": [path_text(Path(path)) for path in recordings],
                "seeds": list(seeds),
                "target_seconds": target_seconds,
                "device": device,
                "init": None if init is None else path_text(init),
                "seconds": 0.0,
                "mixture_costs": {},
                "chosen": None,
            },
        )


def race_is_open(output: Path) -> bool:
    """Whether a folder holds a race that is not decided yet."""
    folder = RunFolder(output)
    return folder.race_path.is_file() and not folder.config_path.exists()


@dataclass(frozen=True)
class _Race:
    """What ``race.json`` holds."""

    config: dict[str, Any]
    recordings: tuple[str, ...]
    seeds: tuple[int, ...]
    target_seconds: float | None
    device: str
    init: str | None
    seconds: float
    mixture_costs: dict[str, float]
    chosen: int | None


def read_race(folder: RunFolder) -> dict[str, Any]:
    """What was asked for and how far the race got; RunError if that cannot be read."""
    refuse_ways_out(folder.path)
    values = read_json(folder.race_path)
    try:
        race = record(_Race, values, "race.json")
        TrainConfig.from_dict(race.config)
        names = {str(seed) for seed in race.seeds}
        fits = (
            0 < len(race.seeds) == len(names)
            and min(race.seeds) >= 0
            and set(race.mixture_costs) <= names
            and (race.chosen is None or str(race.chosen) in race.mixture_costs)
            and 0.0 <= race.seconds < LONGEST_SECONDS
            and (race.target_seconds is None or 0.0 <= race.target_seconds < LONGEST_SECONDS)
            and race.device in (*DEVICE_NAMES, "cuda:0")
        )
        if not fits:
            raise ConfigError("its seeds, costs and times do not fit each other")
    except BsepError as error:
        raise RunError(f"{folder.race_path} cannot be used ({error}); restore it or train anew") from error
    return values


def finish_race(
    output: Path,
    *,
    workers: int = 1,
    scheduler: str | None = None,
    on_search: Callable[[], None] | None = None,
    on_start: Callable[[int, float], None] | None = None,
) -> None:
    """Hold the race, or the rest of it; afterwards the folder is the run of the best seed, to be resumed.

    Parameters
    ----------
    output : Path
        Where :func:`begin_race` was called for.
    workers, scheduler : int, str or None
        See :func:`bsep_stream.files.jobs.run_jobs`.
    on_search : callable, optional
        Called now and then during the search.
    on_start : callable, optional
        Called with seed and mixture cost of every start.

    Raises
    ------
    RunError, AudioError
        If no start could be made; the error is that of the first.
    """
    folder = RunFolder(output)
    race = read_race(folder)
    began, spent = time.monotonic(), float(race["seconds"])

    def note() -> None:
        race["seconds"] = spent + time.monotonic() - began
        with folder.writing():
            write_json(folder.race_path, race)

    if race["chosen"] is None:
        try:
            _search_once(folder, race, on_search)
            _run_starts(folder, race, workers, scheduler, on_start, note)
        finally:
            note()
        costs = {int(seed): cost for seed, cost in race["mixture_costs"].items()}
        best = min(costs, key=lambda seed: (costs[seed], seed))
        checkpoint_path = _start_folder(folder, best).checkpoint_path
        with folder.writing():
            # The limits of the run count from the beginning of the race.
            save_checkpoint(checkpoint_path, replace(load_checkpoint(checkpoint_path), seconds=race["seconds"]))
        race["chosen"] = best
        note()
    _promote(folder, race["chosen"])


def run_start(race: dict[str, Any], output: Path, seed: int, labels_path: Path, pause: tuple[int, float]) -> float:
    """Train one start to the end of the race, from where it is; its mixture cost. A job of its own."""
    if RunFolder(output).config_path.exists():
        training = resume_training(output, device=race["device"])
    else:
        shutil.rmtree(output, ignore_errors=True)  # of a worker that died before its run had begun
        training = start_training(
            [path_of(path) for path in race["recordings"]],
            TrainConfig.from_dict(race["config"]),
            output,
            seed=seed,
            target_seconds=race["target_seconds"],
            device=race["device"],
            init=None if race["init"] is None else path_of(race["init"]),
            labels=Labels.load(labels_path) if labels_path.exists() else None,
        )
    training.run(Unwatched(), pause)
    return _cost(training)


def _cost(training: Training) -> float:
    return training.assess().mixture_cost


def _search_once(folder: RunFolder, race: dict[str, Any], on_search: Callable[[], None] | None) -> None:
    """The labels do not depend on the seed."""
    config = TrainConfig.from_dict(race["config"])
    if race["init"] is None and config.imitation.iterations > 0 and not folder.labels_path.exists():
        session = load_session([path_of(path) for path in race["recordings"]], config.geometry.sample_rate)
        if race["target_seconds"] is not None:
            on_search = SearchClock(time.monotonic() + RACE_SHARE * SEARCH_SHARE * race["target_seconds"], on_search)
        labels = search_labels(session, config, on_search)
        with folder.writing():
            labels.save(folder.labels_path)


def _run_starts(
    folder: RunFolder,
    race: dict[str, Any],
    workers: int,
    scheduler: str | None,
    on_start: Callable[[int, float], None] | None,
    note: Callable[[], None],
) -> None:
    seeds = race["seeds"]
    iterations = max(1, round(RACE_SHARE * race["config"]["iterations"] / len(seeds)))
    limit = race["target_seconds"]
    at_once = min(workers, len(seeds)) if scheduler is None else len(seeds)
    seconds = float("inf") if limit is None else RACE_SHARE * limit * at_once / len(seeds)
    open_seeds = [seed for seed in seeds if str(seed) not in race["mixture_costs"]]
    jobs = {
        str(seed): (race, _start_folder(folder, seed).path, seed, folder.labels_path, (iterations, seconds))
        for seed in open_seeds
    }
    errors = []
    for outcome in run_jobs(run_start, jobs, workers=workers, scheduler=scheduler):
        if outcome.error is not None or outcome.result is None:
            errors.append(outcome.error)
            continue
        race["mixture_costs"][outcome.name] = outcome.result
        note()
        if on_start is not None:
            on_start(int(outcome.name), outcome.result)
    if not race["mixture_costs"]:
        raise errors[0] or RunError(f"no start of {folder.path} could be made: train anew")


def _start_folder(folder: RunFolder, seed: int) -> RunFolder:
    return RunFolder(folder.starts_path / f"seed{seed}")


def _promote(folder: RunFolder, seed: int) -> None:
    """Move the files of a start to the run; what makes the folder a run comes last, so this can be done again."""
    start = _start_folder(folder, seed)
    with folder.writing():
        entries = sorted(start.path.iterdir(), key=lambda path: path.name == start.config_path.name)
        for entry in entries:
            os.replace(entry, folder.path / entry.name)
        with suppress(OSError):  # what is left of the others does no harm
            shutil.rmtree(folder.starts_path)
