"""Beating: two players on one note are never quite in tune, so its harmonics swell and fade, each at its own rate.

What moves in all harmonics together is dynamics, and is taken out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bsep_stream.train.search.players.harmonics import ToneHarmonics
from bsep_stream.train.search.players.notes import Notes

_FEWEST_FRAMES = 8
_FEWEST_HARMONICS = 2
_TRUSTED_SHARE = 0.7
_WEAK_DB = 30.0
_TINY = 1e-9

_Array = NDArray[np.float64]


def note_beats(notes: Notes, tones: ToneHarmonics) -> _Array:
    """Standard deviation of the harmonics of notes in time, dB, shape (n_notes,); NaN where too little is heard.

    Parameters
    ----------
    notes : Notes
    tones : ToneHarmonics
    """
    beats = np.full(len(notes), np.nan)
    for note, rows in enumerate(tones.of_notes(notes)):
        alive = rows[notes.alive[note, tones.frames[rows]]]
        if len(alive) >= _FEWEST_FRAMES:
            beats[note] = _fluctuation(tones.height[alive], tones.trusted[alive])
    return beats


def _fluctuation(height: _Array, trusted: NDArray[np.bool_]) -> float:
    """Of harmonics, shape (n_frames, n_harmonics), about a parabola in time and about what they have in common."""
    level = 20 * np.log10(np.maximum(height[:, trusted.mean(axis=0) > _TRUSTED_SHARE], _TINY))
    mean = level.mean(axis=0)
    level = level[:, mean > mean.max(initial=-np.inf) - _WEAK_DB]
    if level.shape[1] < _FEWEST_HARMONICS:
        return float("nan")
    weight = 10 ** (level.mean(axis=0) / 40)  # the root of the amplitude: the strongest do not decide alone
    weight = weight / weight.sum()
    level = level[1:-1]  # the ends are half another note
    time = np.linspace(-1.0, 1.0, len(level))
    smooth = np.stack([np.ones_like(time), time, time**2], axis=1)
    moved = level - smooth @ np.linalg.lstsq(smooth, level, rcond=None)[0]
    own = moved - (moved @ weight)[:, None]
    return float(np.sqrt(own.var(axis=0) @ weight))
