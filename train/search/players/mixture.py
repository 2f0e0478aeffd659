"""Notes of two players at one pitch: how well the timbre of both together says what is seen of a note.

Every player's harmonics are predicted by the linear model of his other notes (:mod:`.timbre`); where two play, their
powers add up, at a relation that is not known.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bsep_stream.train.search.players.harmonics import N_HARMONICS, NoteHarmonics
from bsep_stream.train.search.players.timbre import (
    TimbreSpreads,
    noise_covariance,
    noise_precision,
    relative_levels,
    timbre_design,
)

RELATIONS_DB = np.arange(-15.0, 16.0, 3.0)
"""Of the other player's strongest low harmonic to the first one's; all are equally likely."""

_LOW_HARMONICS = 4

_Array = NDArray[np.float64]


class Prediction(NamedTuple):
    """What a player's note at some pitch is expected to be, in dB against the tilt of all players.

    Attributes
    ----------
    mean : ndarray, shape (N_HARMONICS,)
    covariance : ndarray, shape (N_HARMONICS, N_HARMONICS)
    """

    mean: _Array
    covariance: _Array


class Timbres:
    """Models of the players' timbre, learned from notes whose players are known.

    Parameters
    ----------
    pitch : ndarray, shape (n_notes,)
        In semitones.
    harmonics : NoteHarmonics
    labels : ndarray, shape (n_notes,), int64
    n_players : int
    """

    def __init__(self, pitch: _Array, harmonics: NoteHarmonics, labels: NDArray[np.int64], n_players: int) -> None:
        spreads = TimbreSpreads()
        self._labels = labels
        self._design = timbre_design(pitch, spreads)
        weighed = np.swapaxes(self._design, 1, 2) @ noise_precision(harmonics, spreads)
        self._seen = relative_levels(harmonics, spreads)
        self._matrix, self._vector = weighed @ self._design, (weighed @ self._seen[:, :, None])[:, :, 0]
        eye = np.eye(self._design.shape[2])
        self._matrices = [eye + self._matrix[labels == player].sum(axis=0) for player in range(n_players)]
        self._vectors = [self._vector[labels == player].sum(axis=0) for player in range(n_players)]
        self._inverses = [np.linalg.inv(matrix) for matrix in self._matrices]
        own = spreads.pitch**2 * np.eye(N_HARMONICS)
        self._noise = noise_covariance(harmonics, spreads) + own
        self._tilt = spreads.mean_tilt * np.log2(np.arange(1, N_HARMONICS + 1))

    def prediction(self, note: int, player: int) -> Prediction:
        """What a player's note at the pitch of `note` is expected to be, without what that note says itself."""
        design = self._design[note]
        if self._labels[note] == player:
            inverse = np.linalg.inv(self._matrices[player] - self._matrix[note])
            vector = self._vectors[player] - self._vector[note]
        else:
            inverse, vector = self._inverses[player], self._vectors[player]
        return Prediction(design @ (inverse @ vector), design @ inverse @ design.T)

    def alone(self, note: int, one: Prediction) -> float:
        """Log-likelihood, in nats, of what is seen of a note, up to what it has in common with :meth:`together`."""
        covariance = one.covariance + self._noise[note]
        factor = np.linalg.cholesky(covariance)
        rest = np.linalg.solve(factor, self._seen[note] - one.mean)
        return float(-0.5 * rest @ rest - np.log(np.diag(factor)).sum())

    def together(self, note: int, one: Prediction, other: Prediction) -> float:
        """The same when two players have the note, whatever the relation of their levels."""
        first, second = one.mean + self._tilt, other.mean + self._tilt
        first, second = first - first[:_LOW_HARMONICS].max(), second - second[:_LOW_HARMONICS].max()
        likelihoods = []
        for relation in RELATIONS_DB:
            power, added = 10 ** (first / 10), 10 ** ((second + relation) / 10)
            share = added / (power + added)
            covariance = np.outer(1 - share, 1 - share) * one.covariance + np.outer(share, share) * other.covariance
            mixed = Prediction(10 * np.log10(power + added) - self._tilt, covariance)
            likelihoods.append(self.alone(note, mixed))
        return float(np.logaddexp.reduce(likelihoods) - np.log(len(likelihoods)))
