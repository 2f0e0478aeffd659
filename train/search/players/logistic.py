"""Logistic models of signs: how likely something is by a few numbers that speak for it or against it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_Array = NDArray[np.float64]


class Logistic(NamedTuple):
    """Logistic model of signs.

    Attributes
    ----------
    mean, deviation, weight : ndarray, shape (n_signs,)
    offset : float
    """

    mean: _Array
    deviation: _Array
    weight: _Array
    offset: float

    def log_odds(self, signs: _Array) -> _Array:
        """Natural logarithm of yes against no, shape (n,), of signs (n, n_signs)."""
        odds: _Array = (signs - self.mean) / self.deviation @ self.weight + self.offset
        return odds

    @property
    def plain(self) -> tuple[_Array, float]:
        """Weights and offset for signs as they are."""
        weight = self.weight / self.deviation
        return weight, float(self.offset - weight @ self.mean)
