"""Players that a musician gives: passages in which one plays alone, notes whose source is right."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bsep_stream.train.config.hints import Hints
from bsep_stream.train.search.players.decision import ANYBODY
from bsep_stream.train.search.players.notes import Notes

SAME_SEMITONES = 0.7
"""A note that was given has its pitch within so much, where the recording is tuned to 440 Hz."""

SHORTEST_SHARE = 0.5
"""Of a note must lie in a passage, or in a note that was given."""


def given_players(hints: Hints, notes: Notes, seconds: NDArray[np.float64], bin_hz: float) -> NDArray[np.int64]:
    """Players of the notes of a search, shape (n_notes,); ``ANYBODY`` where nothing is known.

    Parameters
    ----------
    hints : Hints
    notes : Notes
    seconds : ndarray, shape (n_frames,)
        Middle of every frame.
    bin_hz : float
        Width of a bin.
    """
    begins, ends = seconds[notes.start], seconds[notes.end - 1]
    length = np.maximum(ends - begins, 1e-3)
    known = np.full(len(notes), ANYBODY)
    best = np.full(len(notes), SHORTEST_SHARE)
    key = 69 + notes.pitch + 12 * math.log2(bin_hz / 440)
    for source, first, last in hints.solos:
        _take(known, best, source, (np.minimum(ends, last) - np.maximum(begins, first)) / length)
    for source, first, last, pitch in hints.notes:
        share = (np.minimum(ends, last) - np.maximum(begins, first)) / length
        _take(known, best, source, np.where(np.abs(key - pitch) < SAME_SEMITONES, share, 0.0))
    return known


def _take(known: NDArray[np.int64], best: NDArray[np.float64], source: int, share: NDArray[np.float64]) -> None:
    better = share >= best
    known[better], best[better] = source, share[better]
