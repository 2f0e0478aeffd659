"""How well the timbre of the session explains a frame with the tones of a rollout: what the listener would hear.

The dictionary has one row for each source. The timbre (:mod:`bsep_stream.train.tones.timbre`) has one for each source
and semitone, and noise: it sees the whole spectrum, and it makes the masks. So where it is fitted before the policy
gradient begins, it can be asked, too. It is no part of what is differentiated: it only says which choices were good.
"""

from __future__ import annotations

import torch
from torch import Tensor

from bsep_stream.train.learning.rollouts import Rollouts, spread
from bsep_stream.train.network.separator import Separator
from bsep_stream.train.tones.moduli import lift, modulus


@torch.no_grad()
def timbre_losses(separator: Separator, frames: Tensor, rollouts: Rollouts) -> Tensor:
    """Distance of frames to what the timbre makes of the tones of their rollouts, without a gradient.

    Parameters
    ----------
    separator : Separator
        With a timbre that has been fitted, and one tone for every source.
    frames : Tensor, shape (batch, 2, n_bins)
    rollouts : Rollouts

    Returns
    -------
    Tensor, shape (batch, n_rollouts)
        Mean over bins of the squared difference of lifted moduli, as in the dictionary term.
    """
    timbre = separator.timbre
    assert timbre is not None
    delta = separator.config.loss.delta
    order = rollouts.sources().argsort(dim=1)  # every source has one tone: by pass to by source

    def by_source(values: list[Tensor]) -> Tensor:
        pairs = zip(values, rollouts.spreads, strict=True)
        stacked = torch.stack([spread(value.flatten(), times) for value, times in pairs], dim=1)
        return stacked.gather(1, order)[..., None]

    tones = rollouts.tones
    n_rollouts = len(order) // len(frames)
    heard = timbre.moduli(
        spread(frames, n_rollouts),
        by_source([tone.f0_bin for tone in tones]),
        by_source([tone.inharmonicity for tone in tones]),
        by_source([tone.width_bins for tone in tones]),
        by_source(rollouts.on_by_pass),
    )
    target = lift(modulus(frames), delta)[:, None]
    explained = lift(heard.sum(dim=1), delta).reshape(len(frames), n_rollouts, -1)
    return (target - explained).square().mean(dim=2)
