"""What places are worth in stereo: ``python -m bsep_stream.train.benchmark.stereo DATA_DIR --output DIR``.

The model of the benchmark (``python -m bsep_stream.train.benchmark DATA_DIR --output DIR`` comes first; what has no
model is left out) separates a stereo picture twice, by its masks alone and with the places of the sources
(:mod:`bsep_stream.masks.places`). Stereo recordings are taken as they are. Of mono ones two pictures are made from the
true stems, :mod:`bsep_stream.train.benchmark.stereoimages`; their model has heard neither.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from bsep_stream.files.audiofile import read_recording
from bsep_stream.files.separation import separate
from bsep_stream.masks.masksettings import MaskSettings
from bsep_stream.model.separation_model import SeparationModel
from bsep_stream.report.measures import evaluate
from bsep_stream.train.benchmark.items import Item
from bsep_stream.train.benchmark.stereoimages import in_room, panned, room_of
from bsep_stream.train.benchmark.table import three
from bsep_stream.train.benchmark.trained import Trained, trained_options

AS_IT_IS, ROOM, PAN = "as it is", "room", "pan"
WITHOUT, WITH = "without places", "with places"

_Audio = NDArray[np.float32]
_KEYS = ("sdr_db", "sir_db", "sar_db")


@dataclass(frozen=True)
class Picture:
    """A stereo recording with its true stems.

    Parameters
    ----------
    kind : str
        :data:`AS_IT_IS`, :data:`ROOM` or :data:`PAN`.
    sample_rate : int
    mixture : ndarray, shape (channels, samples), float32
    images : ndarray, shape (n_sources, channels, samples), float32
    """

    kind: str
    sample_rate: int
    mixture: _Audio
    images: _Audio


def pictures(item: Item) -> Iterator[Picture]:
    """The recording of an item as it is, or, if it is mono, in a room and panned.

    Raises
    ------
    MissingDependency
        If a room has to be simulated, and pyroomacoustics is not there.
    """
    mixture, rate = read_recording(item.mixture)
    stems = np.stack(item.true_stems())
    if len(mixture) > 1:
        yield Picture(AS_IT_IS, rate, mixture, stems)
        return
    dry = stems[:, 0]
    for kind, images in (
        (ROOM, in_room(dry, rate, room_of(item.folder.name, len(dry)))),
        (PAN, panned(dry)),
    ):
        yield Picture(kind, rate, images.sum(axis=0), images)


def judge_picture(
    item: Item, picture: Picture, model: SeparationModel, latency: str, filtered: bool = False
) -> dict[str, Any]:
    """Measures of the stems of a picture without and with places.

    Returns
    -------
    dict
        ``item``, ``picture``, and at :data:`WITHOUT` and :data:`WITH` ``Evaluation.to_dict()``.
    """
    row: dict[str, Any] = {"item": item.folder.name, "picture": picture.kind}
    for key, mask in ((WITHOUT, MaskSettings(places=False)), (WITH, MaskSettings())):
        stems = separate(
            model,
            picture.mixture,
            picture.sample_rate,
            output="mask",
            residual=False,
            mask=mask,
            latency=latency,
        )
        row[key] = evaluate(picture.images, list(np.asarray(stems)), item.names, filtered).to_dict()
    return row


def table(rows: list[dict[str, Any]], filtered: bool = False) -> str:
    """Markdown: SDR / SIR / SAR without and with places, gain in SDR, means by picture and of all.

    Parameters
    ----------
    rows : list of dict
        Of :func:`judge_picture`.
    filtered : bool
        The measures that forgive a short filter.
    """
    measured = [
        (row["item"], row["picture"], *(mean_of_stems(row[key], filtered) for key in (WITHOUT, WITH))) for row in rows
    ]
    lines = [f"| item | picture | {WITHOUT} | {WITH} | gain, dB |", "|---|---|---|---|---|"]
    lines += [_line(*row) for row in measured]
    for kind in dict.fromkeys(row[1] for row in measured):
        own = [row for row in measured if row[1] == kind]
        if len(own) > 1:
            lines.append(_line("mean", kind, _over([row[2] for row in own]), _over([row[3] for row in own])))
    lines.append(_line("mean", "all", _over([row[2] for row in measured]), _over([row[3] for row in measured])))
    return "\n".join(lines) + "\n"


def mean_of_stems(measures: dict[str, Any], filtered: bool) -> dict[str, float]:
    """Mean of what ``Evaluation.to_dict()`` says over the stems that are not silent."""
    stems = [stem["filtered"] if filtered else stem for stem in measures["stems"]]
    return {key: fmean(stem[key] for stem in stems if stem[key] is not None) for key in _KEYS}


def _over(rows: list[dict[str, float]]) -> dict[str, float]:
    return {key: fmean(row[key] for row in rows) for key in _KEYS}


def _line(item: str, kind: str, without: dict[str, float], with_places: dict[str, float]) -> str:
    gain = with_places["sdr_db"] - without["sdr_db"]
    return f"| {item} | {kind} | {three(without)} | {three(with_places)} | {gain:.1f} |"


@click.command()
@trained_options()
@click.option("--latency", default="quality", show_default=True)
@click.option("--filtered", is_flag=True, help="Also BSS-eval, which forgives a short filter.")
def main(trained: Trained, latency: str, filtered: bool) -> None:
    """SDR / SIR / SAR in dB of stereo recordings, without and with the places of the sources."""
    rows = []
    for item, trial in trained:
        model = SeparationModel(trial / "model.onnx")
        rows += [judge_picture(item, picture, model, latency, filtered) for picture in pictures(item)]
    text = table(rows)
    if filtered:
        text += f"\nBSS-eval with filters:\n\n{table(rows, filtered=True)}"
    trained.write("stereo.json", json.dumps({"latency": latency, "rows": rows}, indent=1) + "\n")
    trained.write("stereo.md", text)
    click.echo(text)


if __name__ == "__main__":
    main()
