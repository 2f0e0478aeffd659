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
    n_bins : int
    """

    def __init__(self, sigma_bins: float, n_bins: int) -> None:
        self._reach = int(np.ceil(_REACH * sigma_bins))
        kernel = np.exp(-0.5 * (np.arange(-self._reach, self._reach + 1) / sigma_bins) ** 2)
        self._kernel = (kernel / kernel.sum()).astype(np.float32)
        self._padded = np.zeros(n_bins + 2 * self._reach, dtype=np.float32)
        self._term = np.zeros(n_bins, dtype=np.float32)

    def __call__(self, rows: NDArray[np.float32]) -> None:
        """Smooth every row of an array (n, n_bins) in place."""
        padded, term = self._padded, self._term
        n_bins = len(term)
        for row in rows:
            padded[self._reach : self._reach + n_bins] = row
            np.multiply(padded[:n_bins], self._kernel[0], out=row)
            for offset in range(1, len(self._kernel)):
                np.multiply(padded[offset : offset + n_bins], self._kernel[offset], out=term)
                row += term
