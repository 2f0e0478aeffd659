"""How notes decay: struck and plucked ones from their attack on, sung, bowed and blown ones not before they end."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bsep_stream.train.search.players.harmonics import ToneHarmonics
from bsep_stream.train.search.players.notes import Notes

_ATTACK_FRAMES = 5
"""The loudest of so many first frames is the end of the attack."""

_END_FRAMES = 3
"""Left out at the end: there the window hears what follows."""

_SHORTEST_FRAMES = 4
_FAINT_DB = -35.0
"""A harmonic so far below the strongest of its note says little of it."""

_ATTACK_OF_FRAME_DB = 3.0  # of a harmonic's level in a frame, around its line
_FRAMES_ALIKE = 2.0  # neighbouring frames overlap and err alike
_HARMONICS_ALIKE = 3.0  # as do harmonics
_TINY = 1e-9


class NoteDecays(NamedTuple):
    """Change of the level of notes after their attack.

    Attributes
    ----------
    slope : ndarray, shape (n_notes,)
        Of a line through the level, in dB per second, common to all harmonics; NaN where too little is heard.
    error : ndarray, shape (n_notes,)
        Its standard error.
    """

    slope: NDArray[np.float64]
    error: NDArray[np.float64]


def note_decays(notes: Notes, tones: ToneHarmonics, frame_seconds: float) -> NoteDecays:
    """Lines through the levels of all harmonics that nothing else covers.

    Parameters
    ----------
    notes : Notes
    tones : ToneHarmonics
    frame_seconds : float
        From frame to frame.
    """
    n_notes = len(notes)
    slope, error = np.full(n_notes, np.nan), np.full(n_notes, np.nan)
    level = 20 * np.log10(np.maximum(tones.height, _TINY))
    loudness = notes.amplitude[tones.voices, tones.frames]
    for note, own in enumerate(tones.of_notes(notes)):
        frames = tones.frames[own]
        alive = np.flatnonzero(notes.alive[note, frames])
        if not len(alive):
            continue
        attack = int(loudness[own[: _ATTACK_FRAMES + 1]].argmax())
        own = own[attack : max(alive[-1] + 1 - _END_FRAMES, attack)]
        if len(own) < _SHORTEST_FRAMES:
            continue
        heard = tones.trusted[own] & (level[own] > level[own].max() + _FAINT_DB)
        heard &= heard.sum(axis=0) >= _SHORTEST_FRAMES
        time = frame_seconds * tones.frames[own][:, None] * np.ones(heard.shape[1])
        count = np.maximum(heard.sum(axis=0), 1)
        time = np.where(heard, time - (time * heard).sum(axis=0) / count, 0.0)
        spread = float(np.square(time).sum())
        if not spread:
            continue
        slope[note] = float((time * level[own]).sum()) / spread
        error[note] = _ATTACK_OF_FRAME_DB * np.sqrt(_FRAMES_ALIKE * _HARMONICS_ALIKE / spread)
    return NoteDecays(slope, error)
