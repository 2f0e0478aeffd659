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


class BoxMean:
    """Mean over the bins around; at the edges over those that there are.

    Parameters
    ----------
    reach_bins : int
        To both sides.
    n_bins : int
    """

    def __init__(self, reach_bins: int, n_bins: int) -> None:
        reach = min(reach_bins, n_bins - 1)
        place = np.arange(n_bins)
        count = np.minimum(place + reach, n_bins - 1) - np.maximum(place - reach, 0) + 1
        self._share = 1.0 / count
        # Sums from the first bin on, in double precision: differences of them must hold -100 dB beside 0 dB.
        self._sums = np.zeros(n_bins + 2 * reach + 1)
        self._reach, self._n_bins = reach, n_bins
        self._means = np.zeros(n_bins)

    def __call__(self, row: NDArray[np.float32]) -> None:
        """Smooth a row (n_bins,) in place."""
        reach, n_bins, sums, means = self._reach, self._n_bins, self._sums, self._means
        inner = sums[reach + 1 : reach + 1 + n_bins]
        np.copyto(inner, row)
        np.add.accumulate(inner, out=inner)
        sums[reach + 1 + n_bins :] = inner[-1]
        np.subtract(sums[2 * reach + 1 :], sums[:n_bins], out=means)
        means *= self._share
        np.copyto(row, means, casting="same_kind")


def lowest_around(row: NDArray[np.float32], reach_bins: int, spare: NDArray[np.float32]) -> None:
    """The lowest of all bins at most ``reach_bins`` away, in place of every bin of a row (n_bins,).

    Parameters
    ----------
    row : ndarray, shape (n_bins,), float32
    reach_bins : int
        Below ``n_bins``.
    spare : ndarray, shape (n_bins,), float32
        Memory to work in.
    """
    done = 0
    while done < reach_bins:  # every bin knows of so many neighbours, and asks those whose knowledge joins its own
        step = min(2 * done + 1, reach_bins - done)
        np.copyto(spare, row)
        np.minimum(row[:-step], spare[step:], out=row[:-step])
        np.minimum(row[step:], spare[:-step], out=row[step:])
        done += step
