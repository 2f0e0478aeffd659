"""Evidence of who plays the notes: one Gaussian linear model for every player, in closed form.

What is seen of note n is ``y_n = F_n w_k + noise`` with unknown weights ``w_k`` of its player k, whose prior is
``N(m_k, diag(s**2))``. How likely all notes of a player are, whatever his weights, is a product in which every note is
judged by a player that the others have taught: no note votes for itself. Only sums over notes are needed for it, so
trying a note with another player costs one small matrix.
"""

from __future__ import annotations

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


class NoteEvidence(NamedTuple):
    """What one feature says of all notes, in units of the prior: weights of a player are N(`mean`, 1).

    Attributes
    ----------
    precision : ndarray, shape (n_notes, n_weights, n_weights)
        ``F' C^-1 F`` of every note; zero where the feature is not known.
    information : ndarray, shape (n_notes, n_weights)
        ``F' C^-1 y``.
    mean : ndarray, shape (n_players, n_weights)
        Prior mean of the players' weights: zero unless something is known of a player beforehand.
    weight : float
        Of its log-likelihood; below 1 because notes are not as independent as the model takes them to be.
    """

    precision: _Array
    information: _Array
    mean: _Array
    weight: float

    def of_player(self, player: int, precision: _Array, information: _Array) -> _Array:
        """Log-likelihood of sets of notes, up to what does not depend on who plays them.

        Parameters
        ----------
        player : int
        precision : ndarray, shape (n_sets, n_weights, n_weights)
            Sum over the notes of a set.
        information : ndarray, shape (n_sets, n_weights)

        Returns
        -------
        ndarray, shape (n_sets,)
        """
        mean = self.mean[player]
        shifted = precision @ mean
        known = mean @ (information - 0.5 * shifted).T
        rest = information - shifted
        if len(mean) == 1:
            total = 1 + precision[:, 0, 0]
            alone: _Array = self.weight * (known + 0.5 * (rest[:, 0] ** 2 / total - np.log(total)))
            return alone
        # The last row of the factor of the matrix with a border is what solving with the factor would give.
        bordered = np.empty((len(rest), len(mean) + 1, len(mean) + 1))
        bordered[:, :-1, :-1] = precision + np.eye(len(mean))
        bordered[:, -1, :-1] = rest
        bordered[:, -1, -1] = np.square(rest).sum(axis=1) + 1
        factor = np.linalg.cholesky(bordered)
        solved = factor[:, -1, :-1]
        volume = np.log(np.einsum("nii->ni", factor)[:, :-1]).sum(axis=1)
        evidence: _Array = self.weight * (known + 0.5 * np.square(solved).sum(axis=1) - volume)
        return evidence

    def begin(self, labels: NDArray[np.int64]) -> Account:
        """Account of labels, shape (n_notes,)."""
        players = range(len(self.mean))
        precision = np.stack([self.precision[labels == player].sum(axis=0) for player in players])
        information = np.stack([self.information[labels == player].sum(axis=0) for player in players])
        values = np.array([self.of_player(k, precision[k][None], information[k][None])[0] for k in players])
        return _Sums(self, precision, information, values)


class _Sums(NamedTuple):
    """Sums over the notes of every player, and their log-likelihoods."""

    evidence: NoteEvidence
    precision: _Array
    information: _Array
    values: _Array

    @property
    def total(self) -> float:
        return float(self.values.sum())

    def after(self, moved: NDArray[np.int64], before: NDArray[np.int64], now: NDArray[np.int64]) -> Account:
        # +1 in the column of the new player, -1 in that of the old one.
        players = np.arange(len(self.values))
        change = (now[:, None] == players).astype(float) - (before[:, None] == players)
        precision = self.precision + np.tensordot(change, self.evidence.precision[moved], (0, 0))
        information = self.information + change.T @ self.evidence.information[moved]
        values = self.values.copy()
        for k in np.flatnonzero(np.abs(change).any(axis=0)).tolist():
            values[k] = self.evidence.of_player(k, precision[k][None], information[k][None])[0]
        return _Sums(self.evidence, precision, information, values)


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


def linear_evidence(
    design: _Array, seen: _Array, noise_precision: _Array, n_players: int, weight: float, mean: _Array | None = None
) -> NoteEvidence:
    """Evidence of a feature of several numbers a note.

    Parameters
    ----------
    design : ndarray, shape (n_notes, n_values, n_weights)
        Times standard deviations of the prior.
    seen : ndarray, shape (n_notes, n_values)
    noise_precision : ndarray, shape (n_notes, n_values, n_values)
    n_players : int
    weight : float
    mean : ndarray, shape (n_players, n_weights), optional
        In units of the standard deviations; zero, if it is not given.
    """
    weighed = np.swapaxes(design, 1, 2) @ noise_precision
    return NoteEvidence(
        precision=weighed @ design,
        information=(weighed @ seen[:, :, None])[:, :, 0],
        mean=np.zeros((n_players, design.shape[2])) if mean is None else mean,
        weight=weight,
    )


def scalar_evidence(
    values: _Array,
    spread: _Array | float,
    player_spread: float,
    n_players: int,
    weight: float,
    mean: _Array | None = None,
) -> NoteEvidence:
    """Evidence of a feature of one number a note: players differ by `player_spread`, notes of one player by `spread`.

    Parameters
    ----------
    values : ndarray, shape (n_notes,)
        NaN where it is not known of a note.
    spread : ndarray, shape (n_notes,), or float
        Standard deviation of the values of one player's notes.
    player_spread : float
        Standard deviation of the players' means.
    n_players : int
    weight : float
    mean : ndarray, shape (n_players,), optional
        What the players are expected to have; without it all are expected to have the mean of the session.
    """
    known = np.isfinite(values)
    centre = float(values[known].mean()) if known.any() else 0.0
    seen = np.where(known, values - centre, 0.0)
    precision = known / np.broadcast_to(np.square(spread), values.shape)
    design = np.full((len(values), 1, 1), player_spread)
    prior = None if mean is None else (np.asarray(mean)[:, None] - centre) / player_spread
    return linear_evidence(design, seen[:, None], precision[:, None, None], n_players, weight, prior)
