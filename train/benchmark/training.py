"""One training in a process of its own, so that its peak memory and its threads are its own.

``run_in_process`` starts ``python -m bsep_stream.train.benchmark.training`` with the same arguments.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from bsep_stream.errors import BsepError, RunError
from bsep_stream.files.atomic import whole_file
from bsep_stream.machine import peak_memory_mb
from bsep_stream.train.learning.loop import Display, Training
from bsep_stream.train.learning.run_folder import RunFolder
from bsep_stream.train.learning.runinfo import RunInfo


def effort_path(run: Path) -> Path:
    """What the processes that trained a run needed, beside its folder."""
    return run.parent / "training.json"


@dataclass(frozen=True)
class Request:
    """A training, as a command line.

    Parameters
    ----------
    mixture, run : Path
        What is trained on, and the folder of the run.
    tones_at_once : tuple of int
        Of every source.
    preset : str
    minutes : float or None
    iterations : int or None
        None: the preset's.
    seed : int
    snapshots : tuple of int
        Iterations after which a copy of the run is put beside it, see :func:`snapshot_path`.
    """

    mixture: Path
    run: Path
    tones_at_once: tuple[int, ...]
    preset: str
    minutes: float | None
    iterations: int | None
    seed: int
    snapshots: tuple[int, ...] = ()

    def arguments(self) -> list[str]:
        """Of :func:`main`."""
        options: dict[str, Any] = {
            "tones-at-once": ",".join(map(str, self.tones_at_once)),
            "preset": self.preset,
            "minutes": self.minutes,
            "iterations": self.iterations,
            "seed": self.seed,
            "snapshots": ",".join(map(str, self.snapshots)) or None,
        }
        given = [word for name, value in options.items() if value is not None for word in (f"--{name}", str(value))]
        return [str(self.mixture), str(self.run), *given]


def snapshot_path(run: Path, iterations: int) -> Path:
    """Copy of a run after so many iterations."""
    return run.parent / f"{run.name}-at-{iterations}"


def run_in_process(request: Request) -> None:
    """Begin a training or go on with it, and wait until it is finished.

    Raises
    ------
    RunError
        If the process fails; it has said why.
    """
    command = [sys.executable, "-m", "bsep_stream.train.benchmark.training", *request.arguments()]
    status = subprocess.run(command, check=False).returncode
    if status:
        raise RunError(f"the training of {request.run} ended with code {status}: see its message above, then go on")


class _Snapshots:
    """A display that copies the run's folder at some iterations on the way."""

    def __init__(self, training: Training, snapshots: tuple[int, ...], display: Display) -> None:
        self._training = training
        self._snapshots = snapshots
        self._display = display

    def update(self, stage: str, info: RunInfo, losses: dict[str, float]) -> None:
        self._display.update(stage, info, losses)
        if info.iterations in self._snapshots:
            self._training.save()
            run = self._training.folder.path
            partial = run.parent / f".{run.name}-copy"
            shutil.rmtree(partial, ignore_errors=True)
            shutil.copytree(run, partial)
            place = snapshot_path(run, info.iterations)
            shutil.rmtree(place, ignore_errors=True)
            partial.rename(place)

    def saved(self, info: RunInfo, losses: dict[str, float]) -> None:
        self._display.saved(info, losses)


def train(request: Request) -> None:
    """Begin a training or go on with it, in this process."""
    from bsep_stream.train.runs.threads import let_threads_sleep

    let_threads_sleep()
    from bsep_stream.train.config.presets import preset_config
    from bsep_stream.train.runs.device import resolve_device
    from bsep_stream.train.runs.progress import ProgressBar, listening
    from bsep_stream.train.runs.start import resume_training, start_training
    from bsep_stream.trust.console import Console

    console = Console(stderr=True)
    device = resolve_device("auto")
    if RunFolder(request.run).info_path.exists():
        training = resume_training(request.run, recordings=[request.mixture], device=device)
    else:
        names = tuple(f"source{number + 1}" for number in range(len(request.tones_at_once)))
        config = preset_config(request.preset, names, request.tones_at_once)
        if request.iterations is not None:
            config = replace(config, iterations=request.iterations)
        with listening(console) as on_search:
            training = start_training(
                [request.mixture],
                config,
                request.run,
                seed=request.seed,
                target_seconds=None if request.minutes is None else 60 * request.minutes,
                device=device,
                on_search=on_search,
            )
    with ProgressBar(training.info, console) as bar:
        training.run(_Snapshots(training, request.snapshots, bar))


@click.command()
@click.argument("mixture", type=click.Path(path_type=Path))
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--tones-at-once", required=True)
@click.option("--preset", required=True)
@click.option("--minutes", type=float)
@click.option("--iterations", type=int)
@click.option("--seed", type=int, required=True)
@click.option("--snapshots", default="")
def main(**options: Any) -> None:
    """Train RUN on MIXTURE, and note what it needed."""
    for name in ("snapshots", "tones_at_once"):
        options[name] = tuple(int(text) for text in options[name].split(",") if text)
    request = Request(**options)
    try:
        train(request)
    except BsepError as error:
        raise click.UsageError(str(error)) from error
    import torch

    path = effort_path(request.run)
    peak = peak_memory_mb()
    if path.exists():  # an earlier part of the run may have needed more
        peak = max(peak, float(json.loads(path.read_text(encoding="utf-8"))["peak_memory_mb"]))
    with whole_file(path) as temporary:
        effort = {"peak_memory_mb": peak, "threads": torch.get_num_threads()}
        temporary.write_text(json.dumps(effort) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
