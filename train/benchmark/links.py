"""What makes one player likely, learned: ``python -m bsep_stream.train.benchmark.links DIR --notes DIR``.

From sessions that are made by seed (:mod:`.sessions`, kinds ``duet`` and ``trio``): pairs of notes of the search that
sound together, by whether one player has both, and a logistic model of the signs of
:mod:`bsep_stream.train.search.players.links`. A note that nobody plays, on a harmonic of one that somebody does, is
his. What is printed stands in that file. ``--check DIR`` says how well calibrated it is on other sessions.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
import torch
from numpy.typing import NDArray

from bsep_stream.errors import BsepError, ConfigError
from bsep_stream.train.benchmark.items import Item, find_items
from bsep_stream.train.benchmark.keptnotes import PLAYED_SHARE, keep, searched
from bsep_stream.train.benchmark.logistic import fit_logistic
from bsep_stream.train.benchmark.maskedstems import listen, played_by, search_of
from bsep_stream.train.benchmark.melodies import played_shares
from bsep_stream.train.search.players.links import OFFSET, WEIGHTS, Signs, pair_signs, sounding_together, weights
from bsep_stream.train.search.settings import SearchSettings
from bsep_stream.trust.terminal import say

_CLEAR_SHARE = 0.5
"""Of a note's sound, that its player has at least, and all others less than `PLAYED_SHARE`."""

_BOUNDS = (-np.inf, -5.0, -4.0, -3.0, -2.0, -1.0, 0.0, 1.0, np.inf)

_Array = NDArray[np.float64]


class LabelledPairs(NamedTuple):
    """Pairs of notes of a session that sound together.

    Attributes
    ----------
    signs : ndarray, shape (n, n_signs)
    one_player : ndarray, shape (n,), bool
    """

    signs: _Array
    one_player: NDArray[np.bool_]


def labelled_pairs(item: Item, path: Path) -> None:
    """Search an item and write :class:`LabelledPairs` to a file; pairs of which it is not clear are left out."""
    heard = listen(item)
    search = search_of(heard, SearchSettings(), item.polyphony)
    notes = played_by(heard, search, search.explain()).notes
    pairs, _ = sounding_together(notes)
    signs = pair_signs(notes, pairs)
    share = played_shares(item, notes, heard.config.geometry)
    one_player = _one_player(share, pairs, (signs.octave > 0) | (signs.higher > 0))
    known = one_player >= 0
    keep(path, LabelledPairs(np.column_stack(signs)[known], one_player[known] > 0))


def _one_player(share: _Array, pairs: NDArray[np.int64], on_harmonic: NDArray[np.bool_]) -> NDArray[np.int64]:
    """1 where one player has both notes of a pair, 0 where two have, -1 where that is not clear."""
    ranked = np.sort(share, axis=1)
    clear = (ranked[:, -1] > _CLEAR_SHARE) & (ranked[:, -2] < PLAYED_SHARE)
    nobodys = ranked[:, -1] < PLAYED_SHARE
    player = share.argmax(axis=1)
    one, other = pairs.T
    harmonic_of_one = on_harmonic & ((clear[one] & nobodys[other]) | (nobodys[one] & clear[other]))
    found = np.where(clear[one] & clear[other], (player[one] == player[other]).astype(np.int64), -1)
    found[harmonic_of_one] = 1
    return found


def calibration(sessions: Sequence[LabelledPairs], weight: _Array, offset: float) -> str:
    """How often one player has both, by log-odds; Markdown."""
    signs = np.concatenate([session.signs for session in sessions])
    one_player = np.concatenate([session.one_player for session in sessions])
    odds = signs @ weight + offset
    lines = ["| log-odds | pairs | one player |", "|---|---|---|"]
    for low, high in pairwise(_BOUNDS):
        inside = (odds >= low) & (odds < high)
        share = f"{100 * one_player[inside].mean():.1f} %" if inside.any() else ""
        lines.append(f"| {low:g} to {high:g} | {inside.sum()} | {share} |")
    return "\n".join(lines)


def _sessions(folder: Path, kept: Path, workers: int) -> list[LabelledPairs]:
    items = [item for item in find_items(folder, []) if not item.has_chords and None not in item.notes]
    items = [item for item in items if len(item.names) > 1]
    if not items:
        raise ConfigError(f"{folder} should hold sessions of several players with their notes; it has none")
    return searched(labelled_pairs, LabelledPairs, items, kept, workers)


@click.command()
@click.argument("sessions", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--notes", "folder", required=True, type=click.Path(path_type=Path), help="Where labelled pairs are kept."
)
@click.option("--check", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Other sessions.")
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Searches at once.")
def main(sessions: Path, folder: Path, check: Path | None, workers: int) -> None:
    """Learn which notes that sound together have one player."""
    torch.set_num_threads(1)
    try:
        known = _sessions(sessions, folder, workers)
        n_pairs, n_one = (sum(len(s.one_player) for s in known), sum(int(s.one_player.sum()) for s in known))
        say(f"{n_pairs} pairs of notes that sound together, {n_one} of them one player's, in {len(known)} sessions")
        signs = np.concatenate([session.signs for session in known])
        weight, offset = fit_logistic(signs, np.concatenate([session.one_player for session in known])).plain
        for name, value in zip(Signs._fields, weight, strict=True):
            say(f"{name}: {value:+.2f} (shipped: {WEIGHTS[name]:+.2f})")
        say(f"offset: {offset:+.2f} (shipped: {OFFSET:+.2f})")
        if check is not None:
            say(calibration(_sessions(check, folder, workers), weights(), OFFSET))
    except BsepError as error:
        raise click.UsageError(str(error)) from error


if __name__ == "__main__":
    main()
