"""Links between notes: who cannot be, or is not likely to be, one player."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bsep_stream.train.search.players.notes import Notes

TOGETHER_FRAMES = 8
"""Notes that are played for so long together have different players."""

TOGETHER_SHARE = 0.8
"""... or for so much of the shorter one."""

_TAIL_NATS = 1.0
"""Of a shorter overlap, that may be a tail."""


class Links(NamedTuple):
    """Pairs of notes, each pair once.

    Attributes
    ----------
    apart : ndarray, shape (n_pairs, 2), int64
        Different players (or voices of one that has several).
    rather_apart : ndarray, shape (n_soft, 2), int64
    nats : ndarray, shape (n_soft,)
        What it costs if they have one player; negative: what it costs if they have not.
    """

    apart: NDArray[np.int64]
    rather_apart: NDArray[np.int64]
    nats: NDArray[np.float64]


def links_between(notes: Notes) -> Links:
    """Links of notes that sound together."""
    alive = notes.alive.astype(np.float32)
    together = np.rint(alive @ alive.T).astype(np.int64)
    length = np.maximum(np.diag(together), 1)
    one, other = np.nonzero(np.triu(together, 1))
    overlap = together[one, other]
    share = overlap / np.minimum(length[one], length[other])
    long = (overlap >= TOGETHER_FRAMES) | (share >= TOGETHER_SHARE)
    pairs = np.stack([one, other], axis=1)
    return Links(pairs[long], pairs[~long], np.full(int((~long).sum()), _TAIL_NATS))
