"""Expansion: the likeliest choices of every pass, all of them, in place of samples.

A sampled choice says something about one explanation at a time, and is noise to all others. But a frame has few
explanations that a policy takes seriously, and what each costs can be computed. So here every pass goes through its
likeliest choices, the policy is what it is among these (their probabilities are divided by their sum), and the
expected loss is a sum: its gradient has no variance, needs no baseline, and gives every tone of a frame the credit that
is its own. What is left to chance is the inharmonicity, whose gradient is taken through the draw.

A tone that is off sounds the same at every pitch. So the choices are here: a source, a pitch, and on; or a source that
has no more tones, with the probabilities of all its pitches added.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from bsep_stream.train.config.policy_config import pitch_range
from bsep_stream.train.config.trainconfig import TrainConfig
from bsep_stream.train.learning.rollouts import Rollouts, spread
from bsep_stream.train.network.frame_state import FrameState
from bsep_stream.train.network.policy import (
    choice_logits,
    gamma_parameters,
    on_logit,
    sample_gamma_pathwise,
    split_choice,
)
from bsep_stream.train.network.separator import Maps, Separator

_GUARANTEED = 1e6
"""Added to the score of choices that are always among the candidates, which are then ordered as before."""

_IMPOSSIBLE = -1e6
"""Log-probability in place of -inf, which has no gradient: its exponential is 0."""


class Candidates(NamedTuple):
    """The choices of a pass that are gone through, each of shape (n_nodes, n_candidates).

    Attributes
    ----------
    source, bin_index : Tensor, int64
    on : Tensor
        1, or 0: the source has no more tones, and the bin means nothing.
    log_prob : Tensor
        Under the policy, given that it is one of them.
    behaviour_log_prob : Tensor
        Likewise, mean over the inverse temperatures.
    """

    source: Tensor
    bin_index: Tensor
    on: Tensor
    log_prob: Tensor
    behaviour_log_prob: Tensor


def expand(separator: Separator, frames: Tensor, generator: torch.Generator) -> Rollouts:
    """Go through the likeliest tones of frames.

    Parameters
    ----------
    separator : Separator
        Its policy gates (``gate_direct``) and says how many candidates a pass has.
    frames : Tensor, shape (batch, 2, n_bins)
    generator : torch.Generator
        Of the inharmonicities.

    Returns
    -------
    Rollouts
        The log-probabilities are those of the candidates: over the rollouts of a frame the probabilities sum to 1.
    """
    config = separator.config
    policy = config.policy
    batch = frames.shape[0]
    counts = config.candidates_by_pass
    state = FrameState.start(frames, config.polyphony)
    rollouts = Rollouts([], [], [], [], [], exact=True)
    n_nodes = batch
    for number, count in enumerate(counts):
        maps = separator.maps(state)
        found = find_candidates(config, maps, state.used, count)
        parameters = maps.read(found.source, found.bin_index)
        is_open = spread(state.open, count).to(frames.dtype)
        on = found.on.flatten() * is_open
        inharmonicity = sample_gamma_pathwise(
            *gamma_parameters(parameters[:, 3], parameters[:, 4], policy), policy, generator
        )
        tones = separator.tones(maps, found.source, found.bin_index, parameters, inharmonicity).switched(on)
        n_nodes *= count
        rollouts.tones.append(tones)
        rollouts.spreads.append(batch * math.prod(counts) // n_nodes)
        rollouts.on_by_pass.append(on.reshape(batch, -1))
        # In a frame that is not open there is nothing to choose: one candidate has it all.
        first_only = torch.where(torch.arange(count, device=frames.device) == 0, 0.0, _IMPOSSIBLE)
        certain = first_only.expand(len(found.on), -1)
        closed = ~state.open[:, None]
        for log_probs, steps in (
            (found.log_prob.detach(), rollouts.log_prob_by_pass),
            (found.behaviour_log_prob, rollouts.behaviour_by_pass),
        ):
            steps.append(torch.where(closed, certain, log_probs).reshape(batch, -1))
        if number + 1 < len(counts):
            with torch.set_grad_enabled(torch.is_grad_enabled() and config.network.input_gradient):
                state = state.repeat(count).with_tone(*separator.heard(tones, on))
    return rollouts


def find_candidates(config: TrainConfig, maps: Maps, used: Tensor, count: int) -> Candidates:
    """The likeliest choices of a pass.

    Pitches are local maxima of their source, as the network moves a tone by some bins anyway. Always among them are the
    best pitch of every source that is left, and the end of the likeliest source, as far as there is room: what a policy
    has given up must stay to be seen.

    Parameters
    ----------
    config : TrainConfig
    maps : Maps
    used : Tensor, shape (n_nodes, n_sources), bool
    count : int
    """
    policy, n_bins = config.policy, config.geometry.n_bins
    first, end = pitch_range(policy, n_bins)
    n_sources = int(used.shape[1])
    logits = choice_logits(maps.logit, used, policy)
    switch = on_logit(maps.parameters[:, :, 5, first:end].flatten(1), policy)
    temperatures = torch.tensor(policy.inverse_temperatures, device=logits.device)
    by_temperature = torch.log_softmax(logits[:, None] * temperatures[:, None], dim=2).clamp_min(_IMPOSSIBLE)
    tempered = switch[:, None] * temperatures[:, None]
    sounding = by_temperature + functional.logsigmoid(tempered)
    silent = by_temperature + functional.logsigmoid(-tempered)
    ending = torch.logsumexp(silent.reshape(*silent.shape[:2], n_sources, -1), dim=3)
    together = torch.cat([sounding, ending], dim=2)  # (n_nodes, n_temperatures, n_choices)
    with torch.no_grad():
        score = torch.logsumexp(together, dim=1)
        score = score.masked_fill(score < 0.5 * _IMPOSSIBLE, -torch.inf)
        chosen = (score + _preferred(score, n_sources, round(policy.offset_bins))).topk(count, dim=1).indices
    among = together.gather(2, chosen[:, None].expand(-1, len(temperatures), -1))
    among = torch.log_softmax(among.clamp_min(_IMPOSSIBLE), dim=2)
    behaviour = torch.logsumexp(among, dim=1) - math.log(len(temperatures))
    # The policy itself is at inverse temperature 1, whether or not that is one of those that are explored.
    with torch.no_grad():
        plain = torch.log_softmax(logits, dim=1).clamp_min(_IMPOSSIBLE)
        silent = plain + functional.logsigmoid(-switch)
        ends = torch.logsumexp(silent.reshape(len(used), n_sources, -1), dim=2)
        all_plain = torch.cat([plain + functional.logsigmoid(switch), ends], dim=1)
        log_prob = torch.log_softmax(all_plain.gather(1, chosen).clamp_min(_IMPOSSIBLE), dim=1)
    n_pitched = n_sources * (end - first)
    on = chosen < n_pitched
    source, bin_index = split_choice(chosen.clamp_max(n_pitched - 1), n_bins, policy)
    source = torch.where(on, source, chosen - n_pitched)
    return Candidates(source, bin_index, on.to(logits.dtype), log_prob, behaviour)


def _preferred(score: Tensor, n_sources: int, reach: int) -> Tensor:
    """What is added to the scores of choices (n_nodes, n_choices), pitches first, to make them candidates or none."""
    n_pitched = score.shape[1] - n_sources
    pitched = score[:, :n_pitched].reshape(len(score), n_sources, -1)
    highest = functional.max_pool1d(pitched, 2 * reach + 1, stride=1, padding=reach)
    added = torch.where(pitched < highest, -_GUARANTEED, 0.0)
    best = pitched.argmax(dim=2, keepdim=True)
    added = added.scatter_add(2, best, torch.full_like(best, 2 * _GUARANTEED, dtype=score.dtype))
    ends = score[:, n_pitched:]
    added_ends = torch.zeros_like(ends).scatter(1, ends.argmax(dim=1, keepdim=True), _GUARANTEED)
    return torch.cat([added.flatten(1), added_ends], dim=1)
