"""Distances of spectra and the loss of a rollout (method section 7).

Spectra are real tensors (..., 2, n_bins). The lift is ``sqrt(r + delta) - sqrt(delta)``.

Distances are evaluated for every rollout over every bin and would be a third of an iteration if autograd did each
of their steps on its own. Their gradients are a few lines, so they are computed together with the values.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from bsep_stream.train.config.trainconfig import LossConfig
from bsep_stream.train.tones.moduli import lift, modulus


def absolute_distance(target: Tensor, spectra: Tensor, delta: float) -> Tensor:
    """``d_abs``: mean over bins of the squared difference of lifted moduli.

    Parameters
    ----------
    target : Tensor, shape (..., 2, n_bins)
        Gets no gradient.
    spectra : Tensor, shape (..., 2, n_bins)

    Returns
    -------
    Tensor, shape (...)
    """
    return _AbsoluteDistance.apply(target.detach(), spectra, delta)  # type: ignore[no-any-return, no-untyped-call]


def radial_distance(first: Tensor, second: Tensor, delta: float) -> Tensor:
    """``d_rad``: mean over bins of the squared difference of lifted spectra; (..., 2, n_bins) to (...)."""
    return _RadialDistance.apply(first, second, delta)  # type: ignore[no-any-return, no-untyped-call]


class _AbsoluteDistance(torch.autograd.Function):
    """d/dX (lift|X| - t)^2 = (lift|X| - t) X / (|X| sqrt(|X| + delta))."""

    @staticmethod
    def forward(ctx: Any, target: Tensor, spectra: Tensor, delta: float) -> Tensor:
        size = modulus(spectra)
        root = (size + delta).sqrt_()
        error = root - delta**0.5 - lift(modulus(target), delta)
        if ctx.needs_input_grad[1]:
            slope = (error / (size.mul_(root))).div_(error.shape[-1])
            ctx.save_for_backward(spectra * slope.unsqueeze(-2))
        distance: Tensor = error.square_().mean(dim=-1)
        return distance

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = ctx.saved_tensors
        return None, gradient * outer[0][..., None, None], None


class _RadialDistance(torch.autograd.Function):
    """With ``l(X) = X g(|X|)``, ``g(r) = 1 / (sqrt(r + delta) + sqrt(delta))`` and the error ``e = l(X) - l(Z)``:

    d/dX |e|^2 = 2 (g e - X (X . e) g^2 / (2 r sqrt(r + delta))), and minus the same with Z for Z.
    """

    @staticmethod
    def forward(ctx: Any, first: Tensor, second: Tensor, delta: float) -> Tensor:
        sides = []
        lifted = []
        for spectra in (first, second):
            size = modulus(spectra)
            root = (size + delta).sqrt_()
            factor = (root + delta**0.5).reciprocal_()
            lifted.append(spectra * factor.unsqueeze(-2))
            sides.append((spectra, factor, size.mul_(root)))
        error = lifted[0] - lifted[1]
        real, imaginary = error.unbind(dim=-2)
        n_bins = error.shape[-1]
        gradients: list[Tensor | None] = []
        for needed, sign, (spectra, factor, steepness) in zip(
            ctx.needs_input_grad[:2], (2.0 / n_bins, -2.0 / n_bins), sides, strict=True
        ):
            if not needed:
                gradients.append(None)
                continue
            along = torch.addcmul(spectra[..., 0, :] * real, spectra[..., 1, :], imaginary)
            along.mul_(factor).mul_(factor).div_(steepness).mul_(-0.5)
            gradient = error * factor.unsqueeze(-2)
            gradients.append(gradient.addcmul_(spectra, along.unsqueeze(-2)).mul_(sign))
        ctx.shapes = first.shape, second.shape
        ctx.save_for_backward(*gradients)
        return torch.addcmul(real.square(), imaginary, imaginary).mean(dim=-1)

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
        weight = outer[0][..., None, None]
        results = [
            None if gradient is None else (gradient * weight).sum_to_size(shape)
            for gradient, shape in zip(ctx.saved_tensors, ctx.shapes, strict=True)
        ]
        return *results, None


class LossTerms(NamedTuple):
    """Weighted terms of the loss and their sum, each of shape (batch, n_rollouts)."""

    total: Tensor
    dictionary: Tensor
    direct: Tensor
    agreement: Tensor


def rollout_losses(
    frames: Tensor, direct: Tensor, dictionary: Tensor, on: Tensor, config: LossConfig, gated: bool = False
) -> LossTerms:
    """Loss of every rollout of every frame.

    Parameters
    ----------
    frames : Tensor, shape (batch, 2, n_bins)
    direct, dictionary : Tensor, shape (batch, n_rollouts, n_tones, 2, n_bins)
        Spectra of the tones, whether on or off; of those that are on, if `gated`.
    on : Tensor, shape (batch, n_rollouts, n_tones)
        1 or 0. It gates the dictionary term only (published), or all terms.
    gated : bool
        The spectra of tones that are off are 0 already.
    """
    target = frames[:, None]
    sounding = (dictionary if gated else dictionary * on[..., None, None]).sum(dim=2)
    n_off = (1.0 - on).sum(dim=2)
    discount = config.off_discount**n_off
    dictionary_term = config.dictionary_weight * discount * absolute_distance(target, sounding, config.delta)
    direct_term = config.direct_weight * radial_distance(target, direct.sum(dim=2), config.delta)
    agreement = config.agreement_weight * radial_distance(direct, dictionary, config.delta).mean(dim=2)
    if config.discount_all:
        direct_term, agreement = discount * direct_term, discount * agreement
    return LossTerms(dictionary_term + direct_term + agreement, dictionary_term, direct_term, agreement)


def policy_loss(total: Tensor, behaviour_log_prob: Tensor, weight: float, entropy: float = 0.0) -> Tensor:
    """Scalar whose gradient is that of the expected loss: pathwise plus score function.

    Parameters
    ----------
    total : Tensor, shape (batch, n_rollouts)
        Loss of the rollouts.
    behaviour_log_prob : Tensor, shape (batch, n_rollouts)
        Log-probability of all choices of a rollout under the distribution it was drawn from.
    weight : float
        Of the score-function part.
    entropy : float
        The loss is lowered by so much for every nat of the policy's entropy.

    Returns
    -------
    Tensor, scalar
        Mean over rollouts, sum over the batch. The baseline is the mean loss of the frame's rollouts.
    """
    cost = total + entropy * behaviour_log_prob
    advantage = (cost - cost.mean(dim=1, keepdim=True)).detach()
    return (total + weight * behaviour_log_prob * advantage).mean(dim=1).sum()


def importance_weights(log_ratio: Tensor) -> Tensor:
    """Self-normalised weights of the policy over what was sampled from: softmax of ``log p - log q`` per frame."""
    return torch.softmax(log_ratio.detach(), dim=1)
