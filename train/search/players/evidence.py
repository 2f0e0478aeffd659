"""Evidence of who plays the notes: every player has an unknown value of a feature, in closed form.

What is seen of a note is the value of its player and noise, both Gaussian. How likely all notes of a player are,
whatever his value, is a product in which every note is judged by a player that the others have taught: no note votes
for itself. Only sums over notes are needed for it, so trying a note with another player costs next to nothing.
(Timbre, which has many values a note: `timbre`.)
"""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

_Array = NDArray[np.float64]


class Account(Protocol):
    """What a feature makes of labels, and what it would make of others.

    Attributes
    ----------
    total : float
        Log-likelihood of all notes in nats, up to what does not depend on the labels.
    """

    @property
    def total(self) -> float: ...

    def after(self, moved: NDArray[np.int64], before: NDArray[np.int64], now: NDArray[np.int64]) -> Account:
        """The account when the notes `moved` go from the players `before` to the players `now`."""
        ...


class Feature(Protocol):
    """Something that is known of all notes."""

    def begin(self, labels: NDArray[np.int64]) -> Account:
        """Account of labels, shape (n_notes,)."""
        ...


class ScalarEvidence(NamedTuple):
    """What one number says of all notes, in units of the prior: values of players are N(0, 1).

    Attributes
    ----------
    precision : list of float
        Of every note; zero where the feature is not known.
    information : list of float
        That times what is seen.
    n_players : int
    weight : float
        Of its log-likelihood; below 1 because notes are not as independent as the model takes them to be.
    """

    precision: list[float]
    information: list[float]
    n_players: int
    weight: float

    def of_player(self, precision: float, information: float) -> float:
        """Log-likelihood of notes by their sums, up to what does not depend on who plays them."""
        total = 1.0 + precision
        return 0.5 * self.weight * (information * information / total - math.log(total))

    def begin(self, labels: NDArray[np.int64]) -> Account:
        """Account of labels, shape (n_notes,)."""
        precision, information = ([0.0] * self.n_players for _ in range(2))
        for note, player in enumerate(labels.tolist()):
            precision[player] += self.precision[note]
            information[player] += self.information[note]
        values = [self.of_player(*sums) for sums in zip(precision, information, strict=True)]
        return _Sums(self, precision, information, values)


class _Sums(NamedTuple):
    """Sums over the notes of every player, and their log-likelihoods."""

    evidence: ScalarEvidence
    precision: list[float]
    information: list[float]
    values: list[float]

    @property
    def total(self) -> float:
        return sum(self.values)

    def after(self, moved: NDArray[np.int64], before: NDArray[np.int64], now: NDArray[np.int64]) -> Account:
        # A few numbers in lists: arrays of them take ten times as long, and this is asked thousands of times.
        evidence = self.evidence
        precision, information, values = self.precision.copy(), self.information.copy(), self.values.copy()
        changed = set()
        for note, old, new in zip(moved.tolist(), before.tolist(), now.tolist(), strict=True):
            precision[old] -= evidence.precision[note]
            information[old] -= evidence.information[note]
            precision[new] += evidence.precision[note]
            information[new] += evidence.information[note]
            changed |= {old, new}
        for player in changed:
            values[player] = evidence.of_player(precision[player], information[player])
        return _Sums(evidence, precision, information, values)


class GridEvidence(NamedTuple):
    """Evidence of something that a player has one value of, whatever that is, among those of a grid.

    How likely his notes are is the mean over the grid of the product of their likelihoods.

    Attributes
    ----------
    rows : ndarray, shape (n_notes, n_values)
        Log-likelihood of every value by a note; zero where nothing is known.
    n_players : int
    """

    rows: _Array
    n_players: int

    def begin(self, labels: NDArray[np.int64]) -> Account:
        """Account of labels, shape (n_notes,)."""
        sums = np.stack([self.rows[labels == player].sum(axis=0) for player in range(self.n_players)])
        return _GridSums(self, sums, _log_mean(sums))


class _GridSums(NamedTuple):
    """Sums over the notes of every player, shape (n_players, n_values), and their log-likelihoods."""

    evidence: GridEvidence
    sums: _Array
    values: _Array

    @property
    def total(self) -> float:
        return float(self.values.sum())

    def after(self, moved: NDArray[np.int64], before: NDArray[np.int64], now: NDArray[np.int64]) -> Account:
        sums = self.sums.copy()
        np.subtract.at(sums, before, self.evidence.rows[moved])
        np.add.at(sums, now, self.evidence.rows[moved])
        return _GridSums(self.evidence, sums, _log_mean(sums))


def _log_mean(rows: _Array) -> _Array:
    """Logarithm of the mean of ``exp(rows)`` over the last axis."""
    largest = rows.max(axis=-1)
    mean: _Array = largest + np.log(np.exp(rows - largest[..., None]).mean(axis=-1))
    return mean


def scalar_evidence(
    values: _Array, spread: _Array | float, player_spread: float, n_players: int, weight: float
) -> ScalarEvidence:
    """Evidence of a feature of one number a note: players differ by `player_spread`, notes of one player by `spread`.

    Parameters
    ----------
    values : ndarray, shape (n_notes,)
        NaN where it is not known of a note.
    spread : ndarray, shape (n_notes,), or float
        Standard deviation of the values of one player's notes.
    player_spread : float
        Standard deviation of the players' values from the mean of the session.
    n_players : int
    weight : float
    """
    known = np.isfinite(values)
    centre = float(values[known].mean()) if known.any() else 0.0
    seen = np.where(known, values - centre, 0.0) / player_spread
    precision = known * np.square(player_spread / np.broadcast_to(spread, values.shape))
    return ScalarEvidence(precision.tolist(), (precision * seen).tolist(), n_players, weight)
