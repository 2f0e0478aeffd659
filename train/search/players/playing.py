"""How notes are played, as evidence of who plays them: with vibrato or without, dying away or held.

Timbre cannot tell two dark winds apart, nor a voice from a trombone, where their registers meet; but one of them sings
with vibrato. A player keeps his manner through a session. What the notes of one player differ by, and by what players
differ, was read from notes of known players in made sessions (docs/laboratory.md).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bsep_stream.train.search.players.decay import note_decays
from bsep_stream.train.search.players.evidence import ScalarEvidence, scalar_evidence
from bsep_stream.train.search.players.glide import motion_error, note_motion
from bsep_stream.train.search.players.harmonics import ToneHarmonics
from bsep_stream.train.search.players.notes import Notes

MOTION_SPREAD, MOTION_BETWEEN, MOTION_WEIGHT = 0.4, 0.7, 1.0
"""Of log(1 + motion of the pitch in cents): within a player, between players, and how much it counts."""

SLOPE_SPREAD, SLOPE_BETWEEN, SLOPE_WEIGHT = 10.0, 15.0, 0.5
"""Of the change of the level after the attack, in dB per second."""

_STEEPEST = 60.0  # a faster decay says no more


def playing_evidence(
    notes: Notes, tones: ToneHarmonics, moduli: NDArray[np.float32], frame_seconds: float, n_players: int
) -> list[ScalarEvidence]:
    """Evidence of the motion of pitch and of the decay of notes.

    Parameters
    ----------
    notes : Notes
    tones : ToneHarmonics
    moduli : ndarray, shape (n_frames, n_bins)
    frame_seconds : float
        From frame to frame.
    n_players : int
    """
    cents = note_motion(notes, tones, moduli)
    decays = note_decays(notes, tones, frame_seconds)
    slope = np.clip(decays.slope, -_STEEPEST, _STEEPEST)
    motion_spread = np.hypot(MOTION_SPREAD, motion_error(notes) / (1 + np.nan_to_num(cents)))
    slope_spread = np.hypot(SLOPE_SPREAD, np.nan_to_num(decays.error))
    return [
        scalar_evidence(np.log1p(cents), motion_spread, MOTION_BETWEEN, n_players, MOTION_WEIGHT),
        scalar_evidence(slope, slope_spread, SLOPE_BETWEEN, n_players, SLOPE_WEIGHT),
    ]
