"""What the errors of the search cost: ``python -m bsep_stream.train.benchmark.errorcosts DATA_DIR --output DIR``.

For every recording with true stems: masks (without any network) from the tones of the search, and from the same tones
with one kind of errors mended by the truth (`mending.py`). The timbre is fitted to the tones that are judged, as it
would be if the search had found them. The true tones are found in the stems once, and kept in the folder of results.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import click
import numpy as np
import torch
from numpy.typing import NDArray

from bsep_stream.errors import BsepError
from bsep_stream.files.atomic import whole_file
from bsep_stream.files.jobs import run_jobs
from bsep_stream.model.geometry import FrameGeometry
from bsep_stream.train.benchmark.diagnostics import MARGIN_SIGMAS
from bsep_stream.train.benchmark.items import Item, Notes, find_items
from bsep_stream.train.benchmark.judge import changed_settings
from bsep_stream.train.benchmark.maskedstems import explanations, listen
from bsep_stream.train.benchmark.mending import KINDS, Tones, in_order, mended, players_order
from bsep_stream.train.benchmark.truth import true_f0
from bsep_stream.train.config.trainconfig import TrainConfig
from bsep_stream.train.search.settings import SearchSettings

_SEMITONE = 2.0 ** (1 / 12)

Row = dict[str, Any]


def error_costs(item: Item, settings: SearchSettings, folder: Path) -> Row:
    """Measures of an item with each of :data:`~bsep_stream.train.benchmark.mending.KINDS` true.

    Parameters
    ----------
    item : Item
    settings : SearchSettings
    folder : Path
        Where true tones are kept.

    Returns
    -------
    dict
        Plain values: ``item``, and by kind ``Evaluation.to_dict()``.
    """
    heard = listen(item)
    config = heard.config
    found: Tones = explanations(heard, settings, item.polyphony)[0].f0_bin.float().numpy()
    true = kept_true_rows(item, config, folder)[:, : found.shape[1]]
    order = players_order(found, true, config.tone_sources)
    edges = edges_of(item, true, config)
    variants = mended(in_order(found, config.tone_sources, order), true, config.tone_sources, edges)
    measures = {kind: heard.evaluated(torch.from_numpy(tones)).to_dict() for kind, tones in variants.items()}
    return {"item": item.folder.name, "measures": measures}


def kept_true_rows(item: Item, config: TrainConfig, folder: Path) -> Tones:
    """:func:`true_rows`, from a file in `folder` if they were found before."""
    tones = "-".join(map(str, item.polyphony))
    geometry = config.geometry
    path = folder / f"{item.folder.name}-{geometry.sample_rate}-{geometry.n_fft}-{geometry.hop_length}-{tones}.npy"
    if path.exists():
        kept: Tones = np.load(path, allow_pickle=False)
        return kept
    rows = true_rows(item, config)
    with whole_file(path) as temporary, temporary.open("wb") as file:
        np.save(file, rows)
    return rows


def true_rows(item: Item, config: TrainConfig) -> Tones:
    """True tones in frames, shape (n_tones, n_frames), in bins, 0: none; those of a source from high to low.

    Of a source that has one tone at a time they are found in its stem; of the others they are the notes as written,
    wherever these sound.
    """
    geometry = replace(config.geometry, n_bins=config.geometry.n_fft // 2 + 1)
    rows = []
    for name, notes, limit in zip(item.names, item.notes, item.polyphony, strict=True):
        alone = replace(item, names=(name,), notes=(notes,), tones_at_once=())
        if limit == 1 or notes is None:
            one = true_f0(alone, geometry)
            rows.append(np.concatenate([one, np.zeros((limit - 1, one.shape[1]), np.float32)]))
        else:
            n_samples = alone.stems_at(geometry.sample_rate)[0].shape[1]
            rows.append(written_rows(notes, limit, len(range(0, n_samples, geometry.hop_length)), geometry))
    return np.concatenate(rows)


def written_rows(notes: Notes, limit: int, n_frames: int, geometry: FrameGeometry) -> Tones:
    """The newest notes that sound in every frame, at most `limit`, from high to low; shape (limit, n_frames)."""
    f0_bin = 440.0 * 2.0 ** ((notes.midi - 69) / 12) / geometry.bin_hz
    rows = np.zeros((limit, n_frames), np.float32)
    for frame, moment in enumerate(np.arange(n_frames) * geometry.hop_length / geometry.sample_rate):
        newest = np.flatnonzero((notes.onset_seconds <= moment) & (moment <= notes.end_seconds))[-limit:]
        rows[: newest.size, frame] = np.sort(f0_bin[newest])[::-1]
    return rows


def edges_of(item: Item, true: Tones, config: TrainConfig) -> NDArray[np.bool_]:
    """Frames near a beginning or an end of a note, shape (n_sources, n_frames); without notes, of the true tones."""
    geometry = config.geometry
    margin = MARGIN_SIGMAS * geometry.sigma_samples / geometry.sample_rate
    time = np.arange(true.shape[1]) * geometry.hop_length / geometry.sample_rate
    sources = np.asarray(config.tone_sources)
    near = np.zeros((len(item.names), true.shape[1]), bool)
    for number, notes in enumerate(item.notes):
        moments = _leaps(true[sources == number][0], time) if notes is None else _ends(notes)
        for moment in moments:
            near[number] |= np.abs(time - moment) < margin
    return near


def _ends(notes: Notes) -> NDArray[np.float64]:
    return np.concatenate([notes.onset_seconds, notes.end_seconds])


def _leaps(f0_bin: NDArray[np.float32], time: NDArray[np.float64]) -> NDArray[np.float64]:
    before, after = np.maximum(f0_bin[:-1], 1e-3), np.maximum(f0_bin[1:], 1e-3)
    return time[1:][np.maximum(before / after, after / before) > _SEMITONE]


def table(rows: Sequence[Row]) -> str:
    """SDR in dB, mean of the stems, by item and kind, and the means of all; Markdown."""
    heads = [kind if kind == KINDS[0] else f"{kind} true" for kind in KINDS]
    lines = [f"| item | {' | '.join(heads)} |", "|---" * (1 + len(KINDS)) + "|"]
    values = {row["item"]: [row["measures"][kind]["mean"]["sdr_db"] for kind in KINDS] for row in rows}
    lines += [_line(item, own) for item, own in values.items()]
    if len(rows) > 1:
        lines.append(_line("mean", [fmean(column) for column in zip(*values.values(), strict=True)]))
    return "\n".join(lines) + "\n"


def _line(item: str, values: Sequence[float]) -> str:
    return f"| {item} | {' | '.join(f'{value:.1f}' for value in values)} |"


@click.command()
@click.argument("data", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Folder of results and true tones.")
@click.option("--items", default="", help="Beginnings of the names of folders, with commas (default: all).")
@click.option("--set", "changes", multiple=True, help="NAME=NUMBER of SearchSettings.")
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Items at once.")
def main(data: Path, output: Path, items: str, changes: tuple[str, ...], workers: int) -> None:
    """SDR in dB of the search's masks, as they are and with one kind of errors mended by the truth."""
    try:
        settings = changed_settings(changes)
        chosen = find_items(data, [name for name in items.split(",") if name])
        jobs = {item.folder.name: (item, settings, (output / "truth").resolve()) for item in chosen}
        done: dict[str, Row] = {}
        failed = []
        for outcome in run_jobs(error_costs, jobs, workers=workers):
            if outcome.result is None:
                failed.append(f"{outcome.name}: {outcome.error}")
                continue
            done[outcome.name] = outcome.result
            click.echo(f"{outcome.name} done", err=True)
            rows = [done[name] for name in jobs if name in done]
            for suffix, text in (("json", json.dumps(rows, indent=1) + "\n"), ("md", table(rows))):
                with whole_file(output / f"errorcosts.{suffix}") as temporary:
                    temporary.write_text(text, encoding="utf-8")
        if done:
            click.echo(table([done[name] for name in jobs if name in done]))
        if failed:
            raise BsepError(f"{len(failed)} of {len(jobs)} items could not be judged: {'; '.join(failed)}")
    except BsepError as error:
        raise click.UsageError(str(error)) from error


if __name__ == "__main__":
    main()
