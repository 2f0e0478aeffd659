"""``bsep report``: a picture of a training run or of a folder of stems."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("report")
@click.argument("paths", metavar="RUN|DIR...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    metavar="FILE.png",
    required=True,
    type=click.Path(path_type=Path),
    help="The picture (.png, .pdf, .svg); replaced if it exists.",
)
@click.option(
    "--model",
    metavar="MODEL.onnx",
    type=click.Path(path_type=Path),
    help="Also draw its dictionary, and the pitches that it finds in the mixture of DIR.",
)
def report(paths: tuple[Path, ...], output: Path, model: Path | None) -> None:
    """Draw a training run (RUN), a folder of stems (DIR), or one of each.

    RUN: loss and dictionary. DIR: spectrograms of mixture and stems; with --model the pitches, too.
    """
    from bsep_stream.report import write_report

    write_report(paths, output, model=model)
    click.echo(output)


command = report
