"""Who plays what beside chords: all that notes tell of a melody and its accompaniment."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bsep_stream.train.search.players.decision import Decision
from bsep_stream.train.search.players.harmonics import mean_harmonics, tone_harmonics
from bsep_stream.train.search.players.melody import WEIGHT, NoteOdds, shipped_network
from bsep_stream.train.search.players.notes import Notes
from bsep_stream.train.search.players.places import place_evidence
from bsep_stream.train.search.players.register import register_evidence
from bsep_stream.train.search.players.signs import note_signs
from bsep_stream.train.search.players.solo import decide_solos
from bsep_stream.train.search.players.timbre import TimbreSpreads, timbre_evidence
from bsep_stream.train.session.sides import Sides

_TIMBRE_WEIGHT = 0.3
"""Less than where nobody plays chords: five tones at once leave few harmonics that only one of them has."""


_LEAST_SHARE = 0.15
"""Of the sound is the melody's at least, however unlike a melody all notes are."""


def decide_accompanied(
    notes: Notes,
    moduli: NDArray[np.float32],
    envelope: NDArray[np.float64],
    sigma_bins: float,
    frame_seconds: float,
    limits: Sequence[int],
    given: NDArray[np.int64] | None = None,
    sides: Sides | None = None,
) -> Decision:
    """Who plays the notes.

    Parameters
    ----------
    notes : Notes
    moduli : ndarray, shape (n_frames, n_bins)
    envelope : ndarray, shape (n_sources, n_harmonics)
    sigma_bins : float
        Width of a peak.
    frame_seconds : float
        From frame to frame.
    limits : sequence of int
        How many tones every player has at most at once: one has 1, one has more.
    given : ndarray, shape (n_notes,), int64, optional
        Players that are known; -1 elsewhere.
    sides : Sides, optional
        Of a stereo recording.
    """
    n_players = len(limits)
    tones = tone_harmonics(notes, moduli, envelope, sigma_bins)
    harmonics = mean_harmonics(notes, tones)
    odds = shipped_network().log_odds(note_signs(notes, tones, harmonics, moduli, frame_seconds))
    odds = odds - min(0.0, _exceeded(odds, notes.loudness, _LEAST_SHARE))
    side = np.where(np.array(limits) == 1, 0.5, -0.5)
    alone = NoteOdds(WEIGHT * odds[:, None] * side)
    timbre = timbre_evidence(notes.pitch, harmonics, n_players, TimbreSpreads(weight=_TIMBRE_WEIGHT))
    places = place_evidence(notes, tones, sides, n_players)
    evidence = [alone, timbre, register_evidence(notes.pitch, n_players), *places]
    return decide_solos(notes, evidence, limits, alone.rows, given)


def _exceeded(values: NDArray[np.float64], loudness: NDArray[np.float64], share: float) -> float:
    """Value that notes of a share of all sound exceed; 0 if there are none."""
    if not len(values):
        return 0.0
    order = np.argsort(-values)
    louder = np.cumsum(loudness[order])
    return float(values[order][np.searchsorted(louder, share * louder[-1])])
