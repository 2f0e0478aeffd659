"""Handovers: a tone that goes on at its pitch, but in another source.

No tone changes its player on the way. The search makes it do so where one source cannot hold all that it sounds: when
its next note begins while the last still rings, an explanation with one tone per source is cheaper if the other source,
which is silent, takes over what rings. By measurement (docs/laboratory.md, "What helped") such a piece belongs to
whoever had the tone for longer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

LONGEST_FRAMES = 12
"""A longer piece may be a note of its own: instruments do take over each other's notes."""

_GAP_FRAMES = 1  # of silence or of both, between the two pieces
_SAME_SEMITONES = 0.5
_GLIDE_SEMITONES = 0.6  # within a tone, from frame to frame


class _Piece(NamedTuple):
    """A tone of one source from its first frame to the one after its last."""

    source: int
    start: int
    end: int

    def __len__(self) -> int:
        return self.end - self.start


def give_back(f0_bin: Tensor, amplitude: Tensor) -> tuple[Tensor, Tensor]:
    """Tones with every short piece given to the source whose longer tone it begins or continues.

    Where that source has another tone by then, the piece is left out: one tone is all that it can have.

    Parameters
    ----------
    f0_bin, amplitude : Tensor, shape (n_sources, n_frames)
        0: silent.

    Returns
    -------
    f0_bin, amplitude : Tensor, shape (n_sources, n_frames)
    """
    f0_bin, amplitude = f0_bin.clone(), amplitude.clone()
    while True:
        pitch = torch.where(f0_bin > 0, 12 * f0_bin.clamp_min(1e-9).log2(), -torch.inf)
        pieces = sorted((piece for source in range(len(pitch)) for piece in _pieces(source, pitch[source])), key=len)
        handed = next(_handed_over(pieces, pitch), None)
        if handed is None:
            return f0_bin, amplitude
        piece, owner = handed
        frames = slice(piece.start, piece.end)
        free = f0_bin[owner, frames] == 0
        for values in (f0_bin, amplitude):
            values[owner, frames] = torch.where(free, values[piece.source, frames], values[owner, frames])
            values[piece.source, frames] = 0.0


def _pieces(source: int, pitch: Tensor) -> Iterator[_Piece]:
    """Tones of a source, pitch (n_frames,) in semitones, -inf where it is silent."""
    values = [-torch.inf, *pitch.tolist(), -torch.inf]
    start = 0
    for frame in range(1, len(values)):
        if abs(values[frame] - values[frame - 1]) < _GLIDE_SEMITONES:
            continue
        if values[frame - 1] > -torch.inf:
            yield _Piece(source, start, frame - 1)
        start = frame - 1


def _handed_over(pieces: list[_Piece], pitch: Tensor) -> Iterator[tuple[_Piece, int]]:
    """Short pieces and who had their tone for longer, the shortest first."""
    for piece in pieces:
        if len(piece) > LONGEST_FRAMES:
            return
        for other in pieces:
            if other.source == piece.source or len(other) <= len(piece):
                continue
            if _continues(other, piece, pitch) or _continues(piece, other, pitch):
                yield piece, other.source


def _continues(first: _Piece, second: _Piece, pitch: Tensor) -> bool:
    if abs(second.start - first.end) > _GAP_FRAMES:
        return False
    step = pitch[second.source, second.start] - pitch[first.source, first.end - 1]
    return abs(float(step)) < _SAME_SEMITONES
