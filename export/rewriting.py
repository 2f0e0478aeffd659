"""The command of what writes a model file anew: OLD.onnx NEW.onnx, one sentence where that cannot be done."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from bsep_stream.errors import BsepError


def rewriting(rewrite: Callable[[Path, Path], None]) -> click.Command:
    """Command of a function that reads a model and writes another; both may be the same file."""

    @click.command(help=(rewrite.__doc__ or "").partition("\n")[0])
    @click.argument("old", type=click.Path(path_type=Path, exists=True, dir_okay=False))
    @click.argument("new", type=click.Path(path_type=Path, dir_okay=False))
    def command(old: Path, new: Path) -> None:
        try:
            rewrite(old, new)
        except BsepError as error:
            raise click.UsageError(str(error)) from error

    return command
