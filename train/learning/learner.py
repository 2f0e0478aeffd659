"""Learner: one iteration of training, and everything that a resumed run needs (method sections 8 and 9)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from bsep_stream.errors import RunError
from bsep_stream.train.config.trainconfig import TrainConfig
from bsep_stream.train.learning.credit import expected_loss, probability_ratios, tone_loss
from bsep_stream.train.learning.expansion import expand
from bsep_stream.train.learning.imitation import imitation_loss, imitation_terms, label_loss, labelled_tones
from bsep_stream.train.learning.losses import importance_weights, policy_loss, rollout_losses
from bsep_stream.train.learning.optimiser import AdaMax
from bsep_stream.train.learning.rollouts import Rollouts, roll_out
from bsep_stream.train.learning.timbrereturn import timbre_losses
from bsep_stream.train.network.separator import Separator
from bsep_stream.train.tones.dictionary import scale_prior_gradient
from bsep_stream.train.tones.spectra import as_channels


@dataclass(frozen=True)
class StepReport:
    """What one iteration did.

    Attributes
    ----------
    losses : dict of str to float
        Weighted loss terms, mean over frames and rollouts: `total`, `dictionary`, `direct`, `agreement`.
    finite : bool
        False if the step was dropped.
    """

    losses: dict[str, float]
    finite: bool


@dataclass(frozen=True)
class Gradients:
    """Gradients of one batch.

    Attributes
    ----------
    network : list of Tensor
        In the order of ``Separator.network_parameters()``.
    dictionary : Tensor, shape (n_sources, n_harmonics)
    losses : dict of str to Tensor
        As in :class:`StepReport`, scalars.
    """

    network: list[Tensor]
    dictionary: Tensor
    losses: dict[str, Tensor]


class Learner:
    """Network, dictionary, their optimisers, and the random generator of the rollouts.

    Parameters
    ----------
    config : TrainConfig
    seed : int
        Of the initial weights and of the rollouts.
    device : torch.device or str
    """

    def __init__(self, config: TrainConfig, seed: int, device: torch.device | str = "cpu") -> None:
        self.config = config
        self.device = torch.device(device)
        # Initial weights are drawn on the CPU: the same on every device.
        self.separator = Separator(config, torch.Generator().manual_seed(seed)).to(self.device)
        self.generator = torch.Generator(self.device).manual_seed(seed + 1)
        settings = config.optimiser
        self.network_optimiser = AdaMax(
            self.separator.network_parameters(), settings.step_size, settings.betas, settings.epsilon
        )
        self.dictionary_optimiser = AdaMax(
            [self.separator.dictionary.relative_amplitudes],
            settings.dictionary_step_size,
            settings.betas,
            settings.epsilon,
            shared_rows=True,
        )
        self.iteration = 0
        self.dropped_steps = 0

    def step(self, frames: Tensor, f0_bin: Tensor | None = None) -> StepReport:
        """One iteration.

        Parameters
        ----------
        frames : Tensor, shape (batch, n_bins), complex64
            Gained mixture. The batch must be a multiple of the micro batches.
        f0_bin : Tensor or None, shape (batch, n_tones)
            Labels, if the policy shall not go far from them; 0: no tone.

        Returns
        -------
        StepReport
            If anything is not finite, the step is dropped: parameters and optimisers stay as they were.
        """
        anchor: list[Tensor] = []
        if f0_bin is not None:
            frames, anchor = self._anchored(frames.to(self.device), f0_bin.to(self.device))
        parts = as_channels(frames.to(self.device)).chunk(self.config.optimiser.micro_batches)
        gradients = [self.gradients(part) for part in parts]
        first, *others = gradients
        network = first.network
        for other in others:
            torch._foreach_add_(network, other.network)
        dictionary = torch.stack([part.dictionary for part in gradients]).sum(dim=0)
        prior = self.config.loss.scale * scale_prior_gradient(self.separator.dictionary.relative_amplitudes)
        if anchor:
            torch._foreach_add_(network, anchor, alpha=self.config.imitation.anchor)
        names = list(first.losses)
        losses = torch.stack([torch.stack([part.losses[name] for name in names]) for part in gradients]).mean(dim=0)
        finite = self.apply_gradients(network, dictionary + prior, losses)
        return StepReport(dict(zip(names, cast(list[float], losses.tolist()), strict=True)), finite)

    def imitate(self, frames: Tensor, f0_bin: Tensor) -> StepReport:
        """One iteration on labelled frames.

        Parameters
        ----------
        frames : Tensor, shape (batch, n_bins), complex64
        f0_bin : Tensor, shape (batch, n_tones)
            Labels; 0: no tone.

        Returns
        -------
        StepReport
            With one more loss, `imitation`: what the labels' log-probabilities and pitches miss.
        """
        dictionary = self.separator.dictionary.relative_amplitudes
        terms = imitation_terms(self.separator, as_channels(frames.to(self.device)), f0_bin.to(self.device), dictionary)
        loss = imitation_loss(terms, self.config.imitation.spectra_weight)
        network = torch.autograd.grad(
            loss, self.separator.network_parameters(), materialize_grads=True, retain_graph=True
        )
        (rows,) = torch.autograd.grad(self.config.loss.scale * terms.spectra.dictionary, [dictionary])
        prior = self.config.loss.scale * scale_prior_gradient(dictionary)
        losses = {name: term.detach() for name, term in terms.spectra._asdict().items()}
        losses["imitation"] = label_loss(terms).detach()
        values = torch.stack(list(losses.values()))
        finite = self.apply_gradients(list(network), rows + prior, values)
        return StepReport(dict(zip(losses, cast(list[float], values.tolist()), strict=True)), finite)

    def _anchored(self, frames: Tensor, f0_bin: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Frames for the policy gradient, and the gradients of what the labels' log-probabilities and pitches miss.

        The labels hold where the network finds them likely enough; the frames are those where it finds them least so.
        """
        settings = self.config.imitation
        found = labelled_tones(self.separator, as_channels(frames), f0_bin)
        likely = torch.exp(-(found.choice + found.on)).detach()
        loss = (label_loss(found) * (likely >= settings.sure_share)).mean()
        anchor = torch.autograd.grad(loss, self.separator.network_parameters(), materialize_grads=True)
        if settings.drawn_per_frame > 1:
            kept = likely.argsort(stable=True)[: len(frames) // settings.drawn_per_frame].sort().values
            frames = frames[kept]
        return frames, list(anchor)

    def gradients(self, frames: Tensor) -> Gradients:
        """Gradients of the rollouts of some frames, in one backward pass for network and dictionary.

        Network and dictionary weight the rollouts differently. So every rollout gets a dictionary of its own: the
        backward pass of the network's loss, the plain mean over rollouts, then also gives the gradient of each
        rollout's loss for the dictionary, to be weighted afterwards. (Tones that are input of a later pass use a
        dictionary without a gradient: what the dictionary does to the network's input is no part of this.)

        Parameters
        ----------
        frames : Tensor, shape (batch, 2, n_bins)
        """
        config = self.config
        if config.frame_noise > 0:
            noise = torch.randn(frames.shape, generator=self.generator, device=frames.device)
            frames = frames + config.frame_noise * noise
        draw = expand if config.policy.candidates else roll_out
        rollouts = draw(self.separator, frames, self.generator)
        batch, n_rollouts = len(frames), config.n_rollouts
        own = self.separator.dictionary.relative_amplitudes.detach()
        copies = own.expand(batch * n_rollouts, *own.shape).clone().requires_grad_()
        on = rollouts.on.reshape(batch, n_rollouts, -1)
        terms = rollout_losses(
            frames, rollouts.direct(), rollouts.dictionary(copies), on, config.loss, config.policy.gate_direct
        )
        total = terms.total
        if config.loss.timbre_weight:
            total = total + config.loss.timbre_weight * timbre_losses(self.separator, frames, rollouts)
        loss = config.loss.scale * self._loss_of(rollouts, total)
        *network, by_rollout = torch.autograd.grad(
            loss, [*self.separator.network_parameters(), copies], materialize_grads=True
        )
        if rollouts.exact:  # the network's loss weighs every rollout by its probability, samples all alike
            weights = probability_ratios(rollouts.log_prob, rollouts.behaviour_log_prob)
        else:
            weights = n_rollouts * importance_weights(rollouts.log_prob - rollouts.behaviour_log_prob)
        dictionary = torch.einsum("r,rih->ih", weights.flatten(), by_rollout)
        losses = {name: term.detach().mean() for name, term in terms._asdict().items()}
        return Gradients(list(network), dictionary, losses)

    def _loss_of(self, rollouts: Rollouts, total: Tensor) -> Tensor:
        """Scalar whose gradient is that of the network, from the losses (batch, n_rollouts)."""
        weight, entropy = self.config.loss.policy_weight, self.config.loss.entropy
        if rollouts.exact:
            return expected_loss(total, rollouts.behaviour_log_prob, weight, entropy)
        if self.config.loss.credit == "tone":
            return tone_loss(total, rollouts.behaviour_by_pass, weight, entropy)
        return policy_loss(total, rollouts.behaviour_log_prob, weight, entropy)

    def apply(self, network_loss: Tensor, dictionary_loss: Tensor | None = None) -> bool:
        """One step on losses that were computed elsewhere, for example from labels.

        Parameters
        ----------
        network_loss : Tensor, scalar
            Differentiated for the network only.
        dictionary_loss : Tensor or None, scalar
            Differentiated for the dictionary only; None: the dictionary stays.

        Returns
        -------
        bool
            False if something was not finite and the step was dropped.
        """
        network = torch.autograd.grad(
            network_loss,
            self.separator.network_parameters(),
            materialize_grads=True,
            retain_graph=dictionary_loss is not None,
        )
        dictionary = None
        checked = network_loss.detach().reshape(1)
        if dictionary_loss is not None:
            (dictionary,) = torch.autograd.grad(dictionary_loss, [self.separator.dictionary.relative_amplitudes])
            checked = torch.cat([checked, dictionary_loss.detach().reshape(1)])
        return self.apply_gradients(list(network), dictionary, checked)

    def set_progress(self, share_done: float) -> None:
        """Step sizes for a part of the run, 0 (its beginning) to 1 (its end)."""
        settings = self.config.optimiser
        falling = max(0.0, share_done - settings.constant_share) / max(1e-9, 1.0 - settings.constant_share)
        share = settings.final_step_share ** min(1.0, falling)
        self.network_optimiser.step_size = share * settings.step_size
        self.dictionary_optimiser.step_size = share * settings.dictionary_step_size

    @torch.no_grad()
    def apply_gradients(self, network: list[Tensor], dictionary: Tensor | None, losses: Tensor) -> bool:
        """Step of the optimisers; dropped and counted if a gradient or one of the `losses` is not finite."""
        self.iteration += 1
        checked = network if dictionary is None else [*network, dictionary]
        # A largest modulus is finite exactly if every entry is, and cannot overflow.
        largest = torch.stack(torch._foreach_norm(checked, ord=float("inf")))
        if not bool(torch.cat([largest, losses.flatten()]).isfinite().all()):
            self.dropped_steps += 1
            return False
        self.network_optimiser.step(network)
        if dictionary is not None:
            self.dictionary_optimiser.step([dictionary])
            floor = self.config.optimiser.dictionary_floor
            if floor is not None:
                self.separator.dictionary.relative_amplitudes.clamp_(min=floor)
        return True

    def state_dict(self) -> dict[str, Tensor]:
        """Everything that a resumed run needs to equal an uninterrupted one, as one flat dictionary of tensors."""
        state = {f"separator.{key}": value for key, value in self.separator.state_dict().items()}
        state |= {f"network_optimiser.{key}": value for key, value in self.network_optimiser.state_dict().items()}
        state |= {f"dictionary_optimiser.{key}": value for key, value in self.dictionary_optimiser.state_dict().items()}
        state["generator"] = self.generator.get_state()
        state["iteration"] = torch.tensor(self.iteration, dtype=torch.int64)
        state["dropped_steps"] = torch.tensor(self.dropped_steps, dtype=torch.int64)
        return {key: value.detach().cpu().clone() for key, value in state.items()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Inverse of :meth:`state_dict`.

        Raises
        ------
        RunError
            If the state is damaged or of another configuration.
        """
        try:
            self.separator.load_state_dict(_below(state, "separator."))
            self.network_optimiser.load_state_dict(_below(state, "network_optimiser."))
            self.dictionary_optimiser.load_state_dict(_below(state, "dictionary_optimiser."))
            self.generator.set_state(state["generator"])
            self.iteration = int(state["iteration"])
            self.dropped_steps = int(state["dropped_steps"])
        except (KeyError, RuntimeError, ValueError, TypeError, IndexError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise RunError(f"the checkpoint does not fit the configuration of its run ({reason})") from error


def _below(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
