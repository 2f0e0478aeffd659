"""Ghosts: a partial of one note that the search took for a note of its own.

Beside chords there is always a voice left for the octave of a loud tone. Such a ghost moves as its tone does, and so
looks like the melody as much as the melody itself, whose place it takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bsep_stream.train.search.players.evidence import Account
from bsep_stream.train.search.players.notes import Notes

_HARMONICS = (2, 3, 4, 5, 6, 7, 8)
_CENTS = 40.0
_SHARE = 0.8
"""Of a ghost's frames, in which its tone sounds as well."""



GHOST_NATS = 1.5
"""Against a melody on a harmonic of a louder lower note: more of such notes are partials than are played."""



class GhostEvidence(NamedTuple):
    """What is against notes on a harmonic of a louder lower one being a melody; a player of chords may have them.

    Attributes
    ----------
    cost : ndarray, shape (n_notes,)
        In nats, for a player of one tone at a time.
    limits : tuple of int
        How many tones every player has at most at once.
    """

    cost: NDArray[np.float64]
    limits: tuple[int, ...]

    def begin(self, labels: NDArray[np.int64]) -> Account:
        """Account of labels, shape (n_notes,)."""
        solo = np.array(self.limits) == 1
        return _GhostAccount(self, -float(self.cost[solo[labels]].sum()))


class _GhostAccount(NamedTuple):
    evidence: GhostEvidence
    total: float

    def after(self, moved: NDArray[np.int64], before: NDArray[np.int64], now: NDArray[np.int64]) -> Account:
        solo = (np.array(self.evidence.limits) == 1).astype(float)
        change = float((self.evidence.cost[moved] * (solo[now] - solo[before])).sum())
        return _GhostAccount(self.evidence, self.total - change)


def ghost_evidence(notes: Notes, limits: Sequence[int], nats: float = GHOST_NATS) -> GhostEvidence:
    """Evidence against melodies of notes that may be partials of others.

    Parameters
    ----------
    notes : Notes
    limits : sequence of int
    nats : float
        For every such note.
    """
    alive = notes.alive.astype(float)
    level = notes.loudness / np.maximum(notes.n_frames, 1)
    share = (alive @ alive.T) / np.maximum(alive.sum(axis=1), 1)[:, None]
    louder = level > level[:, None]
    may_be = _on_a_harmonic(notes) & (share >= _SHARE) & louder
    return GhostEvidence(nats * may_be.any(axis=1), tuple(limits))


def _on_a_harmonic(notes: Notes) -> NDArray[np.bool_]:
    """Whether a note (row) lies on a harmonic of another."""
    above = notes.pitch[:, None] - notes.pitch
    away = np.abs(above[:, :, None] - 12 * np.log2(np.array(_HARMONICS)))
    near: NDArray[np.bool_] = (away < _CENTS / 100).any(axis=2)
    return near
