"""``bsep report``: a picture, or a page to listen to, of a training run, a folder of stems, a model."""

from __future__ import annotations

from pathlib import Path

import click

from bsep_stream.cli.evaluate import TakesSeveral
from bsep_stream.trust.terminal import say


@click.command("report", cls=TakesSeveral)
@click.argument("paths", metavar="RUN|DIR|MODEL...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    metavar="FILE.html|FILE.png",
    required=True,
    type=click.Path(path_type=Path),
    help="The page (.html) or the picture (.png, .pdf, .svg); replaced if it exists.",
)
@click.option(
    "--model", metavar="MODEL.onnx", type=click.Path(path_type=Path), help="The same as MODEL among the paths."
)
@click.option(
    "--reference",
    "references",
    metavar="FILE...",
    multiple=True,
    type=click.Path(path_type=Path),
    help="The true stems: the page shows SDR, SIR and SAR.",
)
@click.option("--start", type=float, default=0.0, help="Where the page begins, in seconds.")
@click.option("--seconds", type=float, help="How much of the session is on the page (default: all).")
def report(
    paths: tuple[Path, ...],
    output: Path,
    model: Path | None,
    references: tuple[Path, ...],
    start: float,
    seconds: float | None,
) -> None:
    """Show a training run (RUN), a folder of stems (DIR), a model (MODEL), or one of each.

    RUN: loss and dictionary. DIR: spectrograms of mixture and stems; on a page, players. MODEL: dictionary and
    latency; with DIR the pitches that it finds in the mixture. A page is one file that needs no network.
    """
    from bsep_stream.report.overview import write_report

    write_report(paths, output, model=model, references=references, part=(start, seconds))
    say(output)


command = report
