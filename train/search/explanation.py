"""What a search ends in: tones of all sources in all frames, and who plays them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bsep_stream.train.search.envelopes import ToneObservations
from bsep_stream.train.search.players.assignment import Tones
from bsep_stream.train.search.players.decision import Decision
from bsep_stream.train.search.players.notes import Notes

_TINY = 1e-12


class Explanation(NamedTuple):
    """Tones of all sources in all frames.

    Attributes
    ----------
    f0_bin : Tensor, shape (n_voices, n_frames)
        0: silent. The voices of a source stand next to each other; in every frame those that sound come first, from
        high to low.
    amplitude : Tensor, shape (n_voices, n_frames)
        Sum of the moduli of the harmonics.
    envelope : Tensor, shape (n_sources, n_harmonics)
        Mean harmonic envelope, largest entry 1.
    cost : float
        Mean cost of a frame: relative loss and all prior costs. Comparable between starts of one session.
    start : str
        Name of the start it came from.
    """

    f0_bin: Tensor
    amplitude: Tensor
    envelope: Tensor
    cost: float
    start: str

    @property
    def tones(self) -> Tones:
        """The same for who works with notes, in double precision."""
        return Tones(self.f0_bin.double().numpy(), self.amplitude.double().numpy())


class Played(NamedTuple):
    """An explanation whose tones are shared out among the players by notes.

    Attributes
    ----------
    explanation : Explanation
    notes : Notes
        Of all voices together, as they were before.
    decision : Decision
        Player of every note, and how sure that is.
    """

    explanation: Explanation
    notes: Notes
    decision: Decision

    @property
    def margin(self) -> NDArray[np.float32]:
        """Of the least sure note in every frame, in nats, shape (n_frames,); inf where there is none to doubt."""
        unsure = np.where(self.notes.alive, self.decision.margin[:, None], np.inf)
        margin: NDArray[np.float32] = unsure.min(axis=0, initial=np.inf).astype(np.float32)
        return margin


def mean_envelopes(observed: Sequence[ToneObservations]) -> Tensor:
    """Mean harmonic envelopes of sources, largest entry 1, shape (n_sources, n_harmonics)."""
    rows = []
    for entry in observed:
        root = (entry.weight * entry.root).sum(dim=0) / entry.weight.sum(dim=0).clamp_min(_TINY)
        rows.append(root.square() / root.square().amax().clamp_min(_TINY))
    return torch.stack(rows)
