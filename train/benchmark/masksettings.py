"""What a setting of the masks is worth: ``python -m bsep_stream.train.benchmark.masksettings DATA_DIR --output DIR``.

The model of the benchmark (``python -m bsep_stream.train.benchmark DATA_DIR --output DIR`` comes first) separates its
recording with every value of one of the :class:`~bsep_stream.masks.masksettings.MaskSettings`, the others as they
always are. Mono recordings are judged dry and, with ``--rooms``, in the simulated rooms of
:mod:`bsep_stream.train.benchmark.stereoimages`; stereo ones as they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields
from statistics import fmean
from typing import Any

import click
import numpy as np

from bsep_stream.errors import ConfigError
from bsep_stream.files.audiofile import read_recording
from bsep_stream.files.separation import separate
from bsep_stream.masks.masksettings import MaskSettings
from bsep_stream.model.separation_model import SeparationModel
from bsep_stream.report.measures import evaluate
from bsep_stream.train.benchmark.items import Item
from bsep_stream.train.benchmark.stereo import ROOM, Picture, mean_of_stems, pictures
from bsep_stream.train.benchmark.trained import Trained, trained_options

DRY = "dry"


def varied(name: str, values: str) -> dict[str, MaskSettings]:
    """Settings by what is written for one of them.

    Parameters
    ----------
    name : str
        Of a field of MaskSettings.
    values : str
        Numbers, with commas; ``none``, ``on`` and ``off`` where they make sense.

    Raises
    ------
    ConfigError
        No such setting, or no such value.
    """
    names = [field.name for field in fields(MaskSettings)]
    if name not in names:
        raise ConfigError(f"a setting of the masks must be one of {', '.join(names)}, got {name!r}")
    words: dict[str, Any] = {"none": None, "on": True, "off": False}
    settings: dict[str, Any] = {}
    for written in values.split(","):
        try:
            value: Any = words[written] if written in words else float(written)
        except ValueError as error:
            raise ConfigError(f"{name} cannot be {written!r}; give numbers, none, on or off, with commas") from error
        try:
            settings[written] = MaskSettings(**{name: value})
        except TypeError as error:
            raise ConfigError(f"{name} cannot be {written!r}; give numbers, none, on or off, with commas") from error
    return settings


def sounds(item: Item, rooms: bool) -> Iterator[Picture]:
    """A recording as it is: dry if it is mono; if ``rooms``, in its simulated room as well."""
    mixture, rate = read_recording(item.mixture)
    if len(mixture) > 1:
        yield from pictures(item)
        return
    yield Picture(DRY, rate, mixture, np.stack(item.true_stems()))
    if rooms:
        yield from (picture for picture in pictures(item) if picture.kind == ROOM)


def judge_settings(
    item: Item, sound: Picture, model: SeparationModel, settings: dict[str, MaskSettings], latency: str, filtered: bool
) -> dict[str, Any]:
    """Measures of the stems with each of the settings.

    Returns
    -------
    dict
        ``item``, ``picture``, and in ``measures`` ``Evaluation.to_dict()`` by the names of the settings.
    """
    measures = {}
    for name, mask in settings.items():
        stems = separate(
            model, sound.mixture, sound.sample_rate, output="mask", residual=False, mask=mask, latency=latency
        )
        measures[name] = evaluate(sound.images, list(np.asarray(stems)), item.names, filtered).to_dict()
    return {"item": item.folder.name, "picture": sound.kind, "measures": measures}


def table(setting: str, rows: list[dict[str, Any]], filtered: bool = False) -> str:
    """Markdown: SDR by item, picture and value, and means by picture.

    Parameters
    ----------
    setting : str
        What has the values.
    rows : list of dict
        Of :func:`judge_settings`.
    filtered : bool
        The measure that forgives a short filter.
    """
    values = list(rows[0]["measures"])
    measured = [
        (row["item"], row["picture"], [mean_of_stems(row["measures"][value], filtered)["sdr_db"] for value in values])
        for row in rows
    ]
    for kind in dict.fromkeys(row["picture"] for row in rows):
        own = [sdr for _, picture, sdr in measured if picture == kind]
        if len(own) > 1:
            measured.append(("mean", kind, [fmean(column) for column in zip(*own, strict=True)]))
    lines = [
        f"| item | picture | {setting} {' | '.join(values)} |",
        "|---|---|" + "---|" * len(values),
    ]
    lines += [f"| {item} | {picture} | {' | '.join(f'{sdr:.2f}' for sdr in row)} |" for item, picture, row in measured]
    return "\n".join(lines) + "\n"


@click.command()
@trained_options()
@click.option("--setting", required=True, help="Of the masks: ring, excess_db, noise_db ...")
@click.option("--values", required=True, help="With commas.")
@click.option("--rooms", is_flag=True, help="Mono recordings in a simulated room as well.")
@click.option("--latency", default="quality", show_default=True)
@click.option("--filtered", is_flag=True, help="Also BSS-eval, which forgives a short filter.")
def main(trained: Trained, setting: str, values: str, rooms: bool, latency: str, filtered: bool) -> None:
    """SDR in dB with each value of a setting of the masks."""
    settings = varied(setting, values)
    judged = []
    for item, trial in trained:
        model = SeparationModel(trial / "model.onnx")
        judged += [judge_settings(item, sound, model, settings, latency, filtered) for sound in sounds(item, rooms)]
    text = table(setting, judged)
    if filtered:
        text += f"\nBSS-eval with filters:\n\n{table(setting, judged, filtered=True)}"
    trained.write(f"masks-{setting}.json", json.dumps({"latency": latency, "rows": judged}, indent=1) + "\n")
    trained.write(f"masks-{setting}.md", text)
    click.echo(text)


if __name__ == "__main__":
    main()
