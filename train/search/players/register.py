"""Registers: what the pitches of the notes say of who plays them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bsep_stream.train.search.players.evidence import ScalarEvidence, scalar_evidence

SPREAD_SEMITONES = 7.0
"""Of one player's pitches. Fixed: two players who share a register lose nothing by it, whoever plays what."""

PLAYERS_SEMITONES = 12.0
"""By which players differ."""

WEIGHT = 0.4


def register_evidence(
    pitch: NDArray[np.float64], n_players: int, weight: float = WEIGHT, spread: float = SPREAD_SEMITONES
) -> ScalarEvidence:
    """Evidence of pitches in semitones, shape (n_notes,)."""
    return scalar_evidence(pitch, spread, PLAYERS_SEMITONES, n_players, weight)
