"""What the commands share that judge models which the benchmark has trained: their options, and the models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import click

from bsep_stream.errors import BsepError, RunError
from bsep_stream.files.atomic import whole_file
from bsep_stream.train.benchmark.items import Item, find_items
from bsep_stream.train.benchmark.trial import Settings, trial_name


@dataclass(frozen=True)
class Trained:
    """Items and the trials in which their models were made.

    Parameters
    ----------
    data : Path
        Folder of items.
    output : Path
        Folder of results.
    trials : Path
        Folder of trials.
    items : str
        Beginnings of the names of items, with commas; empty: all.
    preset : str
    seed : int
    """

    data: Path
    output: Path
    trials: Path
    items: str
    preset: str
    seed: int

    def __iter__(self) -> Iterator[tuple[Item, Path]]:
        """Every item with its trial, which has a ``model.onnx``; items without one are named and skipped.

        Raises
        ------
        RunError
            There is none at all.
        """
        found = False
        for item in find_items(self.data, [name for name in self.items.split(",") if name]):
            trial = self.trials / trial_name(item, Settings(self.preset), self.seed)
            if (trial / "model.onnx").exists():
                found = True
                yield item, trial
                click.echo(f"{item.folder.name} done", err=True)
            else:
                click.echo(f"{item.folder.name}: skipped, {trial / 'model.onnx'} is not there", err=True)
        if not found:
            raise RunError(
                f"no model to judge below {self.trials}; train: python -m bsep_stream.train.benchmark DATA --output DIR"
            )

    def write(self, name: str, text: str) -> None:
        """A result, whole or not at all."""
        with whole_file(self.output / name) as temporary:
            temporary.write_text(text, encoding="utf-8")


def trained_options(items: str = "") -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Options of a command, which gets a :class:`Trained` for them; errors of the project become bad usage.

    Parameters
    ----------
    items : str
        Default of ``--items``.
    """
    options = (
        click.argument("data", type=click.Path(path_type=Path, exists=True, file_okay=False)),
        click.option("--output", required=True, type=click.Path(path_type=Path), help="Folder of results."),
        click.option("--trials", type=click.Path(path_type=Path), help="Folder of the benchmark's trials, if another."),
        click.option(
            "--items",
            default=items,
            show_default=items or "all",
            help="Beginnings of the names of folders, with commas.",
        ),
        click.option("--preset", default="fast", show_default=True),
        click.option("--seed", default=0, show_default=True),
    )

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def main(
            *, data: Path, output: Path, trials: Path | None, items: str, preset: str, seed: int, **others: Any
        ) -> None:
            try:
                command(Trained(data, output, trials or output, items, preset, seed), **others)
            except BsepError as error:
                raise click.UsageError(str(error)) from error

        for option in reversed(options):
            main = option(main)
        return main

    return decorate
