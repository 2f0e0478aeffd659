"""What another level or an offset costs: ``python -m bsep_stream.train.benchmark.levels DATA_DIR --output DIR``.

The model of the benchmark (``python -m bsep_stream.train.benchmark DATA_DIR --output DIR`` comes first) separates the
mixture as it is, and softer, louder, shifted, or with a low tone in it; the stems are judged after the change is taken
back. Everything is done twice: as the product does it, and without what it does against such changes (the level that is
followed, and nothing heard below the lowest pitch).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from bsep_stream.files.audiofile import read_recording
from bsep_stream.files.separation import separate
from bsep_stream.model.separation_model import SeparationModel
from bsep_stream.train.benchmark.items import Item, judge
from bsep_stream.train.benchmark.trained import Trained, trained_options

GAINS_DB = (-40.0, -30.0, -20.0, -10.0, 10.0, 20.0)
OFFSETS = (0.03, 0.1)
RUMBLE_HZ, RUMBLE = 20.0, 0.1
AS_IT_IS = "as it is"

_Audio = NDArray[np.float32]


def changes(sample_rate: int) -> dict[str, tuple[float, Callable[[_Audio], _Audio]]]:
    """By name: what the stems are larger by afterwards, and the change, of audio of shape (channels, samples)."""

    def scaled(gain: float) -> tuple[float, Callable[[_Audio], _Audio]]:
        return gain, lambda audio: (gain * audio).astype(np.float32)

    def with_rumble(audio: _Audio) -> _Audio:
        turns = RUMBLE_HZ / sample_rate * np.arange(audio.shape[1])
        rumble: _Audio = (RUMBLE * np.sin(2 * np.pi * turns)).astype(np.float32)
        return audio + rumble

    def shifted(offset: float) -> tuple[float, Callable[[_Audio], _Audio]]:
        return 1.0, lambda audio: (audio + offset).astype(np.float32)

    named = {AS_IT_IS: scaled(1.0)}
    named |= {f"{decibels:+.0f} dB": scaled(10.0 ** (decibels / 20.0)) for decibels in GAINS_DB}
    named |= {f"offset {offset:g}": shifted(offset) for offset in OFFSETS}
    return named | {f"{RUMBLE_HZ:g} Hz of {RUMBLE:g}": (1.0, with_rumble)}


def judge_changed(item: Item, model: SeparationModel, change: str, latency: str) -> dict[str, Any]:
    """Measures of the stems of a changed mixture, as ``Evaluation.to_dict()``."""
    mixture, rate = read_recording(item.mixture)
    gain, changed = changes(rate)[change]
    stems = np.asarray(separate(model, changed(mixture), rate, output="mask", latency=latency, residual=False))
    return judge(item.names, item.true_stems(), list(stems / np.float32(gain)), "all")


def unaided(path: Path) -> SeparationModel:
    """A model that is taken for one whose training nobody knows: it hears everything as it comes."""
    model = SeparationModel(path)
    model.training = {}
    return model


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown: mean SDR over the stems, as the product does it and without its help, of every item and of all."""
    lines = ["| item | mixture | SDR, dB | lost, dB | without help | lost, dB |", "|---|---|---:|---:|---:|---:|"]
    usual = {row["item"]: row for row in rows if row["change"] == AS_IT_IS}
    losses: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        found = [row["sdr_db"], row["unaided_sdr_db"]]
        lost = [usual[row["item"]]["sdr_db"] - value for value in found]
        losses.setdefault(row["change"], []).append((lost[0], lost[1]))
        cells = [f"{number:.2f}" for pair in zip(found, lost, strict=True) for number in pair]
        lines.append(f"| {' | '.join([row['item'], row['change'], *cells])} |")
    for change, pairs in losses.items():
        mean, mean_unaided = (fmean(column) for column in zip(*pairs, strict=True))
        lines.append(f"| mean | {change} | - | {mean:.2f} | - | {mean_unaided:.2f} |")
    return "\n".join(lines) + "\n"


@click.command()
@trained_options("01_")
@click.option("--latency", default="quality", show_default=True)
def main(trained: Trained, latency: str) -> None:
    """SDR of the stems of mixtures that are softer, louder or shifted."""
    rows = []
    for item, trial in trained:
        path = trial / "model.onnx"
        models = {"sdr_db": SeparationModel(path), "unaided_sdr_db": unaided(path)}
        for change in changes(1):
            found = {
                name: judge_changed(item, model, change, latency)["mean"]["sdr_db"] for name, model in models.items()
            }
            rows.append({"item": item.folder.name, "change": change, **found})
    text = table(rows)
    trained.write("levels.json", json.dumps({"latency": latency, "rows": rows}, indent=1) + "\n")
    trained.write("levels.md", text)
    click.echo(text)


if __name__ == "__main__":
    main()
