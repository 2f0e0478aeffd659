"""Links between notes: who cannot be, or is not likely to be, one player.

Notes that sound together have different players, but for what a search hears twice: the last note that rings on behind
the next one of a line, a vibrato with two peaks in one frame, a harmonic that is taken for a tone of its own. How
likely each of these is was learned from pairs of notes in sessions that are made by seed
(``python -m bsep_stream.train.benchmark.links``).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bsep_stream.train.search.players.notes import Notes, note_levels
from bsep_stream.train.search.players.overtones import harmonic_of

TOGETHER_FRAMES = 8
"""Notes that are played for so long together have different players, if nothing makes one player likely."""

TOGETHER_SHARE = 0.8
"""... or for so much of the shorter one."""

UNLIKELY_LOG_ODDS = -3.5
"""Of one player: below it notes that sound together for long have different players, whatever else is known."""

HARMONIC_NATS = 1.0
"""What it costs at least if a note and one on a harmonic of it have one player: most of what would tell them apart is
hidden, and a tone that is lost is worse than one that nobody plays."""

_MOST_NATS = 4.0
_STEP_SEMITONES = 3.0
_BESIDE_SEMITONES = 0.8
_FALLEN_DB = 12.0
_LOUDER_DB = 12.0
_AROUND_FRAMES = 3
_OCTAVE = 2
_TINY = 1e-6

_Array = NDArray[np.float64]


class Signs(NamedTuple):
    """What pairs of notes that sound together have of one player's, each of shape (n_pairs,).

    Attributes
    ----------
    step : ndarray
        By how many semitones they are nearer than three, if the first to begin is the first to end: a line.
    beside : ndarray
        1 where they lie so near each other that it is a vibrato, heard as two tones.
    fallen_db : ndarray
        By how much the first has fallen while both sound, if it is the first to end as well: it only rings on.
    length : ndarray
        Logarithm of the frames in which both sound.
    within : ndarray
        1 where the first to begin is not the first to end.
    octave, higher : ndarray
        1 where one lies on the second, or on a higher harmonic of another that sounds for as long.
    louder_db : ndarray
        Such a harmonic against its note.
    """

    step: _Array
    beside: _Array
    fallen_db: _Array
    length: _Array
    within: _Array
    octave: _Array
    higher: _Array
    louder_db: _Array


WEIGHTS = {
    "step": 1.61,
    "beside": 4.11,
    "fallen_db": 0.33,
    "length": -0.49,
    "within": 0.77,
    "octave": 1.72,
    "higher": 3.1,
    "louder_db": -0.15,
}
OFFSET = -3.72
"""Log-odds of one player against two by :class:`Signs`, fitted to the pairs of made sessions."""


class Links(NamedTuple):
    """Pairs of notes, each pair once.

    Attributes
    ----------
    apart : ndarray, shape (n_pairs, 2), int64
        Different players (or voices of one that has several).
    rather_apart : ndarray, shape (n_soft, 2), int64
    nats : ndarray, shape (n_soft,)
        What it costs if they have one player with one tone at once; negative: what it costs if they have not.
    """

    apart: NDArray[np.int64]
    rather_apart: NDArray[np.int64]
    nats: _Array


def links_between(notes: Notes) -> Links:
    """Links of notes that sound together."""
    pairs, together = sounding_together(notes)
    length = notes.alive.sum(axis=1)
    share = together / np.maximum(length[pairs].min(axis=1), 1)
    signs = pair_signs(notes, pairs)
    odds = np.column_stack(signs) @ weights() + OFFSET
    long = (together >= TOGETHER_FRAMES) | (share >= TOGETHER_SHARE)
    never = long & (odds < UNLIKELY_LOG_ODDS)
    least = np.where((signs.octave > 0) | (signs.higher > 0), HARMONIC_NATS, -_MOST_NATS)
    return Links(pairs[never], pairs[~never], np.clip(-odds, least, _MOST_NATS)[~never])


def weights() -> _Array:
    """:data:`WEIGHTS` in the order of the signs, shape (n_signs,)."""
    return np.array([WEIGHTS[name] for name in Signs._fields])


def sounding_together(notes: Notes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of notes that are played together, shape (n_pairs, 2), and for how many frames, shape (n_pairs,)."""
    alive = notes.alive.astype(np.float32)
    together = np.rint(alive @ alive.T).astype(np.int64)
    one, other = np.nonzero(np.triu(together, 1))
    return np.stack([one, other], axis=1), together[one, other]


def pair_signs(notes: Notes, pairs: NDArray[np.int64]) -> Signs:
    """Signs of pairs of notes that sound together.

    Parameters
    ----------
    notes : Notes
    pairs : ndarray, shape (n_pairs, 2), int64
    """
    level = note_levels(notes)
    signs = [_signs_of(notes, level, int(one), int(other)) for one, other in pairs]
    return Signs(*np.array(signs).reshape(len(pairs), len(Signs._fields)).T)


def _signs_of(notes: Notes, level: _Array, one: int, other: int) -> tuple[float, ...]:
    both = np.flatnonzero(notes.alive[one] & notes.alive[other])
    first, second = sorted((one, other), key=lambda note: (notes.start[note], notes.end[note]))
    low, high = sorted((one, other), key=lambda note: notes.pitch[note])
    in_first, in_second = np.flatnonzero(notes.alive[first]), np.flatnonzero(notes.alive[second])
    # Frames overlap: what begins or ends one frame before is simultaneous.
    in_turn = in_first[0] < in_second[0] - 1 and in_first[-1] < in_second[-1] - 1
    fallen = 0.0
    if in_turn:
        before, now = in_first[in_first < both[0]][-_AROUND_FRAMES - 1 :], both[-_AROUND_FRAMES:]
        fallen = _db(level[first, before].mean(), level[first, now].mean())
    interval = float(notes.pitch[high] - notes.pitch[low])
    harmonic = harmonic_of(notes, low, high, len(both))
    louder = _db(level[high, both].mean(), level[low, both].mean()) if harmonic else 0.0
    return (
        max(0.0, _STEP_SEMITONES - interval) * in_turn,
        float(interval < _BESIDE_SEMITONES),
        float(np.clip(fallen, 0.0, _FALLEN_DB)),
        float(np.log(len(both))),
        float(not in_turn),
        float(harmonic == _OCTAVE),
        float(harmonic > _OCTAVE),
        float(np.clip(louder, -_LOUDER_DB, _LOUDER_DB)),
    )


def _db(one: float, other: float) -> float:
    return float(20 * np.log10((one + _TINY) / (other + _TINY)))
