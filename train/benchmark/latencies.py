"""What latency costs: ``python -m bsep_stream.train.benchmark.latencies DATA_DIR --output DIR``.

Every recording is separated by its own model with every latency setting, and once more with the true pitches in place
of those that the network finds: the first is what one hears, the second what physics leaves of it. The models are those
of the benchmark (``python -m bsep_stream.train.benchmark DATA_DIR --output DIR``), which comes first.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import click
import numpy as np
import soxr
import torch
from numpy.typing import NDArray

from bsep_stream.errors import RunError
from bsep_stream.files.atomic import whole_file
from bsep_stream.files.audiofile import read_recording
from bsep_stream.files.separation import separate
from bsep_stream.model.separation_model import SeparationModel
from bsep_stream.report.measures import evaluate
from bsep_stream.stream.hops import HopEngine
from bsep_stream.stream.latency import LatencySetting, choose_setting
from bsep_stream.train.benchmark.items import Item
from bsep_stream.train.benchmark.table import three
from bsep_stream.train.benchmark.trained import Trained, trained_options
from bsep_stream.train.benchmark.truetones import TrueTonesMaker
from bsep_stream.train.benchmark.truth import kept_tones
from bsep_stream.train.runs.start import load_separator

PITCHES = ("network", "true f0")

_Audio = NDArray[np.float32]


def separated(model: SeparationModel, mixture: _Audio, setting: LatencySetting) -> _Audio:
    """Stems (n_sources, channels, samples) by the pitches that the network finds."""
    latency = 1000.0 * setting.synthesis_samples / model.geometry.sample_rate
    wish = "quality" if setting.reach_samples is None else latency
    return np.asarray(separate(model, mixture, model.geometry.sample_rate, output="mask", residual=False, latency=wish))


def separated_by_truth(
    model: SeparationModel,
    run: Path,
    mixture: _Audio,
    setting: LatencySetting,
    item: Item,
    truth: Path,
    order: list[int],
) -> _Audio:
    """Stems (n_sources, channels, samples) by the true pitches, at once; ``order[i]`` is the source of true stem i."""
    geometry = model.geometry
    separator, _, _ = load_separator(run)
    if separator.timbre is None:
        raise RunError(f"{run} has no timbre to make masks from: train it with the preset fast")
    tones = kept_tones(item, replace(geometry, n_bins=geometry.n_fft // 2 + 1), truth)
    by_source = np.argsort(order)
    maker = TrueTonesMaker(
        model, separator.timbre, type(tones)(*(rows[by_source] for rows in tones)), setting, len(mixture)
    )
    engine = HopEngine(geometry, setting, model.n_sources, len(mixture), maker)
    hop, late = setting.hop_samples, setting.algorithmic_samples
    length = mixture.shape[1]
    padded = np.pad(mixture, ((0, 0), (0, late + hop)))
    stems = np.zeros((model.n_sources, *padded.shape), dtype=np.float32)
    for start in range(0, padded.shape[1] - hop + 1, hop):
        stems[..., start : start + hop] = engine.process(padded[:, start : start + hop])
    return stems[..., late : late + length]


@torch.no_grad()
def judge(
    item: Item,
    trial: Path,
    settings: list[str],
    seconds: float | None,
    output: Path,
    kinds: tuple[str, ...] = PITCHES,
) -> list[dict[str, Any]]:
    """Measures of every setting with kinds of pitches, of which the network's come first.

    What is in `output` is not done again.
    """
    model = SeparationModel(trial / "model.onnx")
    rate = model.geometry.sample_rate
    audio, own_rate = read_recording(item.mixture)
    mixture = np.ascontiguousarray(
        soxr.resample(audio.T, own_rate, rate, quality="VHQ").T if own_rate != rate else audio
    )
    end = mixture.shape[1] if seconds is None else min(round(seconds * rate), mixture.shape[1])
    mixture = mixture[:, :end]
    stems = [stem[:, :end] for stem in item.stems_at(rate)]
    order: list[int] | None = None
    rows = []
    for wish in settings:
        setting = choose_setting(wish, model.geometry)
        for pitches in kinds:
            length = "all" if seconds is None else f"{seconds:g}s"
            path = (
                output
                / "latencies"
                / f"{item.folder.name}-{setting.synthesis_samples}-{pitches.split()[0]}-{length}.json"
            )
            if path.exists():
                row: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            else:
                if pitches == "network":
                    estimates = separated(model, mixture, setting)
                else:
                    assert order is not None
                    truth = output / "truth"
                    estimates = separated_by_truth(model, trial / "run", mixture, setting, item, truth, order)
                measures = evaluate(stems, list(estimates), item.names).to_dict()
                samples = setting.synthesis_samples - 1
                row = {"item": item.folder.name, "pitches": pitches, "ms": 1000 * samples / rate, "measures": measures}
                with whole_file(path) as temporary:
                    temporary.write_text(json.dumps(row, indent=1) + "\n", encoding="utf-8")
            if order is None:  # of the first setting, the best
                order = [stem["estimate"] for stem in row["measures"]["stems"]]
            rows.append(row)
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown: means over the items by latency, then the SDR of every item."""
    latencies = sorted({row["ms"] for row in rows}, reverse=True)
    items = sorted({row["item"] for row in rows})
    by_key = {(row["item"], row["pitches"], row["ms"]): row["measures"]["mean"] for row in rows}
    kinds = [pitches for pitches in PITCHES if any(row["pitches"] == pitches for row in rows)]
    lines = [f"| latency, ms | {' | '.join(f'{pitches} | below quality' for pitches in kinds)} |"]
    lines.append(f"|---|{'---|---|' * len(kinds)}")
    means: dict[tuple[str, float], dict[str, float]] = {}
    for pitches in kinds:
        for ms in latencies:
            each = [by_key[item, pitches, ms] for item in items]
            means[pitches, ms] = {key: fmean(values[key] for values in each) for key in each[0]}
    for ms in latencies:
        cells = [f"{ms:.1f}"]
        for pitches in kinds:
            loss = means[pitches, latencies[0]]["sdr_db"] - means[pitches, ms]["sdr_db"]
            cells += [three(means[pitches, ms]), f"{loss:.1f}"]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", f"| SDR: {', '.join(kinds)} | {' | '.join(f'{ms:.1f} ms' for ms in latencies)} |"]
    lines.append(f"|---|{'---|' * len(latencies)}")
    for item in items:
        cells = [", ".join(f"{by_key[item, pitches, ms]['sdr_db']:.1f}" for pitches in kinds) for ms in latencies]
        lines.append(f"| {item} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


@click.command()
@trained_options()
@click.option("--latencies", default="quality,balanced,32.1,live,10.7,8,5.4", show_default=True)
@click.option("--seconds", type=click.FloatRange(min=1), help="Only so much of every recording, from its start.")
@click.option("--network-only", is_flag=True, help="Without the true pitches.")
def main(trained: Trained, latencies: str, seconds: float | None, network_only: bool) -> None:
    """SDR / SIR / SAR in dB over latency: with the network's pitches and with the true ones."""
    wishes = [wish.strip() for wish in latencies.split(",")]
    rows = []
    for item, trial in trained:
        rows += judge(item, trial, wishes, seconds, trained.output, PITCHES[:1] if network_only else PITCHES)
    text = table(rows)
    trained.write("latencies.md", text)
    click.echo(text)


if __name__ == "__main__":
    main()
