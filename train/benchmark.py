"""Train, export, separate and judge on recordings with true stems; one table.

``python -m bsep_stream.train.benchmark DATA_DIR --output DIR`` takes every folder in DATA_DIR that holds ``mix.flac``,
``meta.json`` (``instruments``: a list with a ``name`` each) and one ``NAME.flac`` per instrument. Training sees
``mix.flac`` alone; the stems are read for judging only. What is finished is not done again, so an interrupted
benchmark goes on where it was.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from bsep_stream.atomic import whole_file
from bsep_stream.audiofile import read_recording
from bsep_stream.errors import BsepError, ConfigError
from bsep_stream.measures import Evaluation, evaluate
from bsep_stream.separation import separate_file

KINDS = ("mask", "direct", "dictionary")


@dataclass(frozen=True)
class Item:
    """A recording with true stems.

    Parameters
    ----------
    folder : Path
    names : tuple of str
        Of the instruments, in the order of ``meta.json``.
    """

    folder: Path
    names: tuple[str, ...]

    @property
    def mixture(self) -> Path:
        """What training sees."""
        return self.folder / "mix.flac"

    def true_stems(self) -> list[NDArray[np.float32]]:
        """For judging only: each (channels, samples)."""
        return [read_recording(self.folder / f"{name}.flac")[0] for name in self.names]

    def judge(self, estimates: Sequence[Path]) -> Evaluation:
        """Measures of estimates against the true stems."""
        return evaluate(self.true_stems(), [read_recording(path)[0] for path in estimates], self.names)


def find_items(data: Path, wanted: Sequence[str] = ()) -> list[Item]:
    """Items below a folder, all or those whose folder's name begins with one of `wanted`.

    Raises
    ------
    ConfigError
        If there are none.
    """
    items = []
    for meta in sorted(data.glob("*/meta.json")):
        if not wanted or any(meta.parent.name.startswith(name) for name in wanted):
            instruments = json.loads(meta.read_text(encoding="utf-8"))["instruments"]
            items.append(Item(meta.parent, tuple(instrument["name"] for instrument in instruments)))
    if not items:
        raise ConfigError(
            f"{data} should hold folders with mix.flac, meta.json and stems; found none that was asked for"
        )
    return items


def run_item(
    item: Item, output: Path, preset: str, minutes: float | None, iterations: int | None, seed: int
) -> dict[str, Any]:
    """Train on one item with one seed, separate its mixture in every way, judge; the result is kept as a file."""
    from bsep_stream.export.cli import export_run
    from bsep_stream.train.cli import run_training, train_run
    from bsep_stream.train.run_folder import RunFolder
    from bsep_stream.train.start import resume_training

    place = output / f"{item.folder.name}-{preset}-seed{seed}"
    result_path = place / "result.json"
    if result_path.exists():
        finished: dict[str, Any] = json.loads(result_path.read_text(encoding="utf-8"))
        return finished
    run, model = place / "run", place / "model.onnx"
    if not RunFolder(run).info_path.exists():
        names = tuple(f"source{number + 1}" for number in range(len(item.names)))
        train_run((item.mixture,), names, run, preset=preset, iterations=iterations, minutes=minutes, seed=seed)
    elif not RunFolder(run).read_info().finished:
        run_training(resume_training(run))
    info = RunFolder(run).read_info()
    export_run(run, model, overwrite=True)
    measures = {"mixture": item.judge([item.mixture] * len(item.names)).to_dict()}
    for kind in KINDS:
        separated = separate_file(model, item.mixture, place / kind, output=kind, overwrite=True)
        measures[kind] = item.judge([separated.paths[name] for name in info.source_names]).to_dict()
    result = {
        "item": item.folder.name,
        "preset": preset,
        "seed": seed,
        "iterations": info.iterations,
        "minutes": info.seconds / 60,
        "machine": platform.processor() or platform.machine(),
        "measures": measures,
    }
    with whole_file(result_path) as temporary:
        temporary.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return result


def markdown_table(results: Sequence[dict[str, Any]]) -> str:
    """SDR / SIR / SAR in dB of every stem and output, and their mean over the stems."""
    lines = [
        "| item | seed | iterations, minutes | output | SDR / SIR / SAR by stem | mean |",
        "|---|---|---|---|---|---|",
    ]
    for result in results:
        for kind, values in result["measures"].items():
            effort = f"{result['iterations']}, {result['minutes']:.1f}"
            lines.append(f"| {result['item']} | {result['seed']} | {effort} | {kind} | {measures_text(values)} |")
    return "\n".join(lines) + "\n"


def measures_text(values: dict[str, Any]) -> str:
    """Two cells of a table, by stem and the mean, from ``Evaluation.to_dict()``."""
    by_stem = "; ".join(f"{stem['name']} {_three(stem)}" for stem in values["stems"])
    return f"{by_stem} | {_three(values['mean'])}"


def _three(values: dict[str, Any]) -> str:
    """SDR / SIR / SAR; beyond 100 dB there is no interference or no artefact at all."""
    numbers = (values[key] for key in ("sdr_db", "sir_db", "sar_db"))
    return " / ".join("-" if number is None else "inf" if number >= 100 else f"{number:.1f}" for number in numbers)


@click.command()
@click.argument("data", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Folder of runs and results.")
@click.option("--items", default="", help="Beginnings of the names of folders, with commas (default: all).")
@click.option("--preset", default="fast", show_default=True)
@click.option("--minutes", type=float, help="Of every training (default: the preset's iterations).")
@click.option("--iterations", type=click.IntRange(min=1))
@click.option("--seeds", default="0", show_default=True, help="With commas.")
def main(
    data: Path, output: Path, items: str, preset: str, minutes: float | None, iterations: int | None, seeds: str
) -> None:
    """Train on the mixtures below DATA, separate, compare with the true stems."""
    try:
        chosen = find_items(data, [name for name in items.split(",") if name])
        results = [
            run_item(item, output, preset, minutes, iterations, int(seed))
            for item in chosen
            for seed in seeds.split(",")
        ]
    except BsepError as error:
        raise click.UsageError(str(error)) from error
    with whole_file(output / "results.json") as temporary:
        temporary.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    table = markdown_table(results)
    with whole_file(output / "results.md") as temporary:
        temporary.write_text(table, encoding="utf-8")
    click.echo(table)


if __name__ == "__main__":
    main()
