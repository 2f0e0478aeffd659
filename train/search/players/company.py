"""What a note sounds with: whether it lies at the top, begins together with others, is louder than they are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bsep_stream.train.search.players.notes import Notes

_TOGETHER_FRAMES = 4
"""What sounds together for no longer is legato, or the length of a frame."""

_BEGIN_FRAMES = 2
"""Notes that begin within so many frames of each other begin together."""

_MOST = 4
_TINY = 1e-9

_Array = NDArray[np.float64]


class Company(NamedTuple):
    """Of every note, each of shape (n_notes,).

    Attributes
    ----------
    rank : ndarray
        See :func:`outer_rank`.
    at_once : ndarray
        How many others sound with it, in the mean of its frames.
    begun_with : ndarray
        How many others begin with it, at most 4.
    louder_db : ndarray
        Its level against that of the others; NaN: alone.
    """

    rank: _Array
    at_once: _Array
    begun_with: _Array
    louder_db: _Array


def note_company(notes: Notes) -> Company:
    """What every note sounds with."""
    together = _together(notes)
    total = together.sum(axis=1)
    level = 20 * np.log10(notes.loudness / np.maximum(notes.n_frames, 1) + _TINY)
    others = (together * level).sum(axis=1) / np.maximum(total, 1.0)
    begin = notes.alive.argmax(axis=1)
    begun = (np.abs(begin[:, None] - begin) <= _BEGIN_FRAMES).sum(axis=1) - 1.0
    return Company(
        rank=_rank(notes, together),
        at_once=total / np.maximum(notes.alive.sum(axis=1), 1),
        begun_with=np.minimum(begun, _MOST),
        louder_db=np.where(total > 0, level - others, np.nan),
    )


def outer_rank(notes: Notes) -> _Array:
    """Where every note lies among those it sounds with: 1 at the top, -1 at the bottom; NaN: alone."""
    return _rank(notes, _together(notes))


def _rank(notes: Notes, together: _Array) -> _Array:
    total = together.sum(axis=1)
    above = (together * np.sign(notes.pitch[:, None] - notes.pitch)).sum(axis=1)
    rank: _Array = np.where(total > _TOGETHER_FRAMES, above / np.maximum(total, 1.0), np.nan)
    return rank


def _together(notes: Notes) -> _Array:
    """In how many frames two notes are played together, shape (n_notes, n_notes); 0 on the diagonal."""
    alive = notes.alive.astype(float)
    together: _Array = alive @ alive.T
    np.fill_diagonal(together, 0.0)
    return together
