"""Kinds of players: what decays from its attack on, what moves in pitch, what does neither.

A string that was struck or plucked decays from its attack on, and its pitch stands; a voice, a bow, a wind does not
decay before it ends, and has vibrato and glides; a pipe or a reed of an organ stands in both. Which kind a player is
of is not given but learned from the session: all of his notes are of one kind, whichever makes them likeliest. So a
piano beside a voice is told from it by every note alone, and nothing is said of two winds.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bsep_stream.train.search.players.evidence import Account

_Array = NDArray[np.float64]

SMALLEST_MOTION_CENTS = 1.0
"""Added to the motion before its logarithm is taken: less than that is not measured."""

_OUTLIERS = 0.03
"""Notes of which is seen what belongs to another one, or that are none."""


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
    """What the kinds say of all notes.

    Attributes
    ----------
    rows : ndarray, shape (n_notes, n_kinds)
        Log-likelihood of a note, if its player is of a kind (:data:`KINDS`); zero in the mean of all.
    n_players : int
    """

    rows: _Array
    n_players: int

    def begin(self, labels: NDArray[np.int64]) -> Account:
        """Account of labels, shape (n_notes,)."""
        return _KindAccount(self.rows, np.stack([self.rows[labels == k].sum(axis=0) for k in range(self.n_players)]))


class _KindAccount(NamedTuple):
    """Sums over the notes of every player, (n_players, n_kinds)."""

    rows: _Array
    sums: _Array

    @property
    def total(self) -> float:
        return float(np.logaddexp.reduce(self.sums, axis=1).sum())

    def after(self, moved: NDArray[np.int64], before: NDArray[np.int64], now: NDArray[np.int64]) -> Account:
        sums = self.sums.copy()
        np.add.at(sums, now, self.rows[moved])
        np.subtract.at(sums, before, self.rows[moved])
        return _KindAccount(self.rows, sums)


def kind_evidence(
    slope: _Array, slope_error: _Array, motion_cents: _Array, motion_error: _Array | float, n_players: int
) -> KindEvidence:
    """What decay and motion say of who plays the notes.

    Parameters
    ----------
    slope, slope_error : ndarray, shape (n_notes,)
        As in :class:`decay.NoteDecays`; NaN where a note does not tell.
    motion_cents : ndarray, shape (n_notes,)
    motion_error : ndarray, shape (n_notes,), or float
        Its standard error, in cents.
    n_players : int
    """
    rows = np.stack([_log_likelihood(kind, slope, slope_error, motion_cents, motion_error) for kind in KINDS], axis=1)
    anything = _log_likelihood(_ANYTHING, slope, slope_error, motion_cents, motion_error)[:, None]
    rows = np.logaddexp(np.log(1 - _OUTLIERS) + rows, np.log(_OUTLIERS) + anything)
    return KindEvidence(rows - rows.mean(axis=1, keepdims=True), n_players)


def _log_likelihood(
    kind: Kind, slope: _Array, slope_error: _Array, motion_cents: _Array, motion_error: _Array | float
) -> _Array:
    error = np.where(np.isfinite(slope_error), slope_error, 0.0)
    known = _normal(slope, kind.slope, np.hypot(kind.slope_spread, error))
    motion = np.log(motion_cents + SMALLEST_MOTION_CENTS)
    spread = np.hypot(kind.motion_spread, motion_error / (motion_cents + SMALLEST_MOTION_CENTS))
    return known + _normal(motion, kind.motion, spread)


def _normal(values: _Array, mean: float, spread: _Array) -> _Array:
    """Log-density; zero where a value is not known."""
    return np.where(np.isfinite(values), -0.5 * np.square((values - mean) / spread) - np.log(spread), 0.0)
