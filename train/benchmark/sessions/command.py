"""``python -m bsep_stream.train.benchmark.sessions``: what is asked for."""

from __future__ import annotations

from pathlib import Path

import click

from bsep_stream.errors import BsepError
from bsep_stream.files.jobs import run_jobs
from bsep_stream.train.benchmark.sessions.maker import make_session
from bsep_stream.train.benchmark.sessions.rooms import PLACES
from bsep_stream.train.benchmark.sessions.seeds import KINDS, read_seeds


@click.command()
@click.argument("output", type=click.Path(path_type=Path, file_okay=False))
@click.option("--seeds", default="tune", show_default=True, help="tune, confirm or final; or numbers: 0-39, 3,7.")
@click.option("--kind", type=click.Choice(KINDS), default=KINDS[0], show_default=True)
@click.option("--seconds", type=click.FloatRange(min=2.0), help="Of every session (default: 25 to 35, by lot).")
@click.option("--place", type=click.Choice(list(PLACES)), help="Where it is recorded (default: by lot).")
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Sessions at once.")
def main(output: Path, seeds: str, kind: str, seconds: float | None, place: str | None, workers: int) -> None:
    """Make sessions with true stems below OUTPUT, one for every seed; what is there is not made again."""
    try:
        jobs = {f"{kind}{seed:03d}": (kind, seed, output, seconds, place) for seed in read_seeds(seeds, kind)}
        failed = []
        for outcome in run_jobs(make_session, jobs, workers=workers):
            if outcome.error is None:
                click.echo(outcome.result)
            else:
                failed.append(f"{outcome.name}: {outcome.error}")
                click.echo(failed[-1], err=True)
        if failed:
            raise BsepError(f"{len(failed)} of {len(jobs)} sessions failed: {failed[0]}")
    except BsepError as error:
        raise click.UsageError(str(error)) from error
