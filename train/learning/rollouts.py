"""Rollouts: all tones of a frame, chosen by chance, several times over (method section 8)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from bsep_stream.train.config.trainconfig import PolicyConfig
from bsep_stream.train.network.frame_state import FrameState
from bsep_stream.train.network.policy import (
    choice_logits,
    gamma_log_prob,
    gamma_parameters,
    on_log_prob,
    on_logit,
    sample_choice,
    sample_gamma,
    sample_on,
    split_choice,
    tempered_log_probs,
)
from bsep_stream.train.network.separator import Separator, Tones


def sampling_plan(policy: PolicyConfig, n_tones: int, n_branching: int | None = None) -> list[Tensor]:
    """Inverse temperatures of all children of all nodes, tone by tone.

    With t inverse temperatures there are ``t ** n_branching`` rollouts a frame, and rollout g uses for tone k the
    one that digit k of g (base t, the first tone's digit first) names. The two plans differ only in where the
    tree branches: at once (crossed, published: later tones need a pass per rollout), or t-fold at every tone.

    Parameters
    ----------
    policy : PolicyConfig
    n_tones : int
    n_branching : int or None
        So many tones branch (None: all). Those that follow use the first inverse temperature, so that the cost grows
        linearly with them.

    Returns
    -------
    list of Tensor, shape (n_nodes, n_children)
        One per tone; the children of one tone, node by node, are the nodes of the next.
    """
    temperatures = torch.tensor(policy.inverse_temperatures)
    count = len(temperatures)
    n_branching = n_tones if n_branching is None else n_branching
    following = [temperatures[:1].expand(count**n_branching, 1)] * (n_tones - n_branching)
    if policy.sampling == "tree":
        return [temperatures.expand(count**tone, count) for tone in range(n_branching)] + following
    rollouts = torch.arange(count**n_branching)
    by_tone = [temperatures[rollouts // count ** (n_branching - 1 - tone) % count] for tone in range(n_branching)]
    return [by_tone[0][None, :], *(chosen[:, None] for chosen in by_tone[1:]), *following]


def spread(values: Tensor, times: int) -> Tensor:
    """Every element of the first dimension `times` times in a row; its gradient is a plain sum."""
    if times == 1:
        return values
    return values[:, None].expand(-1, times, *values.shape[1:]).reshape(-1, *values.shape[1:])


@dataclass(frozen=True)
class Rollouts:
    """Rollouts of a batch of frames; ``n_rollouts`` in a row belong to one frame.

    Attributes
    ----------
    tones : list of Tones
        By pass; `tones[t]` has one element per node, ``n_rollouts / spreads[t]`` a frame. If the policy gates,
        those that are off are 0.
    spreads : list of int
        Rollouts in a row that share a tone.
    on_by_pass : list of Tensor, shape (batch, n_nodes)
        1 or 0.
    log_prob_by_pass, behaviour_by_pass : list of Tensor, shape (batch, n_nodes)
        Log-probabilities of a tone's choices, under the policy and under the tempered policy that was drawn from.
    exact : bool
        The rollouts were not drawn: they are all that there are, and their probabilities sum to 1.
    """

    tones: list[Tones]
    spreads: list[int]
    on_by_pass: list[Tensor]
    log_prob_by_pass: list[Tensor]
    behaviour_by_pass: list[Tensor]
    exact: bool = False

    @property
    def on(self) -> Tensor:
        """Switches of all tones, shape (batch * n_rollouts, n_tones)."""
        pairs = zip(self.on_by_pass, self.spreads, strict=True)
        return torch.stack([spread(on.flatten(), times) for on, times in pairs], dim=1)

    @property
    def log_prob(self) -> Tensor:
        """Of all choices of a rollout under the policy, shape (batch, n_rollouts)."""
        return self._sum(self.log_prob_by_pass)

    @property
    def behaviour_log_prob(self) -> Tensor:
        """Of all choices of a rollout under what was drawn from, shape (batch, n_rollouts)."""
        return self._sum(self.behaviour_by_pass)

    def _sum(self, by_pass: list[Tensor]) -> Tensor:
        total = torch.zeros((), dtype=by_pass[0].dtype, device=by_pass[0].device)
        for log_prob, times in zip(by_pass, self.spreads, strict=True):
            total = total + spread(log_prob.flatten(), times)
        return total.reshape(len(by_pass[0]), -1)

    def sources(self) -> Tensor:
        """Source of every tone by pass, shape (batch * n_rollouts, n_tones)."""
        pairs = zip(self.tones, self.spreads, strict=True)
        return torch.stack([spread(tones.source, times) for tones, times in pairs], dim=1)

    def direct(self) -> Tensor:
        """Direct spectra, shape (batch, n_rollouts, n_tones, 2, n_bins)."""
        pairs = zip(self.tones, self.spreads, strict=True)
        return self._by_frame([spread(tones.direct(), times) for tones, times in pairs])

    def dictionary(self, relative_amplitudes: Tensor) -> Tensor:
        """Dictionary spectra, shape (batch, n_rollouts, n_tones, 2, n_bins).

        Parameters
        ----------
        relative_amplitudes : Tensor, shape (batch * n_rollouts, n_sources, n_harmonics)
            One dictionary per rollout, so that its gradient can be weighted by rollout.
        """
        rows = torch.arange(relative_amplitudes.shape[0], device=relative_amplitudes.device)
        spectra = []
        for tones, times in zip(self.tones, self.spreads, strict=True):
            harmonics = relative_amplitudes[rows, spread(tones.source, times)]
            amplitudes = spread(tones.amplitude, times)[:, None] * harmonics
            peaks = tones.peaks if times == 1 else tones.peaks.repeat(times)
            spectra.append(peaks.render(amplitudes[..., None] * spread(tones.phases, times)))
        return self._by_frame(spectra)

    def _by_frame(self, spectra: list[Tensor]) -> Tensor:
        joined = torch.stack(spectra, dim=1)
        return joined.reshape(len(self.on_by_pass[0]), -1, *joined.shape[1:])


def roll_out(separator: Separator, frames: Tensor, generator: torch.Generator) -> Rollouts:
    """Draw the rollouts of frames.

    Parameters
    ----------
    separator : Separator
    frames : Tensor, shape (batch, 2, n_bins)
    generator : torch.Generator
        On the device of the frames.
    """
    config = separator.config
    policy = config.policy
    batch, _, n_bins = frames.shape
    n_rollouts = config.n_rollouts
    state = FrameState.start(frames, config.polyphony)
    rollouts = Rollouts([], [], [], [], [])
    for plan in sampling_plan(policy, config.n_tones, config.n_sources):
        n_children = plan.shape[1]
        temperatures = plan.to(frames.device).repeat(batch, 1)  # (nodes, children)
        maps = separator.maps(state)
        logits = choice_logits(maps.logit, state.used, policy)
        tempered = tempered_log_probs(logits, temperatures)
        choice = sample_choice(tempered, generator)
        source, bin_index = split_choice(choice, n_bins, policy)
        parameters = maps.read(source, bin_index)
        logit_on = on_logit(parameters[:, 5], policy)
        tempered_on = temperatures.flatten() * logit_on
        is_open = spread(state.open, n_children).to(frames.dtype)  # else nothing is chosen
        on = sample_on(tempered_on, generator) * is_open
        shape, rate = gamma_parameters(parameters[:, 3], parameters[:, 4], policy)
        inharmonicity = sample_gamma(shape, rate, policy, generator)

        log_q = is_open * (tempered.gather(2, choice[..., None]).flatten() + on_log_prob(tempered_on, on))
        log_gamma = is_open * gamma_log_prob(inharmonicity, shape, rate)
        with torch.no_grad():
            log_p = torch.log_softmax(logits, dim=1).gather(1, choice).flatten() + on_log_prob(logit_on, on)
            log_p = is_open * log_p
        tones = separator.tones(maps, source, bin_index, parameters, inharmonicity)
        if policy.gate_direct:
            tones = tones.switched(on)
        rollouts.tones.append(tones)
        rollouts.spreads.append(batch * n_rollouts // tones.source.shape[0])
        rollouts.on_by_pass.append(on.reshape(batch, -1))
        rollouts.log_prob_by_pass.append((log_p + log_gamma.detach()).reshape(batch, -1))
        rollouts.behaviour_by_pass.append((log_q + log_gamma).reshape(batch, -1))
        if len(rollouts.tones) < config.n_tones:
            with torch.set_grad_enabled(torch.is_grad_enabled() and config.network.input_gradient):
                state = state.repeat(n_children).with_tone(*separator.heard(tones, on))
    return rollouts
