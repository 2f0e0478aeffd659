"""Kinds of players: what decays from its attack on, what moves in pitch, what does neither.

A string that was struck or plucked decays from its attack on, and its pitch stands; a voice, a bow, a wind does not decay
before it ends, and has vibrato and glides; a pipe or a reed of an organ stands in both. Which kind a player is of is
not given but learned from the session: all of his notes are of one kind, whichever makes them likeliest. So a piano
beside a voice is told from it by every note alone, and nothing is said of two winds.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_Array = NDArray[np.float64]

SMALLEST_MOTION_CENTS = 1.0
"""Added to the motion before its logarithm is taken: less than that is not measured."""

_OUTLIERS = 0.1
"""Notes of which is seen what belongs to another one, or that are none."""

_DOUBT = 0.5
"""Of the log-likelihood: neighbouring notes err alike."""


class Kind(NamedTuple):
    """How notes of one kind are distributed: means and standard deviations.

    Attributes
    ----------
    slope, slope_spread : float
        Change of the level in dB per second.
    motion, motion_spread : float
        Natural logarithm of the motion of the pitch in cents.
    """

    slope: float
    slope_spread: float
    motion: float
    motion_spread: float


DECAYING = Kind(-15.0, 9.0, 1.1, 0.6)
MOVING = Kind(-4.0, 10.0, 2.4, 0.7)
STILL = Kind(-2.0, 6.0, 1.2, 0.5)
KINDS = (DECAYING, MOVING, STILL)
_ANYTHING = Kind(-8.0, 30.0, 1.7, 1.2)


class KindEvidence(NamedTuple):
    """What the kinds say of all notes; stands in a list of features beside :class:`evidence.NoteEvidence`.

    Attributes
    ----------
    precision : ndarray, shape (n_notes, 1, 1)
        Zero: a kind has no weights to be learned.
    information : ndarray, shape (n_notes, n_kinds)
        Log-likelihood of a note, if its player is of a kind (:data:`KINDS`); zero in the mean of all.
    """

    precision: _Array
    information: _Array

    def of_player(self, player: int, precision: _Array, information: _Array) -> _Array:
        """Log-likelihood of sets of notes, whatever the kind of their player; parameters as there."""
        evidence: _Array = np.logaddexp.reduce(information, axis=1)
        return evidence


def kind_evidence(slope: _Array, slope_error: _Array, motion_cents: _Array) -> KindEvidence:
    """What decay and motion say of who plays the notes.

    Parameters
    ----------
    slope, slope_error : ndarray, shape (n_notes,)
        As in :class:`decay.NoteDecays`; NaN where a note does not tell.
    motion_cents : ndarray, shape (n_notes,)
    """
    rows = np.stack([_log_likelihood(kind, slope, slope_error, motion_cents) for kind in KINDS], axis=1)
    anything = _log_likelihood(_ANYTHING, slope, slope_error, motion_cents)[:, None]
    rows = np.logaddexp(np.log(1 - _OUTLIERS) + rows, np.log(_OUTLIERS) + anything)
    rows = _DOUBT * (rows - rows.mean(axis=1, keepdims=True))
    return KindEvidence(np.zeros((len(slope), 1, 1)), rows)


def _log_likelihood(kind: Kind, slope: _Array, slope_error: _Array, motion_cents: _Array) -> _Array:
    error = np.where(np.isfinite(slope_error), slope_error, 0.0)
    known = _normal(slope, kind.slope, np.hypot(kind.slope_spread, error))
    motion = np.log(motion_cents + SMALLEST_MOTION_CENTS)
    return known + _normal(motion, kind.motion, np.full(len(motion), kind.motion_spread))


def _normal(values: _Array, mean: float, spread: _Array) -> _Array:
    """Log-density; zero where a value is not known."""
    return np.where(np.isfinite(values), -0.5 * np.square((values - mean) / spread) - np.log(spread), 0.0)
