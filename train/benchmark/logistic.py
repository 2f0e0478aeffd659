"""Logistic models of a few signs, fitted to made sessions."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

RIDGE = 1.0
_STEPS = 50

_Array = NDArray[np.float64]


class Logistic(NamedTuple):
    """Log-odds are ``(signs - mean) / deviation @ weight + offset``.

    Attributes
    ----------
    mean, deviation, weight : ndarray, shape (n_signs,)
    offset : float
    """

    mean: _Array
    deviation: _Array
    weight: _Array
    offset: float

    @property
    def plain(self) -> tuple[_Array, float]:
        """Weights and offset for signs as they are."""
        weight = self.weight / self.deviation
        return weight, float(self.offset - weight @ self.mean)


def fit_logistic(signs: _Array, happened: NDArray[np.bool_]) -> Logistic:
    """The model by Newton's method, every row weighing the same.

    Parameters
    ----------
    signs : ndarray, shape (n, n_signs)
    happened : ndarray, shape (n,), bool
    """
    mean, deviation = signs.mean(axis=0), signs.std(axis=0) + 1e-6
    design = np.column_stack([(signs - mean) / deviation, np.ones(len(signs))])
    ridge = RIDGE * np.eye(design.shape[1])
    ridge[-1, -1] = 1e-6
    weight = np.zeros(design.shape[1])
    for _ in range(_STEPS):
        likely = 1 / (1 + np.exp(-design @ weight))
        slope = design.T @ (happened - likely) - ridge @ weight
        weight = weight + np.linalg.solve((design.T * (likely * (1 - likely))) @ design + ridge, slope)
    return Logistic(mean, deviation, weight[:-1], float(weight[-1]))
