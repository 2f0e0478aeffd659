"""What sound costs that nobody models: ``python -m bsep_stream.train.benchmark.disturbances DATA_DIR --output DIR``.

Noise or a metronome is added to each mixture. The model of the benchmark, which was trained on the mixture without it
(``python -m bsep_stream.train.benchmark DATA_DIR --output DIR`` comes first), separates both; with ``--train`` one that
was trained on the disturbed mixture, too. What ends where is exact: masks are found in the mean of the channels, so
with twice the disturbance in one half of the channels and twice the mixture in the other half they are those of the
disturbed mixture, and are applied to both parts alone.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import click
import numpy as np
import soundfile
from numpy.typing import NDArray

from bsep_stream.files.atomic import whole_file
from bsep_stream.files.audiofile import read_recording
from bsep_stream.files.separation import separate
from bsep_stream.masks.masksettings import MaskSettings
from bsep_stream.model.separation_model import SeparationModel
from bsep_stream.train.benchmark.foreignsounds import SOUNDS, foreign_sound
from bsep_stream.train.benchmark.items import Item, judge
from bsep_stream.train.benchmark.trained import Trained, trained_options
from bsep_stream.train.benchmark.trial import Settings, train_to_end, trial_name

NOTHING = "nothing"
"""The name of no disturbance."""

_Audio = NDArray[np.float32]


def disturbed_stems(
    model: SeparationModel, mixture: _Audio, disturbance: _Audio, sample_rate: int, mask: MaskSettings, latency: str
) -> tuple[_Audio, _Audio]:
    """What the masks of ``mixture + disturbance``, without places, make of the mixture, and of the disturbance.

    Parameters
    ----------
    model : SeparationModel
    mixture : ndarray, shape (channels, samples), float32
    disturbance : ndarray, shape (samples,), float32
        The same in all channels.
    sample_rate : int
    mask : MaskSettings
    latency : str

    Returns
    -------
    of_mixture, of_disturbance : ndarray, shape (n_sources + 1, channels, samples), float32
        The last is what stays in the residual.
    """
    channels = len(mixture)
    mask = replace(mask, places=False)  # the channels here are no places
    parts = np.concatenate([2.0 * mixture, np.broadcast_to(2.0 * disturbance, mixture.shape)]).astype(np.float32)
    stems = np.asarray(separate(model, parts, sample_rate, output="mask", mask=mask, latency=latency)) / 2.0
    return stems[:, :channels], stems[:, channels:]


def judge_disturbed(
    item: Item, model: SeparationModel, kind: str, mask: MaskSettings, latency: str, seed: int
) -> dict[str, Any]:
    """Measures of the stems of an item with a disturbance, and where the disturbance went.

    Returns
    -------
    dict
        ``measures`` as ``Evaluation.to_dict()``; ``residual`` and ``stems``, shares of the energy of the disturbance
        (None without one). As spectra add up and energies do not, both may be small together.
    """
    mixture, rate = read_recording(item.mixture)
    disturbance = np.zeros(mixture.shape[1], np.float32)
    if kind != NOTHING:
        disturbance = foreign_sound(kind, mixture.shape[1], rate, seed)
    of_mixture, of_disturbance = disturbed_stems(model, mixture, disturbance, rate, mask, latency)
    measures = judge(item.names, item.true_stems(), list(of_mixture[:-1] + of_disturbance[:-1]), "all")
    all_energy = len(mixture) * float(np.square(disturbance, dtype=np.float64).sum())
    energies = np.square(of_disturbance, dtype=np.float64).sum(axis=(1, 2))
    residual, stems = (None, None) if kind == NOTHING else (energies[-1] / all_energy, energies[:-1].sum() / all_energy)
    return {"item": item.folder.name, "kind": kind, "measures": measures, "residual": residual, "stems": stems}


def disturbed_model(item: Item, kind: str, settings: Settings, seed: int, output: Path) -> SeparationModel:
    """Trained on the disturbed mixture, in a folder of its own; what is finished is not done again."""
    from bsep_stream.export.cli import export_run

    place = output / "disturbed" / f"{trial_name(item, settings, seed)}-{kind}"
    path = place / "model.onnx"
    if not path.exists():
        place.mkdir(parents=True, exist_ok=True)
        mixture, rate = read_recording(item.mixture)
        with whole_file(place / "mixture.wav") as temporary:
            disturbed = mixture + foreign_sound(kind, mixture.shape[1], rate, seed)
            soundfile.write(temporary, disturbed.T, rate, subtype="FLOAT", format="WAV")
        run = train_to_end(place / "mixture.wav", place, item.polyphony, settings, seed)
        export_run(run, path, overwrite=True)
    return SeparationModel(path)


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown: SDR by stem without and with each disturbance, the loss, and where the disturbance went."""
    lines = [
        "| item | disturbance | trained on | SDR by stem | mean | loss, dB | in the residual | in the stems |",
        "|---|---|---|---|---|---|---|---|",
    ]
    clean = {row["item"]: row["measures"]["mean"]["sdr_db"] for row in rows if row["kind"] == NOTHING}
    for row in rows:
        by_stem = ", ".join(f"{stem['name']} {stem['sdr_db']:.1f}" for stem in row["measures"]["stems"])
        mean = row["measures"]["mean"]["sdr_db"]
        shares = ["-" if row[place] is None else f"{100 * row[place]:.0f} %" for place in ("residual", "stems")]
        cells = [row["item"], row["kind"], row["trained"], by_stem, f"{mean:.2f}", f"{clean[row['item']] - mean:.2f}"]
        lines.append(f"| {' | '.join([*cells, *shares])} |")
    lines += [
        "",
        "| disturbance | trained on | mean loss, dB | in the residual | in the stems |",
        "|---|---|---|---|---|",
    ]
    for kind, trained in dict.fromkeys((row["kind"], row["trained"]) for row in rows if row["kind"] != NOTHING):
        own = [row for row in rows if (row["kind"], row["trained"]) == (kind, trained)]
        loss = fmean(clean[row["item"]] - row["measures"]["mean"]["sdr_db"] for row in own)
        shares = [f"{100 * fmean(row[place] for row in own):.0f} %" for place in ("residual", "stems")]
        lines.append(f"| {' | '.join([kind, trained, f'{loss:.2f}', *shares])} |")
    return "\n".join(lines) + "\n"


@click.command()
@trained_options("01_,02,05,07")
@click.option("--kinds", default=",".join(SOUNDS), show_default=True, help="With commas.")
@click.option("--train", "also_train", is_flag=True, help="Also train on each disturbed mixture.")
@click.option("--latency", default="quality", show_default=True)
@click.option("--excess-db", type=float, help="Of the masks.")
def main(trained: Trained, kinds: str, also_train: bool, latency: str, excess_db: float | None) -> None:
    """SDR of the stems with and without sound that nobody models, and where that sound ends."""
    mask = MaskSettings() if excess_db is None else MaskSettings(excess_db=excess_db)
    settings, seed, rows = Settings(trained.preset), trained.seed, []
    for item, trial in trained:
        model = SeparationModel(trial / "model.onnx")
        for kind in (NOTHING, *kinds.split(",")):
            rows.append(judge_disturbed(item, model, kind, mask, latency, seed) | {"trained": "clean"})
            if also_train and kind != NOTHING:
                heard = disturbed_model(item, kind, settings, seed, trained.output)
                rows.append(judge_disturbed(item, heard, kind, mask, latency, seed) | {"trained": "disturbed"})
    text = table(rows)
    content = {"mask": asdict(mask), "latency": latency, "rows": rows}
    trained.write("disturbances.json", json.dumps(content, indent=1) + "\n")
    trained.write("disturbances.md", text)
    click.echo(text)


if __name__ == "__main__":
    main()
