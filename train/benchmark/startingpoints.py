"""How far a dictionary alone carries: ``python -m bsep_stream.train.benchmark.startingpoints DATA_DIR --output DIR``.

For every dictionary that the preset `policy` may begin with, the published one, and the true one (fitted to the stems,
which no training sees): the mixture cost, by which one is chosen, and the tones that the pretrained network finds
with it, before the first iteration. With the true dictionary it says what a dictionary can tell at all: where
instruments stay mixed up even then, no learning of the dictionary can part them.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import torch

from bsep_stream.errors import BsepError
from bsep_stream.train.benchmark.diagnostics import best_order, played, tone_errors, true_dictionary
from bsep_stream.train.benchmark.items import Item, find_items
from bsep_stream.train.benchmark.truth import kept_tones
from bsep_stream.train.config.presets import preset_config
from bsep_stream.train.learning.assessment import assess
from bsep_stream.train.network.network_file import shipped_network, start_from_network
from bsep_stream.train.network.separator import Separator
from bsep_stream.train.session.frames import FrameSource
from bsep_stream.train.session.recording import load_session
from bsep_stream.train.tones.dictionary import HarmonicDictionary

N_FRAMES = 160


def starting_points(item: Item, output: Path) -> list[tuple[str, float, dict[str, float | int | None]]]:
    """Name, mixture cost and errors of the tones of every dictionary, on frames spread over an item."""
    config = preset_config("policy", item.names, item.polyphony)
    geometry = replace(config.geometry, n_bins=config.geometry.n_fft // 2 + 1)
    tones = kept_tones(item, geometry, output / "truth")
    sounding, silent = played(item, tones.f0_bin, geometry)
    session = load_session([item.mixture], config.geometry.sample_rate)
    frames = FrameSource(session, config.geometry, config.training_hop_length, 0).overview(N_FRAMES)
    place = np.round(frames.seconds * geometry.sample_rate / geometry.hop_length).astype(np.int64)
    place = place.clip(0, tones.f0_bin.shape[1] - 1)
    separator = Separator(config)
    start_from_network(separator, shipped_network(config.pretrained or "fast"))
    rows = {"published": HarmonicDictionary(config.n_sources, config.n_harmonics).relative_amplitudes.detach()}
    for pair in config.start_decays:
        separator.dictionary.start_with_decays(*pair)
        rows[f"{pair[0]:g}, {pair[1]:g}"] = separator.dictionary.relative_amplitudes.detach().clone()
    stems = [stem.mean(axis=0) for stem in item.stems_at(geometry.sample_rate)]
    true = torch.from_numpy(true_dictionary(stems, tones, geometry))[:, : config.n_harmonics]
    rows |= {"true": true, "true, sources exchanged": true.flip(0)}
    found = []
    for name, dictionary in rows.items():
        separator.dictionary.start_from(dictionary)
        assessment = assess(separator, frames)
        f0_bin = assessment.f0_bin.T.astype(np.float32)
        order = best_order(f0_bin, tones.f0_bin[:, place], sounding[:, place])
        errors = tone_errors(f0_bin[order], tones.f0_bin[:, place], sounding[:, place], silent[:, place])
        found.append((name, assessment.mixture_cost, errors.to_dict()))
    return found


@click.command()
@click.argument("data", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Folder in which true pitches are kept.")
@click.option("--items", default="", help="Beginnings of the names of folders, with commas (default: all).")
def main(data: Path, output: Path, items: str) -> None:
    """Cost and tones (percent of the true ones) of every dictionary to begin with, and of the true one."""
    click.echo("| item | decays | cost | right | wrong instrument | octave | harmonic | false in silence |")
    click.echo("|---|---|---|---|---|---|---|---|")
    try:
        for item in find_items(data, [name for name in items.split(",") if name]):
            for name, cost, errors in starting_points(item, output):
                kinds = ("right", "wrong_instrument", "octave", "harmonic", "false_tones")
                shares = (errors[kind] for kind in kinds)
                cells = " | ".join("-" if share is None else f"{100 * share:.0f}" for share in shares)
                click.echo(f"| {item.folder.name} | {name} | {cost:.4f} | {cells} |")
    except BsepError as error:
        raise click.UsageError(str(error)) from error


if __name__ == "__main__":
    main()
