"""Dictionary of harmonics: what the sources sound like (method sections 3, 8)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bsep_stream.train.config.trainconfig import SMALLEST_AMPLITUDE


class HarmonicDictionary(nn.Module):
    """Relative amplitudes of the harmonics of every source, constant in time.

    Attributes
    ----------
    relative_amplitudes : Parameter, shape (n_sources, n_harmonics)
        Start: ``max(1e-3, (0.5 / i) ** (h - 1))`` for source i = 1, 2, ...: the sources differ at first only by
        how fast their harmonics decay.
    """

    def __init__(self, n_sources: int, n_harmonics: int) -> None:
        super().__init__()
        decay = 0.5 / torch.arange(1, n_sources + 1, dtype=torch.float64)
        power = torch.arange(n_harmonics, dtype=torch.float64)
        start = (decay[:, None] ** power).clamp_min(SMALLEST_AMPLITUDE)
        self.relative_amplitudes = nn.Parameter(start.to(torch.float32))

    @torch.no_grad()
    def start_with_decays(self, first: float, last: float) -> None:
        """Begin with rows ``decay ** (h - 1)``, between the first source and the last in even steps."""
        n_sources, n_harmonics = self.relative_amplitudes.shape
        decay = torch.linspace(first, last, n_sources)[:, None]
        self.start_from((decay ** torch.arange(float(n_harmonics))).clamp_min(SMALLEST_AMPLITUDE))

    @torch.no_grad()
    def start_from(self, relative_amplitudes: Tensor) -> None:
        """Begin with rows that were found in the recording, shape (n_sources, n_harmonics), instead."""
        self.relative_amplitudes.copy_(relative_amplitudes)


def scale_prior_gradient(relative_amplitudes: Tensor) -> Tensor:
    """Gradient of ``mean_i (ln max_h D[i,h])^2``, which holds the largest entry of every row at 1.

    Parameters
    ----------
    relative_amplitudes : Tensor, shape (n_sources, n_harmonics)

    Returns
    -------
    Tensor, same shape
    """
    with torch.enable_grad():
        rows = relative_amplitudes.detach().requires_grad_()
        # A row that is 0 everywhere would have no finite logarithm.
        prior = rows.amax(dim=1).clamp_min(torch.finfo(rows.dtype).tiny).log().square().mean()
        (gradient,) = torch.autograd.grad(prior, rows)
    return gradient
