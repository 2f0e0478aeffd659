"""Who plays what beside chords: all that notes tell of a melody and its accompaniment."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bsep_stream.train.search.players.decay import note_decays
from bsep_stream.train.search.players.decision import Decision
from bsep_stream.train.search.players.evidence import Feature, scalar_evidence
from bsep_stream.train.search.players.glide import motion_error, note_motion
from bsep_stream.train.search.players.harmonics import note_harmonics, tone_harmonics
from bsep_stream.train.search.players.kinds import kind_evidence
from bsep_stream.train.search.players.notes import Notes
from bsep_stream.train.search.players.register import register_evidence
from bsep_stream.train.search.players.solo import decide_solos, outer_rank
from bsep_stream.train.search.players.timbre import TimbreSpreads, timbre_evidence

_TIMBRE_WEIGHT = 0.1
"""Less than where nobody plays chords: five tones at once leave few harmonics that only one of them has."""

_RANK_SPREAD, _RANK_PLAYERS, _RANK_WEIGHT = 0.7, 0.5, 0.3
"""Where a note lies among those it sounds with, from -1 to 1: notes of one player, players, weight."""

_RANK_FRAMES = 16.0
"""A note of so many frames says half of what a long one does: pieces of one are not to say more than the whole."""


def decide_accompanied(
    notes: Notes,
    moduli: NDArray[np.float32],
    envelope: NDArray[np.float64],
    sigma_bins: float,
    frame_seconds: float,
    limits: Sequence[int],
    given: NDArray[np.int64] | None = None,
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
    """
    n_players = len(limits)
    tones = tone_harmonics(notes, moduli, envelope, sigma_bins)
    harmonics = note_harmonics(notes, moduli, envelope, sigma_bins)
    decays, motion = note_decays(notes, tones, frame_seconds), note_motion(notes, tones, moduli)
    kinds = kind_evidence(*decays, motion, motion_error(notes), n_players)
    spread = _RANK_SPREAD * np.sqrt(1 + _RANK_FRAMES / np.maximum(notes.n_frames, 1))
    evidence: list[Feature] = [
        kinds,
        timbre_evidence(notes.pitch, harmonics, n_players, TimbreSpreads(weight=_TIMBRE_WEIGHT)),
        register_evidence(notes.pitch, n_players),
        scalar_evidence(outer_rank(notes), spread, _RANK_PLAYERS, n_players, _RANK_WEIGHT),
    ]
    return decide_solos(notes, evidence, limits, kinds.rows, given)
