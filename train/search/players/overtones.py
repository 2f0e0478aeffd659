"""Notes on harmonics of others: octaves and twelfths that somebody plays, or harmonics that are taken for tones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bsep_stream.train.search.players.notes import Notes

_HARMONICS = np.arange(2, 9)
_SAME_SEMITONES = 0.5
_WITHIN_SHARE = 0.6


def harmonic_of(notes: Notes, low: int, high: int, together: int) -> int:
    """On which harmonic of a note another lies, that hardly sounds without it; 0: on none.

    Parameters
    ----------
    notes : Notes
    low, high : int
    together : int
        Frames in which both are played.
    """
    distance = np.abs(notes.pitch[high] - notes.pitch[low] - 12 * np.log2(_HARMONICS))
    if distance.min() >= _SAME_SEMITONES or together <= _WITHIN_SHARE * notes.alive[high].sum():
        return 0
    return int(_HARMONICS[distance.argmin()])


def overtones(notes: Notes, pairs: NDArray[np.int64], together: NDArray[np.int64]) -> dict[int, list[int]]:
    """Notes that lie on harmonics of each note.

    Parameters
    ----------
    notes : Notes
    pairs : ndarray, shape (n_pairs, 2), int64
        Notes that sound together, see :func:`.links.sounding_together`.
    together : ndarray, shape (n_pairs,), int64
        For how many frames.
    """
    found: dict[int, list[int]] = {}
    for pair, frames in zip(pairs.tolist(), together.tolist(), strict=True):
        low, high = sorted(pair, key=lambda note: notes.pitch[note])
        if harmonic_of(notes, low, high, frames):
            found.setdefault(low, []).append(high)
    return found
