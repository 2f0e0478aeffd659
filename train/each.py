"""Many sessions at once: a run for each recording."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from bsep_stream.errors import ConfigError, RunError
from bsep_stream.jobs import run_jobs
from bsep_stream.train.run_folder import RunFolder
from bsep_stream.train.unattended import train_unattended


def train_each(
    recordings: Sequence[Path],
    names: tuple[str, ...],
    output: Path,
    options: tuple[Any, ...],
    *,
    workers: int = 1,
    scheduler: str | None = None,
    resume: bool = False,
) -> None:
    """Train a run for every recording in a folder of its name below `output`, and say what became of each.

    Parameters
    ----------
    recordings : sequence of Path
    names : tuple of str
        Of the sources, the same in all recordings.
    output : Path
    options : tuple
        The rest of the arguments of :func:`bsep_stream.train.unattended.train_unattended`.
    workers, scheduler : int, str or None
        See :func:`bsep_stream.jobs.run_jobs`.
    resume : bool
        Runs that are there go on; else they are refused.

    Raises
    ------
    ConfigError, RunError
        If two recordings have one name or a run is there; or, after the others have ended, if one could not be made.
    """
    folders = {path.stem: output.resolve() / path.stem for path in recordings}
    if len(folders) < len(recordings):
        raise ConfigError("two recordings have the same name and would share a folder: rename one of them")
    for folder in folders.values() if not resume else ():
        RunFolder(folder).refuse_existing()
    jobs = {path.stem: ([path.resolve()], names, folders[path.stem], *options) for path in recordings}
    failed = []
    for outcome in run_jobs(train_unattended, jobs, workers=workers, scheduler=scheduler):
        if outcome.result is None:
            failed.append(outcome.name)
            click.echo(f"{outcome.name}: {outcome.error}", err=True)
            continue
        click.echo(f"{outcome.name}: {outcome.result.iterations} iterations")
        for sentence in RunFolder(folders[outcome.name]).read_sentences():
            click.echo(f"{outcome.name}: {sentence}")
    if failed:
        raise RunError(f"{len(failed)} of {len(jobs)} runs could not be made: {', '.join(failed)}; see above")
