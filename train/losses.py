"""Distances of spectra and the loss of a rollout (method section 7).

Spectra are real tensors (..., 2, n_bins). The lift is ``sqrt(r + delta) - sqrt(delta)``.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from bsep_stream.train.config import LossConfig

# Added under the root of the modulus: its gradient is finite at 0, and 1e-10 is below anything heard.
_TINY_SQUARE = 1e-20


def modulus(spectra: Tensor) -> Tensor:
    """Moduli of spectra, (..., 2, n_bins) to (..., n_bins); at least 1e-10."""
    return (spectra.square().sum(dim=-2) + _TINY_SQUARE).sqrt()


def lift(moduli: Tensor, delta: float) -> Tensor:
    """``sqrt(r + delta) - sqrt(delta)``: large and small partials become comparable."""
    return (moduli + delta).sqrt() - delta**0.5


def lift_spectra(spectra: Tensor, delta: float) -> Tensor:
    """Spectra with lifted moduli and unchanged phases, (..., 2, n_bins).

    ``lift(r) / r = 1 / (sqrt(r + delta) + sqrt(delta))`` has no cancellation and no pole, so there is no phase
    to be computed and no steep gradient at 0.
    """
    factor = ((modulus(spectra) + delta).sqrt() + delta**0.5).reciprocal()
    return spectra * factor.unsqueeze(-2)


def absolute_distance(first: Tensor, second: Tensor, delta: float) -> Tensor:
    """``d_abs``: mean over bins of the squared difference of lifted moduli; (..., 2, n_bins) to (...)."""
    return (lift(modulus(first), delta) - lift(modulus(second), delta)).square().mean(dim=-1)


def radial_distance(first: Tensor, second: Tensor, delta: float) -> Tensor:
    """``d_rad``: mean over bins of the squared difference of lifted spectra; (..., 2, n_bins) to (...)."""
    difference = lift_spectra(first, delta) - lift_spectra(second, delta)
    return difference.square().sum(dim=-2).mean(dim=-1)


class LossTerms(NamedTuple):
    """Weighted terms of the loss and their sum, each of shape (batch, n_rollouts)."""

    total: Tensor
    dictionary: Tensor
    direct: Tensor
    agreement: Tensor


def rollout_losses(frames: Tensor, direct: Tensor, dictionary: Tensor, on: Tensor, config: LossConfig) -> LossTerms:
    """Loss of every rollout of every frame.

    Parameters
    ----------
    frames : Tensor, shape (batch, 2, n_bins)
    direct, dictionary : Tensor, shape (batch, n_rollouts, n_tones, 2, n_bins)
        Spectra of the tones, whether on or off.
    on : Tensor, shape (batch, n_rollouts, n_tones)
        1 or 0. It gates the dictionary term only.
    """
    target = frames[:, None]
    sounding = (dictionary * on[..., None, None]).sum(dim=2)
    n_off = (1.0 - on).sum(dim=2)
    dictionary_term = (
        config.dictionary_weight * config.off_discount**n_off * absolute_distance(target, sounding, config.delta)
    )
    direct_term = config.direct_weight * radial_distance(target, direct.sum(dim=2), config.delta)
    agreement = config.agreement_weight * radial_distance(direct, dictionary, config.delta).mean(dim=2)
    return LossTerms(dictionary_term + direct_term + agreement, dictionary_term, direct_term, agreement)


def policy_loss(total: Tensor, behaviour_log_prob: Tensor, weight: float) -> Tensor:
    """Scalar whose gradient is that of the expected loss: pathwise plus score function.

    Parameters
    ----------
    total : Tensor, shape (batch, n_rollouts)
        Loss of the rollouts.
    behaviour_log_prob : Tensor, shape (batch, n_rollouts)
        Log-probability of all choices of a rollout under the distribution it was drawn from.
    weight : float
        Of the score-function part.

    Returns
    -------
    Tensor, scalar
        Mean over rollouts, sum over the batch. The baseline is the mean loss of the frame's rollouts.
    """
    advantage = (total - total.mean(dim=1, keepdim=True)).detach()
    return (total + weight * behaviour_log_prob * advantage).mean(dim=1).sum()


def importance_weights(log_ratio: Tensor) -> Tensor:
    """Self-normalised weights of the policy over what was sampled from: softmax of ``log p - log q`` per frame."""
    return torch.softmax(log_ratio.detach(), dim=1)
