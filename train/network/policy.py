"""The policy: what is chosen by chance, how likely it was, and what prediction chooses (method sections 5, 8).

A tone's source and bin are one categorical choice over all unused sources and all bins that a tone may start
from; its inharmonicity is Gamma distributed; it is on or off by a Bernoulli choice.
Random numbers come from the generator that is handed in, never from the global one.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from bsep_stream.train.config.policy_config import pitch_range
from bsep_stream.train.config.trainconfig import PolicyConfig

_BELOW_ONE = 1.0 - 2.0**-20
_LOWEST_WIDTH_OUTPUT = -3.0
_LN_2 = 0.6931471805599453


def choice_logits(logit: Tensor, used: Tensor, policy: PolicyConfig) -> Tensor:
    """Logits of the categorical choice; used sources have ``-inf``.

    Parameters
    ----------
    logit : Tensor, shape (batch, n_sources, n_bins)
        The logit map.
    used : Tensor, shape (batch, n_sources), bool

    Returns
    -------
    Tensor, shape (batch, n_sources * n_pitches)
    """
    first, end = pitch_range(policy, int(logit.shape[-1]))
    return logit[:, :, first:end].masked_fill(used[:, :, None], -torch.inf).flatten(1)


def split_choice(choice: Tensor, n_bins: int, policy: PolicyConfig) -> tuple[Tensor, Tensor]:
    """Source and bin of a choice; the same shape, int64."""
    first, end = pitch_range(policy, n_bins)
    # Choices are not negative, and in ONNX truncation is one operation and floor nine.
    return torch.div(choice, end - first, rounding_mode="trunc"), choice % (end - first) + first


def join_choice(source: Tensor, bin_index: Tensor, n_bins: int, policy: PolicyConfig) -> Tensor:
    """Choice of a source and a bin; inverse of :func:`split_choice`. Bins out of range go to the nearest in range."""
    first, end = pitch_range(policy, n_bins)
    return source * (end - first) + bin_index.clamp(first, end - 1) - first


def tempered_log_probs(logits: Tensor, inverse_temperatures: Tensor) -> Tensor:
    """Logarithms of ``p ** inverse_temperature``, normalised.

    Parameters
    ----------
    logits : Tensor, shape (batch, n_choices)
    inverse_temperatures : Tensor, shape (batch, n_children)

    Returns
    -------
    Tensor, shape (batch, n_children, n_choices)
    """
    return torch.log_softmax(logits[:, None, :] * inverse_temperatures[:, :, None], dim=-1)


def sample_choice(log_probs: Tensor, generator: torch.Generator) -> Tensor:
    """One choice per row by inversion of the distribution function: one random number a row.

    Parameters
    ----------
    log_probs : Tensor, shape (..., n_choices)

    Returns
    -------
    Tensor, shape (...), int64
        Never a choice of probability 0.
    """
    with torch.no_grad():
        cumulated = log_probs.exp().cumsum(dim=-1)
        uniform = torch.rand(log_probs.shape[:-1], generator=generator, device=log_probs.device)
        # The last sum may be off by rounding: relative to it, and strictly below.
        level = (uniform * _BELOW_ONE)[..., None] * cumulated[..., -1:]
        return torch.searchsorted(cumulated, level, right=True).squeeze(-1).clamp_max(log_probs.shape[-1] - 1)


def relative_width(output: Tensor, policy: PolicyConfig) -> Tensor:
    """Width of peaks relative to that of a stationary sinusoid; 1 at output 0.

    Published: softplus, with the output clipped from below. With limits: a sigmoid between them, as the gradient of a
    clip would vanish just where a width is to come back.
    """
    if policy.highest_width is None:
        return functional.softplus(output.clamp_min(_LOWEST_WIDTH_OUTPUT)) / _LN_2
    span = policy.highest_width - policy.lowest_width
    share = (1.0 - policy.lowest_width) / span
    return policy.lowest_width + span * torch.sigmoid(output + math.log(share / (1.0 - share)))


def on_logit(output: Tensor, policy: PolicyConfig) -> Tensor:
    """Logit of the tone being on."""
    return policy.on_offset + output


def sample_on(logit: Tensor, generator: torch.Generator) -> Tensor:
    """1 with probability ``sigmoid(logit)``, else 0; same shape, float."""
    uniform = torch.rand(logit.shape, generator=generator, device=logit.device)
    return (uniform < torch.sigmoid(logit.detach())).to(logit.dtype)


def on_log_prob(logit: Tensor, on: Tensor) -> Tensor:
    """Log-probability of `on` (1 or 0) under ``sigmoid(logit)``."""
    return functional.logsigmoid(torch.where(on > 0.5, logit, -logit))


def gamma_parameters(shape_output: Tensor, rate_output: Tensor, policy: PolicyConfig) -> tuple[Tensor, Tensor]:
    """Shape and rate of the distribution of the inharmonicity from the two network outputs."""
    clip = policy.gamma_clip
    shape = shape_output.clamp(-clip, clip).exp()
    return shape, policy.inharmonicity_rate * rate_output.clamp(-clip, clip).exp()


def gamma_mode(shape: Tensor, rate: Tensor) -> Tensor:
    """Mode of the Gamma distribution."""
    return (shape - 1.0).clamp_min(0.0) / rate


def sample_gamma(shape: Tensor, rate: Tensor, policy: PolicyConfig, generator: torch.Generator) -> Tensor:
    """Inharmonicities, without a gradient; at least the floor, so that their logarithm stays finite."""
    with torch.no_grad():
        return (torch._standard_gamma(shape, generator=generator) / rate).clamp_min(policy.inharmonicity_floor)


def sample_gamma_pathwise(shape: Tensor, rate: Tensor, policy: PolicyConfig, generator: torch.Generator) -> Tensor:
    """As :func:`sample_gamma`, with the gradient through the draw (Figurnov, Mohamed, Mnih, arXiv:1805.08498)."""
    return (torch._standard_gamma(shape, generator=generator) / rate).clamp_min(policy.inharmonicity_floor)


def gamma_log_prob(value: Tensor, shape: Tensor, rate: Tensor) -> Tensor:
    """Logarithm of the density of the Gamma distribution."""
    return shape * rate.log() - torch.lgamma(shape) + (shape - 1.0) * value.log() - rate * value
