"""``python -m bsep_stream.train.benchmark``."""

from __future__ import annotations

from pathlib import Path

import click

from bsep_stream.errors import BsepError


@click.command()
@click.argument("data", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Folder of runs and results.")
@click.option("--items", default="", help="Beginnings of the names of folders, with commas (default: all).")
@click.option("--ceilings", "only_ceilings", is_flag=True, help="Only what is reachable at known pitches; no training.")
def main(data: Path, output: Path, items: str, only_ceilings: bool) -> None:
    """Train on the mixtures below DATA, separate, compare with the true stems."""
    from bsep_stream.train.benchmark.ceilings import kept_ceilings
    from bsep_stream.train.benchmark.items import find_items
    from bsep_stream.train.benchmark.table import ceilings_table

    try:
        chosen = find_items(data, [name for name in items.split(",") if name])
        reachable = [kept_ceilings(item, output) for item in chosen]
    except BsepError as error:
        raise click.UsageError(str(error)) from error
    click.echo(ceilings_table(reachable))
