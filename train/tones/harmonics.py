"""Tones: harmonics, their Gaussian peaks, and the spectra made of them (method sections 2, 3, 6, 13).

Spectra are real tensors with two channels, real and imaginary part: (batch, 2, n_bins).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


def harmonic_bins(f0_bin: Tensor, inharmonicity: Tensor, n_harmonics: int) -> Tensor:
    """Positions ``f h sqrt(1 + b h^2)`` of the harmonics h = 1, 2, ...

    Parameters
    ----------
    f0_bin, inharmonicity : Tensor, shape (batch,)

    Returns
    -------
    Tensor, shape (batch, n_harmonics)
        In bins.
    """
    order = torch.arange(1, n_harmonics + 1, dtype=f0_bin.dtype, device=f0_bin.device)
    return f0_bin[:, None] * order * torch.sqrt(1.0 + inharmonicity[:, None] * order.square())


@dataclass(frozen=True)
class DensePeaks:
    """Unit Gaussian peaks over all bins: the matrix ``P`` itself, shape (batch, n_bins, m)."""

    matrix: Tensor

    @classmethod
    def at(cls, centres: Tensor, widths: Tensor, n_bins: int) -> DensePeaks:
        """Peaks at `centres` with standard deviations `widths`, both (batch, m), in bins."""
        bins = torch.arange(n_bins, dtype=centres.dtype, device=centres.device)
        distance = (bins[:, None] - centres[:, None, :]) / widths[:, None, :]
        return cls(torch.exp(-0.5 * distance.square()))

    def project(self, spectra: Tensor) -> Tensor:
        """``P^T v``: (batch, 2, n_bins) to (batch, m, 2)."""
        return torch.einsum("bkm,bck->bmc", self.matrix, spectra)

    def gram(self) -> Tensor:
        """``P^T P``, shape (batch, m, m)."""
        return self.matrix.transpose(1, 2) @ self.matrix

    def render(self, coefficients: Tensor) -> Tensor:
        """``P c``: (batch, m, 2) to (batch, 2, n_bins)."""
        return torch.einsum("bkm,bmc->bck", self.matrix, coefficients)

    def render_heights(self, heights: Tensor) -> Tensor:
        """Moduli of peaks that do not interfere: (batch, m) to (batch, n_bins)."""
        return torch.einsum("bkm,bm->bk", self.matrix, heights)

    def switched(self, on: Tensor) -> DensePeaks:
        """Peaks times a switch of shape (batch,), 1 or 0: those switched off explain nothing."""
        return DensePeaks(self.matrix * on[:, None, None])

    def repeat(self, times: int) -> DensePeaks:
        """Every element of the batch `times` times in a row."""
        return DensePeaks(self.matrix.repeat_interleave(times, dim=0))


@dataclass(frozen=True)
class LocalPeaks:
    """Unit Gaussian peaks near their centres only; peaks whose centre is no bin of the frame are left out.

    Attributes
    ----------
    index : Tensor, shape (batch, m * (2 radius + 1)), int64
        Bins of the samples of the peaks, peak by peak.
    weight : Tensor, shape (batch, m, 2 radius + 1)
        Heights there; 0 outside the frame.
    centres, widths, present : Tensor, shape (batch, m)
    n_bins : int
    """

    index: Tensor
    weight: Tensor
    centres: Tensor
    widths: Tensor
    present: Tensor
    n_bins: int

    @classmethod
    def at(cls, centres: Tensor, widths: Tensor, n_bins: int, radius: int) -> LocalPeaks:
        """Peaks at `centres` with standard deviations `widths`, both (batch, m), in bins."""
        present = (centres >= 0) & (centres <= n_bins - 1)
        # Centres may be anywhere, also too large for an integer: bring them near the frame first.
        centres = centres.clamp(-2.0 * radius - 2, n_bins + 2.0 * radius + 2)
        offsets = torch.arange(-radius, radius + 1, device=centres.device)
        bins = torch.round(centres.detach()).long()[..., None] + offsets
        distance = (bins.to(centres.dtype) - centres[..., None]) / widths[..., None]
        inside = (bins >= 0) & (bins < n_bins) & present[..., None]
        weight = torch.exp(-0.5 * distance.square()) * inside.to(centres.dtype)
        index = bins.clamp(0, n_bins - 1).flatten(1)
        return cls(index, weight, centres, widths, present.to(centres.dtype), n_bins)

    def project(self, spectra: Tensor) -> Tensor:
        """``P^T v``: (batch, 2, n_bins) to (batch, m, 2)."""
        samples = spectra.gather(2, self.index[:, None, :].expand(-1, 2, -1))
        peaks, length = (int(size) for size in self.weight.shape[1:])
        return (samples.reshape(-1, 2, peaks, length) * self.weight[:, None]).sum(dim=-1).transpose(1, 2)

    def gram(self) -> Tensor:
        """``P^T P``, shape (batch, m, m), as the integral over frequency.

        Two Gaussians with widths s and t at distance d have the product integral
        ``sqrt(2 pi) s t / sqrt(s^2 + t^2) exp(-d^2 / (2 (s^2 + t^2)))``. The sum over bins differs from the
        integral by less than ``2 exp(-pi^2 s^2)`` of it for s = t: 3e-7 for the width of a stationary sinusoid in
        the geometry of the preset `fast`, 8e-5 for 0.8 times that.
        """
        distance = self.centres[:, :, None] - self.centres[:, None, :]
        variance = self.widths[:, :, None].square() + self.widths[:, None, :].square()
        product = self.widths[:, :, None] * self.widths[:, None, :]
        overlap = math.sqrt(2.0 * math.pi) * product * torch.rsqrt(variance)
        both = self.present[:, :, None] * self.present[:, None, :]
        return both * overlap * torch.exp(-0.5 * distance.square() / variance)

    def render(self, coefficients: Tensor) -> Tensor:
        """``P c``: (batch, m, 2) to (batch, 2, n_bins)."""
        samples = (coefficients.transpose(1, 2)[..., None] * self.weight[:, None]).flatten(2)
        spectra = torch.zeros(samples.shape[0], 2, self.n_bins, dtype=samples.dtype, device=samples.device)
        return spectra.scatter_add(2, self.index[:, None, :].expand(-1, 2, -1), samples)

    def render_heights(self, heights: Tensor) -> Tensor:
        """Moduli of peaks that do not interfere: (batch, m) to (batch, n_bins)."""
        samples = (heights[..., None] * self.weight).flatten(1)
        moduli = torch.zeros(samples.shape[0], self.n_bins, dtype=samples.dtype, device=samples.device)
        return moduli.scatter_add(1, self.index, samples)

    def switched(self, on: Tensor) -> LocalPeaks:
        """Peaks times a switch of shape (batch,), 1 or 0: those switched off explain nothing."""
        weight, present = self.weight * on[:, None, None], self.present * on[:, None]
        return LocalPeaks(self.index, weight, self.centres, self.widths, present, self.n_bins)

    def repeat(self, times: int) -> LocalPeaks:
        """Every element of the batch `times` times in a row."""
        repeated = (t.repeat_interleave(times, dim=0) for t in (self.index, self.weight, self.centres, self.widths))
        index, weight, centres, widths = repeated
        return LocalPeaks(index, weight, centres, widths, self.present.repeat_interleave(times, dim=0), self.n_bins)


Peaks = DensePeaks | LocalPeaks


def join_peaks(first: Peaks, *others: Peaks) -> Peaks:
    """Peaks of several tones of one frame as one set, for a joint solve; all of one kind, in their order."""
    all_peaks = (first, *others)
    local = [peaks for peaks in all_peaks if isinstance(peaks, LocalPeaks)]
    if not local:
        return DensePeaks(torch.cat([peaks.matrix for peaks in all_peaks if isinstance(peaks, DensePeaks)], dim=2))
    return LocalPeaks(
        torch.cat([peaks.index for peaks in local], dim=1),
        torch.cat([peaks.weight for peaks in local], dim=1),
        torch.cat([peaks.centres for peaks in local], dim=1),
        torch.cat([peaks.widths for peaks in local], dim=1),
        torch.cat([peaks.present for peaks in local], dim=1),
        local[0].n_bins,
    )
