"""How much of a signal filters of the true stems explain: what the BSS-eval measures with filters are made from.

The best filters of L taps solve the normal equations ``G h = c`` (Vincent, Gribonval, Fevotte 2006). With every true
stem s_i delayed by a = 0 ... L - 1 samples, ``G[(i, a), (j, b)] = sum_t s_i(t - a) s_j(t - b)`` depends on a - b alone:
it is made of Toeplitz blocks, whose entries are correlations, which one FFT gives for all lags. The explained energy is
``c^T G^-1 c``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_DIAGONAL = 1e-10  # added to the equations of stems of energy 1: recordings with an empty band make them singular


def explained_shares(
    references: NDArray[np.float64], estimates: NDArray[np.float64], n_taps: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shares of the energy of every estimate that filters explain.

    Parameters
    ----------
    references, estimates : ndarray, shape (n_sources, n_samples)
        True stems and what was made of each, none of them silent.
    n_taps : int

    Returns
    -------
    own, all_ : ndarray, shape (n_sources,)
        By a filter of its own true stem, and by filters of all true stems together; 0 to 1.
    """
    n_sources, n_samples = references.shape
    references, estimates = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (references, estimates))
    n_fft = _good_size(n_samples + n_taps)
    spectra, estimated = np.fft.rfft(references, n_fft), np.fft.rfft(estimates, n_fft)
    lags = np.arange(n_taps)[:, None] - np.arange(n_taps)  # negative ones count from the end, as the FFT has them
    gram = np.empty((n_sources, n_taps, n_sources, n_taps))
    for i in range(n_sources):
        for j in range(n_sources):
            gram[i, :, j] = np.fft.irfft(spectra[i].conj() * spectra[j], n_fft)[lags]
    cross = np.stack([np.fft.irfft(spectra.conj() * each, n_fft)[:, :n_taps] for each in estimated])
    own = np.array([_energy(gram[i, :, i], cross[i, i]) for i in range(n_sources)])
    size = n_sources * n_taps
    all_ = _energy(gram.reshape(size, size), cross.reshape(n_sources, size).T)
    return np.clip(own, 0.0, 1.0), np.clip(all_, 0.0, 1.0)


def _energy(gram: NDArray[np.float64], cross: NDArray[np.float64]) -> NDArray[np.float64]:
    """``c^T G^-1 c`` of every column of ``cross``."""
    filters = np.linalg.solve(gram + _DIAGONAL * np.eye(len(gram)), cross)
    energy: NDArray[np.float64] = np.sum(cross * filters, axis=0)
    return energy


def _good_size(n: int) -> int:
    """The least product of 2, 3 and 5 that is not less: FFTs of it are quick."""
    sizes: list[int] = [2**a * 3**b * 5**c for a in range(n.bit_length() + 1) for b in range(3) for c in range(3)]
    return min(size for size in sizes if size >= n)
