"""Moduli of spectra, and the lift that makes small partials comparable with large ones (method section 7).

Spectra are real tensors (..., 2, n_bins). The lift is ``sqrt(r + delta) - sqrt(delta)``.
"""

from __future__ import annotations

import torch
from torch import Tensor

# Added under the root of the modulus: its gradient is finite at 0, and 1e-10 is below anything heard.
_TINY_SQUARE = 1e-20


def modulus(spectra: Tensor, *, keepdim: bool = False) -> Tensor:
    """Moduli of spectra, (..., 2, n_bins) to (..., n_bins), or (..., 1, n_bins); at least 1e-10."""
    real, imaginary = torch.split(spectra, 1, dim=-2)
    squares: Tensor = torch.addcmul(real.square() + _TINY_SQUARE, imaginary, imaginary)
    # Not squeeze: where a size is lost on the way, the exporter writes a choice for it.
    return squares.sqrt() if keepdim else squares.sqrt()[..., 0, :]


def lift(moduli: Tensor, delta: float) -> Tensor:
    """``sqrt(r + delta) - sqrt(delta)``: large and small partials become comparable."""
    root: Tensor = (moduli + delta).sqrt()
    return root - float(delta**0.5)
