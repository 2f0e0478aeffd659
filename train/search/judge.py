"""The search alone, judged: ``python -m bsep_stream.train.search.judge DATA_DIR``.

For every recording with true stems (as in :mod:`bsep_stream.train.benchmark`) and every start of the search: its cost,
and the measures of masks made from the pitches that it found. It takes seconds where a training takes minutes, and
tells what the network can learn from its teacher. ``--set register_weight=0`` changes a constant of the search.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bsep_stream.errors import BsepError
from bsep_stream.measures import evaluate
from bsep_stream.train.benchmark.items import Item, find_items
from bsep_stream.train.benchmark.resynthesis import overlap_add
from bsep_stream.train.benchmark.table import measures_text
from bsep_stream.train.config import TrainConfig
from bsep_stream.train.labels import frames_at
from bsep_stream.train.policy import pitch_range
from bsep_stream.train.presets import preset_config
from bsep_stream.train.recording import load_session
from bsep_stream.train.search.session import Explanation, SessionSearch
from bsep_stream.train.search.settings import SearchSettings
from bsep_stream.train.spectra import as_channels
from bsep_stream.train.timbre import Timbre

_TINY = 1e-20


def masked_stems(
    frames: NDArray[np.complex64], f0_bin: Tensor, config: TrainConfig, length: int
) -> list[NDArray[np.float32]]:
    """Stems by the masks of a timbre that is fitted to given pitches (n_tones, n_frames); 0: no tone."""
    mixture, pitches = torch.from_numpy(frames), f0_bin.T.contiguous()
    timbre = Timbre(config)
    timbre.fit(mixture.abs(), pitches)
    pieces = []
    for frame, pitch in zip(torch.split(mixture, 256), torch.split(pitches, 256), strict=True):
        width = torch.full_like(pitch, config.geometry.sigma_bins)
        switch = (pitch > 0).to(pitch.dtype)
        tones = (values[..., None] for values in (pitch, torch.zeros_like(pitch), width, switch))
        pieces.append(timbre.moduli(as_channels(frame), *tones))
    powers = torch.cat(pieces).square().numpy()  # (n_frames, n_sources, n_bins)
    masks = powers / (powers.sum(axis=1, keepdims=True) + _TINY)
    return [overlap_add(masks[:, source] * frames, config.geometry, length) for source in range(config.n_sources)]


def judge(item: Item, settings: SearchSettings, most: int | None = None) -> list[tuple[Explanation, str]]:
    """Explanations of an item's mixture, all or so many, each with its measures.

    First what labels are made of, whose players are decided by notes; then the starts, the cheapest first.
    """
    config = preset_config("fast", item.names, item.polyphony)
    session = load_session([item.mixture], config.geometry.sample_rate)
    samples = session.takes[0].samples
    frames = frames_at(samples, np.arange(0, len(samples), config.geometry.hop_length), config.geometry)
    first, end = pitch_range(config.policy, config.geometry.n_bins)
    cuts = torch.zeros(len(frames), dtype=torch.bool)
    search = SessionSearch(
        torch.from_numpy(np.abs(frames)), len(item.names), first, end - 1, cuts, settings, item.polyphony
    )
    truth = [stem.mean(axis=0, keepdims=True) for stem in item.true_stems()]
    rows = []
    found = search.explain()
    seconds = config.geometry.hop_length / config.geometry.sample_rate
    played = search.played(config.geometry.sigma_bins, found, frame_seconds=seconds).explanation
    for explanation in [played._replace(start=f"by notes, from {played.start}"), *found][:most]:
        stems = masked_stems(frames, explanation.f0_bin, config, len(samples))
        rows.append((explanation, measures_text(evaluate(truth, [stem[None] for stem in stems], item.names).to_dict())))
    return rows


@click.command()
@click.argument("data", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--items", default="", help="Beginnings of the names of folders, with commas (default: all).")
@click.option("--one-tone", is_flag=True, help="One tone at once for every source, whatever the items say.")
@click.option("--best", is_flag=True, help="Only the start that is chosen.")
@click.option("--set", "changes", multiple=True, help="NAME=NUMBER of SearchSettings.")
def main(data: Path, items: str, one_tone: bool, best: bool, changes: tuple[str, ...]) -> None:
    """Cost and SDR / SIR / SAR in dB of every start of the search; the first of an item is the one that is chosen."""
    settings = SearchSettings()
    for change in changes:
        name, _, value = change.partition("=")
        settings = replace(settings, **{name: type(getattr(settings, name))(value)})
    try:
        click.echo("| item | start | cost | SDR / SIR / SAR by stem | mean |\n|---|---|---|---|---|")
        for item in find_items(data, [name for name in items.split(",") if name]):
            for explanation, text in judge(replace(item, one_tone=one_tone), settings, 1 if best else None):
                click.echo(f"| {item.folder.name} | {explanation.start} | {explanation.cost:.4f} | {text} |")
    except BsepError as error:
        raise click.UsageError(str(error)) from error


if __name__ == "__main__":
    main()
