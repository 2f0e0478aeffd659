"""Logistic models, fitted to the signs of made sessions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bsep_stream.train.search.players.logistic import Logistic

RIDGE = 1.0
_STEPS = 50

_Array = NDArray[np.float64]


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
