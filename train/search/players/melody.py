"""How likely notes are of a melody and not of its chords, by their signs: a small network that was learned.

It was learned from sessions that are made by seed (``python -m bsep_stream.train.benchmark.melodies``): notes that the
search finds in them, whose players are known. It sees no note's neighbours and no names: what all notes of a player
have in common is left to the models of timbre and register.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from bsep_stream.train.search.players.evidence import Account
from bsep_stream.train.search.players.signs import Signs

SHIPPED = Path(__file__).with_name("melody.safetensors")

LARGEST = 4.0
"""Standard deviations of a sign from its mean, at most."""

WEIGHT = 0.6
"""Of the log-odds: notes of a session are alike, so what misleads about one misleads about many."""

_Array = NDArray[np.float64]


class MelodyNetwork(NamedTuple):
    """A mean of networks of two hidden layers.

    Attributes
    ----------
    mean, deviation : ndarray, shape (n_signs,)
    layers : tuple of (ndarray, ndarray)
        Weights (n_networks, n_outputs, n_inputs) and offsets (n_networks, n_outputs) of every layer.
    """

    mean: _Array
    deviation: _Array
    layers: tuple[tuple[_Array, _Array], ...]

    def log_odds(self, signs: Signs) -> _Array:
        """Natural logarithm of melody against chords, shape (n_notes,)."""
        values = np.broadcast_to(inputs_of(np.stack(signs, axis=1), self.mean, self.deviation), self._shape(signs))
        for number, (weight, offset) in enumerate(self.layers):
            values = np.einsum("knm,kom->kno", values, weight) + offset[:, None]
            if number < len(self.layers) - 1:
                values = np.maximum(values, 0.0)
        odds: _Array = values[:, :, 0].mean(axis=0)
        return odds

    def _shape(self, signs: Signs) -> tuple[int, int, int]:
        n_networks, _, n_inputs = self.layers[0][0].shape
        return n_networks, len(signs.slope), n_inputs


def inputs_of(signs: _Array, mean: _Array, deviation: _Array) -> _Array:
    """What the network sees of signs, shape (n_notes, 2 * n_signs): standardised, 0 if not known; whether known."""
    known = np.isfinite(signs)
    scaled = np.clip((np.where(known, signs, 0.0) - mean) / deviation, -LARGEST, LARGEST)
    return np.concatenate([np.where(known, scaled, 0.0), known], axis=1)


@cache
def shipped_network() -> MelodyNetwork:
    """The network that comes with the package."""
    return read_network(SHIPPED)


def read_network(path: Path) -> MelodyNetwork:
    """A network from its file."""
    tensors = {name: values.astype(np.float64) for name, values in load_file(path).items()}
    n_layers = sum(name.endswith(".weight") for name in tensors)
    layers = tuple((tensors[f"{number}.weight"], tensors[f"{number}.offset"]) for number in range(n_layers))
    return MelodyNetwork(tensors["mean"], tensors["deviation"], layers)


class NoteOdds(NamedTuple):
    """Evidence in which every note speaks for itself.

    Attributes
    ----------
    rows : ndarray, shape (n_notes, n_players)
        Log-likelihood of every note by player.
    """

    rows: _Array

    def begin(self, labels: NDArray[np.int64]) -> Account:
        """Account of labels, shape (n_notes,)."""
        return _OddsAccount(self.rows, float(np.take_along_axis(self.rows, labels[:, None], axis=1).sum()))


class _OddsAccount(NamedTuple):
    rows: _Array
    total: float

    def after(self, moved: NDArray[np.int64], before: NDArray[np.int64], now: NDArray[np.int64]) -> Account:
        return _OddsAccount(self.rows, self.total + float((self.rows[moved, now] - self.rows[moved, before]).sum()))
