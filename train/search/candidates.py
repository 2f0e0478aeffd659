"""Pitch candidates of frames, and which peak is which harmonic of which candidate."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from bsep_stream.train.search.peaks import ABSENT_BIN, SpectralPeaks

N_CANDIDATES = 16
N_HARMONICS = 20
_N_PARTIALS = 20  # strongest partials that are tried as harmonics
_N_SUBMULTIPLES = 6  # ... as harmonic 1 to 6 of a tone
_MATCH_CENTS = 35.0
_MATCH_BINS = 1.2
_MATCH_SHARE_OF_F0 = 0.4
_SAME_CENTS = 40.0
_DECAY = 0.84
_MISSING_PENALTY = 0.1
_REFINING_HARMONICS = 8
_TINY = 1e-12
_NEVER = -1e9


class Candidates(NamedTuple):
    """Pitches that could sound in frames.

    Attributes
    ----------
    f0_bin : Tensor, shape (n_frames, n_candidates)
        0 where a frame has fewer candidates.
    peak_index : Tensor, shape (n_frames, n_candidates, n_harmonics), int64
        Which peak each harmonic is; ``n_peaks`` where no peak is near.
    in_range : Tensor, shape (n_frames, n_candidates, n_harmonics), bool
        Harmonic lies below the last bin.
    """

    f0_bin: Tensor
    peak_index: Tensor
    in_range: Tensor

    @property
    def valid(self) -> Tensor:
        """Shape (n_frames, n_candidates), bool."""
        return self.f0_bin > 0


def match_harmonics(peaks: SpectralPeaks, f0_bin: Tensor, n_bins: int) -> tuple[Tensor, Tensor]:
    """Nearest peak to every harmonic, if it is near enough.

    Parameters
    ----------
    peaks : SpectralPeaks
    f0_bin : Tensor, shape (n_frames, m)
        At most 0: no tone.
    n_bins : int

    Returns
    -------
    peak_index, in_range : Tensor, shape (n_frames, m, n_harmonics)
        As in :class:`Candidates`.
    """
    n_peaks = peaks.bins.shape[1]
    order = torch.arange(1, N_HARMONICS + 1)
    f0 = torch.where(f0_bin > 0, f0_bin, 0.1 * ABSENT_BIN)[..., None]
    wanted = (f0 * order).contiguous()
    grid = peaks.bins[:, None].expand(-1, wanted.shape[1], -1).contiguous()
    upper = torch.searchsorted(grid, wanted).clamp(1, n_peaks - 1)
    below, above = grid.gather(2, upper - 1), grid.gather(2, upper)
    nearer_below = wanted - below < above - wanted
    index = torch.where(nearer_below, upper - 1, upper)
    distance = torch.where(nearer_below, wanted - below, above - wanted).abs()
    tolerance = (wanted * (2 ** (_MATCH_CENTS / 1200) - 1)).clamp_min(_MATCH_BINS)
    in_range = wanted < n_bins - 2
    matched = (distance < torch.minimum(tolerance, _MATCH_SHARE_OF_F0 * f0)) & in_range
    return torch.where(matched, index, n_peaks), in_range


def find_candidates(
    peaks: SpectralPeaks, n_bins: int, lowest_bin: float, highest_bin: float, n_candidates: int = N_CANDIDATES
) -> Candidates:
    """The most salient pitches of every frame: submultiples of strong partials, refined on all their harmonics.

    Parameters
    ----------
    peaks : SpectralPeaks
    n_bins : int
    lowest_bin, highest_bin : float
        Range of f0.
    n_candidates : int
    """
    n_frames = peaks.bins.shape[0]
    strongest = peaks.moduli.topk(min(_N_PARTIALS, peaks.moduli.shape[1]), dim=1).indices
    raw = (peaks.bins.gather(1, strongest)[..., None] / torch.arange(1, _N_SUBMULTIPLES + 1)).flatten(1)
    possible = (raw >= lowest_bin) & (raw <= highest_bin)
    peak_index, in_range = match_harmonics(peaks, torch.where(possible, raw, 0.0), n_bins)
    nothing = torch.zeros(n_frames, 1)
    flat = peak_index.flatten(1)
    moduli = torch.cat([peaks.moduli, nothing], dim=1).gather(1, flat).reshape(peak_index.shape)
    bins = torch.cat([peaks.bins, nothing], dim=1).gather(1, flat).reshape(peak_index.shape)
    order = torch.arange(1, N_HARMONICS + 1)
    # Higher harmonics fix f0 more sharply: weight amplitude x order.
    weight = moduli * order * (order <= _REFINING_HARMONICS)
    total = weight.sum(dim=-1)
    f0 = torch.where(total > 0, (weight * bins / order).sum(dim=-1) / (total + _TINY), raw)
    decay = _DECAY ** (order - 1.0)
    missing = ((moduli == 0) & in_range) * decay * moduli.sqrt().amax(dim=-1, keepdim=True)
    salience = (moduli.sqrt() * decay).sum(dim=-1) - _MISSING_PENALTY * missing.sum(dim=-1)
    salience = torch.where(possible, salience, _NEVER)
    chosen = torch.zeros(n_frames, n_candidates)
    for place in range(n_candidates):
        best, index = salience.max(dim=1)
        pitch = f0.gather(1, index[:, None])
        chosen[:, place] = torch.where(best > 0.5 * _NEVER, pitch[:, 0], 0.0)
        same = (f0 / pitch.clamp_min(_TINY)).clamp_min(_TINY).log2().abs() * 1200 < _SAME_CENTS
        salience = torch.where(same, _NEVER, salience)
    return Candidates(chosen, *match_harmonics(peaks, chosen, n_bins))
