"""Tails: what still rings of tones that ended, which is no reason to look for another player.

A frame is long, and rooms and releases are longer: when a source goes on to its next note, the last one is still in the
spectrum. One tone per source cannot explain both, so a search that must explain all the sound gives the new note to
another source. So who plays what is decided on what is new, and only then how long every note lasts, on everything.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from bsep_stream.train.search.peaks import SpectralPeaks

_FRAMES_BACK = 4
_FRAMES_AFTER = 12  # a release that may still belong to its note
_FRAMES_BEFORE = 2  # an onset that the middle of the frame has not reached
_SAME_SEMITONES = 0.6
_ABSENT = -100.0  # semitones: near no pitch
_TINY = 1e-12


def without_tails(peaks: SpectralPeaks, moduli: Tensor, cuts: Tensor) -> SpectralPeaks:
    """Peaks, lowered where they decay: times what is left of what was there in the frames before.

    A sustained partial keeps its height, a ringing one loses twice the decibels, a new one nothing.

    Parameters
    ----------
    peaks : SpectralPeaks
    moduli : Tensor, shape (n_frames, n_bins)
        What the peaks were picked from.
    cuts : Tensor, shape (n_frames,), bool
        True where a frame does not continue the one before.
    """
    n_frames, n_bins = moduli.shape
    wide = functional.max_pool1d(moduli[:, None], 3, 1, 1)[:, 0]
    piece = cuts.cumsum(dim=0)
    before = torch.zeros_like(moduli)
    for back in range(1, min(_FRAMES_BACK, n_frames - 1) + 1):
        same = (piece[back:] == piece[:-back])[:, None]
        before[back:] = torch.maximum(before[back:], wide[:-back] * same)
    place = peaks.bins.round().clamp(0, n_bins - 1).long()
    left = peaks.moduli / before.gather(1, place).clamp_min(_TINY)
    return peaks._replace(moduli=peaks.moduli * left.clamp_max(1.0))


def around_path(pitches: Tensor, path: Tensor) -> Tensor:
    """Candidates that could be an onset or a tail of the tones along a path.

    Parameters
    ----------
    pitches : Tensor, shape (n_frames, n_candidates)
        In semitones.
    path : Tensor, shape (n_frames,), int64
        0: silent, else candidate + 1.

    Returns
    -------
    Tensor, shape (n_frames, n_candidates), bool
    """
    return _near_path(pitches, path).any(dim=2)


def until_next(pitches: Tensor, path: Tensor) -> Tensor:
    """As :func:`around_path`, but a tail ends where the path goes on to another tone.

    The last note of a player is often the loudest thing to be heard while his next one begins, but he plays that one.
    """
    near = _near_path(pitches, path)
    return torch.where((path > 0)[:, None], near[:, :, _FRAMES_AFTER:].any(dim=2), near.any(dim=2))


def _near_path(pitches: Tensor, path: Tensor) -> Tensor:
    """Which candidates are near the tones of neighbouring frames, (n_frames, n_candidates, n_neighbours), bool."""
    own = torch.where(path > 0, pitches.gather(1, (path - 1).clamp_min(0)[:, None])[:, 0], _ABSENT)
    padded = functional.pad(own, (_FRAMES_AFTER, _FRAMES_BEFORE), value=_ABSENT)
    neighbours = padded.unfold(0, _FRAMES_AFTER + 1 + _FRAMES_BEFORE, 1)
    return (pitches[:, :, None] - neighbours[:, None]).abs() < _SAME_SEMITONES
