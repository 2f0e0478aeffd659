"""Notes of made sessions, searched once and kept: what melodies.py, unisons.py and links.py learn from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar
from zipfile import BadZipFile

import click
import numpy as np

from bsep_stream.errors import BsepError, ConfigError
from bsep_stream.files.atomic import whole_file
from bsep_stream.files.jobs import run_jobs
from bsep_stream.train.benchmark.items import Item

FOLDS = 5
"""Parts of the sessions, each of which is left out once."""

PLAYED_SHARE = 0.3
"""Of a note's sound, that somebody must play: else it is nobody's."""

Kind = TypeVar("Kind", bound=NamedTuple)


def keep(path: Path, values: NamedTuple) -> None:
    """Write a named tuple of arrays."""
    with whole_file(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **values._asdict())


def kept(path: Path, kind: type[Kind]) -> Kind:
    """What :func:`keep` wrote; ConfigError if it is something else."""
    try:
        with np.load(path, allow_pickle=False) as values:
            return kind(*(values[field] for field in kind._fields))
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise ConfigError(f"{path} should hold labelled notes; remove it, and it is made again") from error


def searched(
    search: Callable[[Item, Path], None], kind: type[Kind], items: Sequence[Item], folder: Path, workers: int
) -> list[Kind]:
    """What a search keeps of every item, from a folder where that is there already.

    Parameters
    ----------
    search : callable
        Keeps a `kind` of an item in a file.
    kind : type
        A named tuple of arrays.
    items : sequence of Item
    folder : Path
    workers : int
        Searches at once.
    """
    paths = {item.folder.name: (folder / f"{item.folder.name}.npz").resolve() for item in items}
    jobs = {item.folder.name: (item, paths[item.folder.name]) for item in items if not paths[item.folder.name].exists()}
    for outcome in run_jobs(search, jobs, workers=workers):
        if outcome.error is not None:
            raise BsepError(f"{outcome.name}: {outcome.error}")
        click.echo(f"{outcome.name} searched", err=True)
    return [kept(path, kind) for path in paths.values()]
