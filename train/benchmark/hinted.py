"""What a musician's word is worth: ``python -m bsep_stream.train.benchmark.hinted DATA_DIR``.

For recordings with true stems and notes in which every instrument plays alone for a while: masks from the tones of the
search, without a word and with passages of a few seconds of each said to be its own (``bsep train --solo``). Names are
judged as well: what was said to be the flute must be the flute.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from bsep_stream.errors import BsepError
from bsep_stream.files.jobs import run_jobs
from bsep_stream.train.benchmark.items import Item, find_items
from bsep_stream.train.benchmark.lonenotes import LoneNotes, lone_notes
from bsep_stream.train.benchmark.maskedstems import listen, played_by, search_of
from bsep_stream.train.config.hints import Hints
from bsep_stream.train.search.players.given import given_players
from bsep_stream.train.search.settings import SearchSettings
from bsep_stream.trust.terminal import say

_STEP_SECONDS = 0.01
_MARGIN_SECONDS = 0.3
"""Of silence of the others around a passage: their notes ring on."""

_SHORTEST_SECONDS = 0.5

Row = dict[str, Any]


def solo_passages(item: Item, seconds: float) -> Hints | None:
    """The first passages in which only one plays, so many seconds in all for everybody; None if somebody has fewer."""
    end = max(float(notes.end_seconds.max()) for notes in item.notes if notes is not None)
    time = np.arange(0.0, end, _STEP_SECONDS)
    playing = np.zeros((len(item.names), len(time)), bool)
    for row, notes in zip(playing, item.notes, strict=True):
        assert notes is not None
        for onset, off in zip(notes.onset_seconds, notes.end_seconds, strict=True):
            row |= (onset - _MARGIN_SECONDS <= time) & (time <= off + _MARGIN_SECONDS)
    solos: list[tuple[int, float, float]] = []
    for source in range(len(playing)):
        left = seconds
        for begin, stop in _runs(playing[source] & ~np.delete(playing, source, axis=0).any(axis=0)):
            length = min((stop - begin) * _STEP_SECONDS, left)
            if length >= min(_SHORTEST_SECONDS, left) and left > 0:
                solos.append((source, float(time[begin]), float(time[begin]) + length))
                left -= length
        if left > 0:
            return None
    return Hints(solos=tuple(solos))


def _runs(on: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], on, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def hinted(item: Item, hints: Hints, settings: SearchSettings) -> Row:
    """Measures and lone notes of an item without a word and with some hints; whether the names are right with them."""
    heard = listen(item)
    geometry, sources = heard.config.geometry, heard.config.tone_sources
    search = search_of(heard, settings, item.polyphony)
    found = search.explain()
    hop_seconds = geometry.hop_length / geometry.sample_rate
    centres = np.arange(len(heard.frames), dtype=np.float64) * hop_seconds
    row: Row = {"item": item.folder.name}
    for name, given in (("without", Hints()), ("with", hints)):
        known = partial(given_players, given, seconds=centres, bin_hz=geometry.bin_hz)
        played = played_by(heard, search, found, known)
        f0_bin = played.explanation.f0_bin
        measured = heard.evaluated(f0_bin)
        alone = lone_notes(item, f0_bin.float().numpy(), sources, measured.permutation, geometry)
        names_right = list(measured.permutation) == list(range(len(item.names)))
        row[name] = {"sdr_db": measured.to_dict()["mean"]["sdr_db"], "lone": alone, "names_right": names_right}
    return row


def summary(rows: Sequence[Row]) -> str:
    """A line for each item, and the means; Markdown."""
    lines = [
        "| item | without a word | with passages alone | lone notes with another player | names right |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        one, other = row["without"], row["with"]
        lone = f"{_wrong(one['lone'])} -> {_wrong(other['lone'])}"
        right = "yes" if other["names_right"] else "no"
        lines.append(f"| {row['item']} | {one['sdr_db']:.1f} | {other['sdr_db']:.1f} | {lone} | {right} |")
    means = [fmean(row[name]["sdr_db"] for row in rows) for name in ("without", "with")]
    right = sum(row["with"]["names_right"] for row in rows)
    lines.append(f"| mean of {len(rows)} | {means[0]:.2f} | {means[1]:.2f} | | {right} |")
    return "\n".join(lines)


def _wrong(alone: LoneNotes | None) -> str:
    return "-" if alone is None or alone.wrong_share is None else f"{100 * alone.wrong_share:.0f} %"


@click.command()
@click.argument("data", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--items", default="", help="Beginnings of the names of folders, with commas (default: all).")
@click.option("--seconds", type=click.FloatRange(min=0.5), default=4.0, show_default=True, help="Alone, of everybody.")
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Items at once.")
def main(data: Path, items: str, seconds: float, workers: int) -> None:
    """SDR in dB of the search's masks, without a word and with passages in which one plays alone."""
    try:
        jobs = {}
        for item in find_items(data, [name for name in items.split(",") if name]):
            if all(notes is not None for notes in item.notes) and (hints := solo_passages(item, seconds)):
                jobs[item.folder.name] = (item, hints, SearchSettings())
        if not jobs:
            raise BsepError(f"{data} has no recording with notes in which everybody plays alone for {seconds:g} s")
        done: dict[str, Row] = {}
        for outcome in run_jobs(hinted, jobs, workers=workers):
            if outcome.result is None:
                raise BsepError(f"{outcome.name}: {outcome.error}")
            done[outcome.name] = outcome.result
            click.echo(f"{outcome.name} done", err=True)
        say(summary([done[name] for name in jobs]), lines=True)
    except BsepError as error:
        raise click.UsageError(str(error)) from error


if __name__ == "__main__":
    main()
