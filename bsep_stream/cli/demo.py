"""`bsep demo`."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bsep_stream.errors import ModelError
from bsep_stream.trust.terminal import say

if TYPE_CHECKING:
    from bsep_stream.report.measures import Evaluation

NO_PICTURE = 'none without matplotlib: pip install "bsep-stream[pictures]"'
RUN = "run"  # folder of the training, inside the output


@click.command("demo")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("demo"),
    show_default=True,
    help="Folder for stems, remix, picture and page.",
)
@click.option("--train", is_flag=True, help="Train the model first, from nothing but the mixture (needs [train]).")
@click.option("--minutes", type=float, help="How long to train (default: as long as the shipped model).")
@click.option("--seed", type=click.IntRange(min=0), help="Of the training (default: that of the shipped model).")
@click.option("--overwrite", is_flag=True, help="Replace existing files.")
def command(output: Path, train: bool, minutes: float | None, seed: int | None, overwrite: bool) -> None:
    """Separate the recording that is shipped, remix it, judge the stems, show all of it."""
    from bsep_stream import demo as shipped

    if (minutes is not None or seed is not None) and not train:
        raise click.UsageError("--minutes and --seed go with --train")
    if train:
        model = _train(
            output,
            minutes,
            shipped.TRAINING_SEED if seed is None else seed,
            overwrite,
        )
    else:
        model = shipped.MODEL
        if not model.exists():
            raise ModelError("this copy of bsep-stream came without the demo's model: train it with bsep demo --train")
    show(model, output, run=output / RUN if train else None, overwrite=overwrite)


def show(model: Path, output: Path, *, run: Path | None = None, overwrite: bool = False) -> None:
    """Run the showcase with a progress bar; print the measures and where everything is."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    from bsep_stream.demo.showcase import mixture_length, run_showcase
    from bsep_stream.trust.console import Console

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("separating", total=mixture_length())
        made = run_showcase(model, output, run=run, overwrite=overwrite, progress=lambda n: bar.advance(task, n))
    for line in _table(made.separated, made.unseparated, list(made.stems)):
        say(line)
    say()
    for name, path in {**made.stems, "picture": made.picture, "page": made.page}.items():
        say(f"{name:>14}  {path or NO_PICTURE}")


def _train(output: Path, minutes: float | None, seed: int, overwrite: bool) -> Path:
    """Train on the demo's mixture and export; the same as the two commands would do."""
    from bsep_stream.demo import MIX, SOURCE_NAMES
    from bsep_stream.trust.console import Console

    # By name: the run time imports nothing of training, and these say what to install if torch is missing.
    training = importlib.import_module("bsep_stream.train.runs.training")
    progress = importlib.import_module("bsep_stream.train.runs.progress")
    export = importlib.import_module("bsep_stream.export.cli")
    model = output / "model.onnx"
    if model.exists() and not overwrite:
        raise ModelError(f"{model} exists: choose another --output, or replace it with --overwrite")
    with progress.Shown(Console(stderr=True)) as shown:
        training.train(MIX, sources=SOURCE_NAMES, output=output / RUN, minutes=minutes, seed=seed, on_progress=shown)
    export.export(output / RUN, model, overwrite=overwrite)
    return model


def _table(separated: Evaluation, unseparated: Evaluation, stem_names: list[str]) -> list[str]:
    """Measures in dB: of every stem, and of the mixture in its place."""
    lines = [f"{'dB':>14}  {'SDR':>6}  {'SIR':>6}  {'SAR':>6}  {'SDR of the mixture':>18}"]
    for j, name in enumerate(separated.names):
        stem = stem_names[separated.permutation[j]]
        note = "" if stem == name else f"  (in {stem}: the model took the instruments the other way round)"
        lines.append(
            f"{name:>14}  {separated.sdr_db[j]:6.1f}  {separated.sir_db[j]:6.1f}  {separated.sar_db[j]:6.1f}"
            f"  {unseparated.sdr_db[j]:18.1f}{note}"
        )
    return lines
