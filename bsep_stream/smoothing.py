"""Smoothing over frequency, in memory that is allocated once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_REACH = 3.0  # standard deviations; what lies beyond is 0.3 %


class BinSmoother:
    """Convolution with a Gaussian of sum 1; beyond the first and the last bin there is nothing.

    Parameters
    ----------
    sigma_bins : float
        Standard deviation.
    most_rows, n_bins : int
        Largest array that is smoothed.
    """

    def __init__(self, sigma_bins: float, most_rows: int, n_bins: int) -> None:
        self._reach = int(np.ceil(_REACH * sigma_bins))
        kernel = np.exp(-0.5 * (np.arange(-self._reach, self._reach + 1) / sigma_bins) ** 2)
        self._kernel = (kernel / kernel.sum()).astype(np.float32)
        self._padded = np.zeros((most_rows, n_bins + 2 * self._reach), dtype=np.float32)
        self._term = np.zeros((most_rows, n_bins), dtype=np.float32)

    def __call__(self, rows: NDArray[np.float32]) -> None:
        """Smooth an array (at most most_rows, n_bins) in place."""
        n_bins = rows.shape[1]
        padded, term = self._padded[: len(rows)], self._term[: len(rows)]
        padded[:, self._reach : self._reach + n_bins] = rows
        np.multiply(padded[:, :n_bins], self._kernel[0], out=rows)
        for offset in range(1, len(self._kernel)):
            np.multiply(padded[:, offset : offset + n_bins], self._kernel[offset], out=term)
            rows += term
