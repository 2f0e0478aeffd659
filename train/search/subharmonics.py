"""Tones that were heard too low: those of every second, third, ... harmonic only.

Such a tone is one an octave, a twelfth, ... above. As long as nothing is known of a source, it may begin so where other
tones hide what is missing; then its envelope at this pitch says that these harmonics are weak, and so it stays.
"""

from __future__ import annotations

import torch
from torch import Tensor

LEAST_SHARE = 0.15
"""Of an envelope's moduli, that lie on other harmonics than the multiples of one number. Of bowed, blown, struck and
sung tones a third and more do."""

_FACTORS = (2, 3, 4, 5)
_DECAY = 0.7  # of harmonics that the lower tones were not searched for


def raised(envelopes: Tensor) -> Tensor:
    """Envelopes by which no tone is only a part of one that is lower.

    Parameters
    ----------
    envelopes : Tensor, shape (n_semitones, n_harmonics)
        Moduli; rows of sum 1.

    Returns
    -------
    Tensor, shape (n_semitones, n_harmonics)
        A row on multiples of 2, 3, 4 or 5 alone has these as its first, second, ... harmonic.
    """
    result = envelopes
    n_harmonics = envelopes.shape[1]
    for factor in _FACTORS:  # the largest that holds comes last
        multiples = envelopes[:, factor - 1 :: factor]
        too_low = multiples.sum(dim=1) > (1 - LEAST_SHARE) * envelopes.sum(dim=1)
        rest = multiples[:, -1:] * _DECAY ** torch.arange(1.0, n_harmonics - multiples.shape[1] + 1)
        row = torch.cat([multiples, rest], dim=1)
        result = torch.where(too_low[:, None], row / row.sum(dim=1, keepdim=True), result)
    return result
