"""What tells unisons apart, learned: ``python -m bsep_stream.train.benchmark.unisons DIR --output FILE``.

From sessions that are made by seed (:mod:`.sessions`, kinds ``duet`` and ``trio``): notes of the search during which
another player seems to rest, by whether he truly has them as well, and the logistic model of
:mod:`bsep_stream.train.search.players.unisons`, fitted to their signs. It is tried as well: learned from four fifths of
the sessions and shown the last, in turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import permutations
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file

from bsep_stream.errors import BsepError, ConfigError
from bsep_stream.files.atomic import whole_file
from bsep_stream.train.benchmark.items import Item, find_items
from bsep_stream.train.benchmark.keptnotes import FOLDS, PLAYED_SHARE, keep, searched
from bsep_stream.train.benchmark.logistic import fit_logistic
from bsep_stream.train.benchmark.maskedstems import listen, played_by, search_of
from bsep_stream.train.benchmark.melodies import played_shares
from bsep_stream.train.search.players.harmonics import tone_harmonics
from bsep_stream.train.search.players.logistic import Logistic
from bsep_stream.train.search.players.unisons import Signs, candidates
from bsep_stream.train.search.settings import SearchSettings
from bsep_stream.trust.terminal import say

_BOTH_SHARE = 0.5
"""Of a note's sound, that each of two must play."""

_Array = NDArray[np.float64]


class LabelledCandidates(NamedTuple):
    """Notes of a session that two may have.

    Attributes
    ----------
    signs : ndarray, shape (n, n_signs)
    both : ndarray, shape (n,), bool
    loudness : ndarray, shape (n,)
        Part of the session's sound.
    """

    signs: _Array
    both: NDArray[np.bool_]
    loudness: _Array


def labelled_candidates(item: Item, path: Path) -> None:
    """Search an item and write :class:`LabelledCandidates` to a file; notes that nobody plays are left out."""
    heard = listen(item)
    geometry = heard.config.geometry
    search = search_of(heard, SearchSettings(), item.polyphony)
    explanation, notes, labels = played_by(heard, search, search.explain())
    share = _in_order(played_shares(item, notes, geometry), labels.labels, notes.loudness)
    envelope = explanation.envelope.double().numpy()
    read = partial(tone_harmonics, moduli=np.abs(heard.frames), envelope=envelope, sigma_bins=geometry.sigma_bins)
    tried = [
        entry
        for entry in candidates(notes, read, labels.labels, share.shape[1])
        if share[entry.note].max() >= PLAYED_SHARE
    ]
    note, player = np.array([(entry.note, entry.player) for entry in tried], int).reshape(len(tried), 2).T
    both = np.minimum(share[note, player], share[note, labels.labels[note]]) > _BOTH_SHARE
    signs = np.array([entry.signs for entry in tried]).reshape(len(tried), len(Signs._fields))
    keep(path, LabelledCandidates(signs, both, notes.loudness[note] / max(notes.loudness.sum(), 1e-12)))


def _in_order(share: _Array, labels: NDArray[np.int64], loudness: _Array) -> _Array:
    """Columns in the order of the search's players, by which most of the sound is right."""
    own = share.argmax(axis=1)
    orders = [np.array(order) for order in permutations(range(share.shape[1]))]
    best = max(orders, key=lambda order: float(loudness[order[labels] == own].sum()))
    return share[:, best]


def fitted(sessions: Sequence[LabelledCandidates]) -> Logistic:
    """The logistic model of some sessions, every note weighing the same."""
    signs = np.concatenate([session.signs for session in sessions])
    return fit_logistic(signs, np.concatenate([session.both for session in sessions]))


def shown_apart(sessions: Sequence[LabelledCandidates]) -> tuple[float, float]:
    """Of the sound of true unisons that is found, and of what is found that is true, in sessions left out."""
    found = true = right = 0.0
    for fold in range(FOLDS):
        learned = [session for number, session in enumerate(sessions) if number % FOLDS != fold]
        left_out = [session for number, session in enumerate(sessions) if number % FOLDS == fold]
        if not learned or not left_out:
            continue
        model = fitted(learned)
        for session in left_out:
            said = model.log_odds(session.signs) > 0
            found += float(session.loudness[said].sum())
            true += float(session.loudness[session.both].sum())
            right += float(session.loudness[said & session.both].sum())
    return right / max(true, 1e-12), right / max(found, 1e-12)


def save_model(path: Path, model: Logistic, origin: dict[str, str]) -> None:
    """Write a model in single precision, with where it is from."""
    tensors = {name: np.atleast_1d(np.asarray(values, np.float32)) for name, values in model._asdict().items()}
    with whole_file(path) as temporary:
        save_file(tensors, temporary, metadata=origin)


@click.command()
@click.argument("sessions", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--output", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The model's file.")
@click.option("--notes", "folder", type=click.Path(path_type=Path), help="Where labelled notes are kept.")
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Searches at once.")
def main(sessions: Path, output: Path, folder: Path | None, workers: int) -> None:
    """Learn to tell notes of two players from notes of one."""
    torch.set_num_threads(1)
    try:
        items = [item for item in find_items(sessions, []) if not item.has_chords and None not in item.notes]
        items = [item for item in items if len(item.names) > 1]
        if len(items) < FOLDS:
            raise ConfigError(f"{sessions} should hold {FOLDS} sessions of several players; it has {len(items)}")
        folder = folder or output.with_suffix(".notes")
        known = searched(labelled_candidates, LabelledCandidates, items, folder, workers)
        n_notes, n_both = (sum(len(session.both) for session in known), sum(int(s.both.sum()) for s in known))
        model = fitted(known)
        save_model(output, model, {"sessions": str(len(known)), "notes": str(n_notes)})
        say(f"{n_notes} notes during which another rests, {n_both} of them his as well, in {len(known)} sessions")
        for name, weight in zip(Signs._fields, model.weight, strict=True):
            say(f"{name}: {weight:+.2f} per standard deviation")
        share, precision = shown_apart(known)
        say(f"in sessions left out: {100 * share:.0f} % of the sound of unisons found, {100 * precision:.0f} % true")
    except BsepError as error:
        raise click.UsageError(str(error)) from error


if __name__ == "__main__":
    main()
