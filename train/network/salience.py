"""Harmonic-sum salience: how much a tone of each source at each bin would explain (method section 13)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_DETUNINGS = (-1.0 / 3.0, 0.0, 1.0 / 3.0)
_TINY = 1e-6


class Salience(nn.Module):
    """Evidence for (source, f0) from what is left of the frame; nothing here is learned.

    For each source i and bin nu: ``sum_h D[i,h] L[nu h] / |D[i]|``, with L the lifted modulus relative to its
    RMS. An f0 between two bins moves its upper harmonics by many bins, so f0 = nu - 1/3, nu, nu + 1/3 are tried,
    with L widened by one bin to either side, and the best counts.

    Parameters
    ----------
    n_bins, n_harmonics : int
    highest_bin : int
        Bins above this get 0: no tone starts there.
    """

    index: Tensor

    def __init__(self, n_bins: int, n_harmonics: int, highest_bin: int) -> None:
        super().__init__()
        self.n_bins = n_bins
        bins = torch.arange(1, min(highest_bin, n_bins - 1) + 1, dtype=torch.float64)
        order = torch.arange(1, n_harmonics + 1, dtype=torch.float64)
        centres = torch.stack([order[:, None] * (bins + detuning) for detuning in _DETUNINGS])
        index = torch.round(centres).long()
        # One more bin, always 0, stands for everything above the frame.
        self.register_buffer("index", index.clamp_max(n_bins).flatten(), persistent=False)
        self._shape = tuple(index.shape)

    @torch.no_grad()
    def forward(self, lifted: Tensor, relative_amplitudes: Tensor) -> Tensor:
        """Salience of frames.

        Parameters
        ----------
        lifted : Tensor, shape (batch, 1, n_bins)
            Lifted moduli of what is left of the frames.
        relative_amplitudes : Tensor, shape (n_sources, n_harmonics)

        Returns
        -------
        Tensor, shape (batch, n_sources, n_bins)
        """
        level = lifted.square().mean(dim=2, keepdim=True).sqrt() + _TINY
        widened = functional.max_pool1d(lifted / level, 3, stride=1, padding=1)
        # Not index_select, which ONNX Runtime does a tenth as fast.
        samples = functional.pad(widened, (0, 1)).gather(2, self.index.expand(lifted.shape[0], 1, -1))
        n_detunings, n_harmonics, n_pitches = self._shape
        rows = relative_amplitudes / (relative_amplitudes.norm(dim=1, keepdim=True) + _TINY)
        sums = torch.matmul(rows, samples.reshape(-1, n_detunings, n_harmonics, n_pitches))
        return functional.pad(sums.amax(dim=1), (1, self.n_bins - n_pitches - 1))
