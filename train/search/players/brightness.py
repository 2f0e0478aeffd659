"""How bright notes are, and how hollow: two numbers for their harmonics in place of all of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bsep_stream.train.search.players.harmonics import N_HARMONICS, NoteHarmonics

_FEWEST = 3
_TINY = 1e-9

_Array = NDArray[np.float64]


class Brightness(NamedTuple):
    """Of every note, each of shape (n_notes,); NaN where too few harmonics are heard.

    Attributes
    ----------
    tilt : ndarray
        Of a line through the levels of the harmonics, in dB per octave.
    even : ndarray
        How far the even harmonics lie above the odd ones around that line, in dB.
    """

    tilt: _Array
    even: _Array


def note_brightness(harmonics: NoteHarmonics) -> Brightness:
    """Lines through the harmonics of notes."""
    octaves = np.log2(np.arange(1, N_HARMONICS + 1))
    even = np.arange(1, N_HARMONICS + 1) % 2 == 0
    known = harmonics.frames > 0
    count = np.maximum(known.sum(axis=1), 1)[:, None]
    x = known * (octaves - (known * octaves).sum(axis=1, keepdims=True) / count)
    y = known * (harmonics.level_db - (known * harmonics.level_db).sum(axis=1, keepdims=True) / count)
    tilt = (x * y).sum(axis=1) / np.maximum(np.square(x).sum(axis=1), _TINY)
    enough = known.sum(axis=1) >= _FEWEST
    around = y - np.where(enough, tilt, 0.0)[:, None] * x
    above = _mean(around, known & even) - _mean(around, known & ~even)
    both = (known & even).any(axis=1) & (known & ~even).any(axis=1)
    return Brightness(np.where(enough, tilt, np.nan), np.where(both, above, np.nan))


def _mean(values: _Array, known: NDArray[np.bool_]) -> _Array:
    mean: _Array = (values * known).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return mean
