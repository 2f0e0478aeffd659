"""Hypotheses: which pitches a source may have in a frame, beside the one that it most likely has.

A loud tone that is given to nobody, or to a wrong pitch, costs its stem all of it. A guess too many costs little: the
timbre, which sees the whole spectrum, gives it a small amplitude. So masks are made from all pitches that the network
thinks possible, and from tones that it thinks rather off than on.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from bsep_stream.train.config.policy_config import pitch_range
from bsep_stream.train.network.policy import gamma_mode, gamma_parameters, on_logit
from bsep_stream.train.network.separator import Maps, Separator

NEIGHBOUR_BINS = 4
"""Choices so near to the likeliest are the same tone: the network can move it by half of that."""

IMPOSSIBLE_NATS = 5.0
"""A pitch that is so much less likely than the best is none."""

OFF_LOGITS = (-6.0, -4.0)
"""A tone whose logit of being on is below the first is none; from the second on it counts in full."""


class Hypotheses(NamedTuple):
    """Pitches of tones, each of shape (batch, n).

    Attributes
    ----------
    f0_bin, inharmonicity, width_bins : Tensor
    weight : Tensor
        0: impossible, to 1: as likely as any.
    """

    @classmethod
    def chosen(cls, f0_bin: Tensor, inharmonicity: Tensor, width_bins: Tensor) -> Hypotheses:
        """The chosen tones (batch,) alone."""
        return cls(f0_bin[:, None], inharmonicity[:, None], width_bins[:, None], torch.ones_like(f0_bin)[:, None])

    f0_bin: Tensor
    inharmonicity: Tensor
    width_bins: Tensor
    weight: Tensor


def hypotheses(
    separator: Separator, maps: Maps, source: Tensor, bin_index: Tensor
) -> tuple[Hypotheses, Tensor, Tensor, Tensor]:
    """The chosen pitch of a source and the next best.

    Parameters
    ----------
    separator : Separator
    maps : Maps
        Of the pass in which the source was chosen.
    source, bin_index : Tensor, shape (batch, 1), int64
        The likeliest choice.

    Returns
    -------
    Hypotheses
        n = 2.
    Tensor, shape (batch, 6)
        Parameters of the chosen.
    Tensor, shape (batch,)
        By how much the next best pitch leads the third, where it counts, and how far it is from being impossible: the
        smaller of the two logits. Near 0 it is arbitrary which hypotheses there are.
    Tensor, shape (batch,)
        How far the logits of being on are from being none; likewise.
    """
    config = separator.config
    first, end = pitch_range(config.policy, config.geometry.n_bins)
    n_bins = int(maps.logit.shape[2])
    own = maps.logit.gather(1, source[:, :, None].expand(-1, -1, n_bins))[:, 0, first:end]
    place = torch.arange(first, end, device=own.device)
    near = (place - bin_index).abs() <= NEIGHBOUR_BINS
    # One more that is impossible: a range of a single pitch has no third.
    others, chosen = functional.pad(own.masked_fill(near, -torch.inf), (0, 1), value=-torch.inf).topk(2, dim=1)
    gap = own.gather(1, bin_index - first)[:, 0] - others[:, 0]
    bins = torch.cat([bin_index, (chosen[:, :1] + first).clamp_max(end - 1)], dim=1)
    parameters = maps.read(source.expand(-1, 2), bins)
    f0_bin, width_bins = separator.pitch_and_width(bins.flatten(), parameters)
    inharmonicity = gamma_mode(*gamma_parameters(parameters[:, 3], parameters[:, 4], config.policy))
    possible = (1.0 - config.imitation.inverse_temperature * gap / IMPOSSIBLE_NATS).clamp_min(0.0)
    off, on = OFF_LOGITS
    switch = on_logit(parameters[:, 5], config.policy).reshape(-1, 2)
    sounding = ((switch - off) / (on - off)).clamp(0.0, 1.0)
    weight = sounding * torch.stack([torch.ones_like(possible), possible], dim=1)
    lead = torch.where(weight[:, 1] > 0, others[:, 0] - others[:, 1], torch.inf)
    margin = torch.minimum(lead, (gap - IMPOSSIBLE_NATS / config.imitation.inverse_temperature).abs())
    on_margin = (switch - off).abs().amin(dim=1)
    found = Hypotheses(f0_bin.reshape(-1, 2), inharmonicity.reshape(-1, 2), width_bins.reshape(-1, 2), weight)
    return found, parameters.reshape(-1, 2, int(parameters.shape[1]))[:, 0], margin, on_margin
