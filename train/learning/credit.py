"""Credit: which of a frame's choices a loss is put down to.

As published (:func:`bsep_stream.train.learning.losses.policy_loss`) every choice of a rollout is made responsible for
the loss of the whole rollout, compared with the mean of its frame. Two estimators of the same gradient that vary less:

:func:`tone_loss`
    Samples, but every tone is compared with its siblings alone: tones that were drawn in its place after the same tones
    before it. What those before it have cost is not its doing. Its own loss is no part of what it is compared with, so
    the estimate is not shrunk by (n - 1) / n.
:func:`expected_loss`
    All choices there are, each weighted by its probability: no samples, nothing to compare with.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def tone_loss(total: Tensor, behaviour_by_pass: Sequence[Tensor], weight: float, entropy: float = 0.0) -> Tensor:
    """Scalar whose gradient is that of the expected loss, every tone credited with what comes of it.

    Parameters
    ----------
    total : Tensor, shape (batch, n_rollouts)
        Loss of the rollouts.
    behaviour_by_pass : sequence of Tensor, shape (batch, n_nodes)
        Log-probabilities of every pass; the nodes of a pass are the children, in a row, of those before.
    weight : float
        Of the score-function part.
    entropy : float
        The loss is lowered by so much for every nat of the policy's entropy.

    Returns
    -------
    Tensor, scalar
        Mean over rollouts, sum over the batch.
    """
    batch = len(total)
    cost = total.detach()
    if entropy:
        for log_prob in behaviour_by_pass:
            cost = cost + entropy * log_prob.detach().repeat_interleave(cost.shape[1] // log_prob.shape[1], dim=1)
    result = total.mean(dim=1).sum()
    n_parents = 1
    for log_prob in behaviour_by_pass:
        value = cost.reshape(batch, log_prob.shape[1], -1).mean(dim=2)
        n_children = log_prob.shape[1] // n_parents
        # An only child is compared with its cousins, which were drawn independently of it as well.
        rivals = value.reshape(batch, n_parents, n_children) if n_children > 1 else value[:, None]
        result = result + weight * (log_prob * _advantage(rivals).flatten(1)).mean(dim=1).sum()
        n_parents = log_prob.shape[1]
    return result


def _advantage(rivals: Tensor) -> Tensor:
    """Every value less the mean of the others in its row; a single value is compared with nothing."""
    count = rivals.shape[2]
    if count == 1:
        return rivals
    return (rivals - rivals.mean(dim=2, keepdim=True)) * (count / (count - 1))


def expected_loss(total: Tensor, log_prob: Tensor, weight: float, entropy: float = 0.0) -> Tensor:
    """Scalar whose gradient is that of the expected loss over rollouts that are all there are.

    Parameters
    ----------
    total : Tensor, shape (batch, n_rollouts)
    log_prob : Tensor, shape (batch, n_rollouts)
        The probabilities of a frame sum to 1.
    weight : float
        Of the gradient of the probabilities, beside that of the losses.
    entropy : float
        As in :func:`tone_loss`.

    Returns
    -------
    Tensor, scalar
        Sum over the batch.
    """
    probability = log_prob.exp()
    cost = (total + entropy * log_prob).detach()
    # The probabilities sum to 1 whatever happens: taking the mean off changes only the rounding.
    mean = (probability * cost).sum(dim=1, keepdim=True).detach()
    return (probability.detach() * total + weight * probability * (cost - mean)).sum(dim=1).sum()


def probability_ratios(log_prob: Tensor, behaviour_log_prob: Tensor) -> Tensor:
    """Policy over tempered policy, (batch, n_rollouts): what makes a sum over one that over the other."""
    return torch.exp((log_prob - behaviour_log_prob).detach())
