"""Registers: where the pitches of every source lie, and what a pitch says about who plays it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from bsep_stream.train.search.envelopes import N_SEMITONES, ToneObservations
from bsep_stream.train.tones.registers import log_odds

_TINY = 1e-12


def register_costs(observed: Sequence[ToneObservations], weight: float) -> list[Tensor]:
    """What a pitch costs a source: ``-weight * log P(source | pitch)``.

    The pitches of a source are taken as normally distributed. All sources have the same spread and the same prior,
    so that no source wins by being narrow or frequent. By Bayes' rule this is the likelihood of the pitches given the
    sources, up to what does not depend on who plays what: no cost where the registers lie far apart and are kept, log 2
    for every tone where two sources share one register.

    Parameters
    ----------
    observed : sequence of ToneObservations
        One for each source.
    weight : float
        In units of the relative loss of a frame, per nat.

    Returns
    -------
    list of Tensor, shape (N_SEMITONES,)
    """
    means, variances = [], []
    for entry in observed:
        sounding = entry.weight.amax(dim=1)
        total = sounding.sum().clamp_min(_TINY)
        mean = (sounding * entry.pitch).sum() / total
        means.append(mean)
        variances.append((sounding * (entry.pitch - mean).square()).sum() / total)
    return list(weight * -log_odds(torch.arange(float(N_SEMITONES)), torch.stack(means), torch.stack(variances)))
