"""Complex spectra as real tensors with two channels, which is what the networks and ONNX work with."""

from __future__ import annotations

import torch
from torch import Tensor


def as_channels(spectra: Tensor) -> Tensor:
    """Complex spectra (..., n_bins) as real ones (..., 2, n_bins); real ones are handed through."""
    if not spectra.is_complex():
        return spectra
    return torch.stack([spectra.real, spectra.imag], dim=-2)


def as_complex(spectra: Tensor) -> Tensor:
    """Real spectra (..., 2, n_bins) as complex ones (..., n_bins)."""
    return torch.complex(spectra[..., 0, :], spectra[..., 1, :])
