"""Imitation: the network learns the tones that the search found, before it explores its own.

For a frame with labels the passes of the method are gone through with the tones of the labels in place of sampled
ones. The order of the tones is free, as in the policy: any labelled tone that is left is right, and the one that the
network itself finds likeliest is taken next. Sources that have no more tones come last, at the network's own choice,
and are off.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from bsep_stream.train.config.policy_config import pitch_range
from bsep_stream.train.learning.losses import LossTerms, rollout_losses
from bsep_stream.train.network.frame_state import FrameState
from bsep_stream.train.network.policy import choice_logits, join_choice, on_log_prob, on_logit, split_choice
from bsep_stream.train.network.separator import Separator, Tones


class ImitationTerms(NamedTuple):
    """Losses of labelled frames, each a scalar: mean over the batch.

    Attributes
    ----------
    choice : Tensor
        Negative logarithm of the probability that the next tone is one of the labelled ones that are left.
    on : Tensor
        Negative logarithm of the probability of the labelled on/off states.
    pitch : Tensor
        Squared distance of f0 from the label, in bins.
    spectra : LossTerms
        The method's loss of the labelled tones.
    """

    choice: Tensor
    on: Tensor
    pitch: Tensor
    spectra: LossTerms


class LabelledTones(NamedTuple):
    """Tones at the labels, as the network hears them, and what its choices cost.

    Attributes
    ----------
    choice, on, pitch : Tensor, shape (batch,)
        As in :class:`ImitationTerms`, frame by frame.
    tones : list of Tones
        By pass. If the policy gates, those that are off are 0.
    switches : Tensor, shape (batch, n_tones)
        1 or 0, by pass.
    """

    choice: Tensor
    on: Tensor
    pitch: Tensor
    tones: list[Tones]
    switches: Tensor


def imitation_terms(separator: Separator, frames: Tensor, f0_bin: Tensor, dictionary: Tensor) -> ImitationTerms:
    """Losses of the network's outputs along the labelled tones.

    Parameters
    ----------
    separator : Separator
    frames : Tensor, shape (batch, 2, n_bins)
        Gained mixture.
    f0_bin : Tensor, shape (batch, n_tones)
        Labels, those of a source next to each other; 0: no tone.
    dictionary : Tensor, shape (n_sources, n_harmonics)
        Relative amplitudes for the dictionary tones; gets a gradient if it wants one.
    """
    config = separator.config
    found = labelled_tones(separator, frames, f0_bin)
    direct = torch.stack([tone.direct() for tone in found.tones], dim=1)
    rendered = torch.stack([tone.dictionary(dictionary[tone.source]) for tone in found.tones], dim=1)
    terms = rollout_losses(
        frames, direct[:, None], rendered[:, None], found.switches[:, None], config.loss, config.policy.gate_direct
    )
    labels = (found.choice.mean(), found.on.mean(), found.pitch.mean())
    return ImitationTerms(*labels, LossTerms(*(term.mean() for term in terms)))


def labelled_tones(separator: Separator, frames: Tensor, f0_bin: Tensor) -> LabelledTones:
    """Tones along the labels, without spectra; parameters as for :func:`imitation_terms`."""
    config, policy = separator.config, separator.config.policy
    batch, _, n_bins = frames.shape
    first, end = pitch_range(policy, n_bins)
    left = f0_bin > 0
    label_bin = f0_bin.round().long().clamp(first, end - 1)
    label_choice = join_choice(torch.tensor(config.tone_sources, device=frames.device), label_bin, n_bins, policy)
    state = FrameState.start(frames, config.polyphony)
    tones: list[Tones] = []
    switches: list[Tensor] = []
    choice_loss, on_loss, pitch_loss = (frames.new_zeros(batch) for _ in range(3))
    for _ in range(config.n_tones):
        maps = separator.maps(state)
        logits = config.imitation.inverse_temperature * choice_logits(maps.logit, state.used, policy)
        log_probs = torch.log_softmax(logits, dim=1)
        by_label = log_probs.gather(1, label_choice).masked_fill(~left, -torch.inf)
        any_left = left.any(dim=1)
        choice_loss = choice_loss - torch.where(any_left, _log_sum_exp(by_label, any_left), 0.0)
        label = by_label.argmax(dim=1, keepdim=True)
        left = left & (functional.one_hot(label[:, 0], config.n_tones) == 0)
        choice = torch.where(any_left[:, None], label_choice.gather(1, label), log_probs.argmax(dim=1, keepdim=True))
        source, bin_index = split_choice(choice, n_bins, policy)
        parameters = maps.read(source, bin_index)
        on = any_left.to(frames.dtype)
        on_loss = on_loss - on_log_prob(on_logit(parameters[:, 5], policy), on) * state.open
        tone = separator.tones(maps, source, bin_index, parameters, torch.zeros_like(on))
        wanted = f0_bin.gather(1, label)[:, 0]
        pitch_loss = pitch_loss + torch.where(any_left, (tone.f0_bin - wanted).square(), 0.0)
        tones.append(tone.switched(on) if policy.gate_direct else tone)
        switches.append(on)
        if len(tones) == config.n_tones:
            break
        with torch.set_grad_enabled(torch.is_grad_enabled() and config.network.input_gradient):
            state = state.with_tone(*separator.heard(tone, on))
    switched = torch.stack(switches, dim=1)
    return LabelledTones(choice_loss, on_loss, pitch_loss, tones, switched)


def _log_sum_exp(by_label: Tensor, any_left: Tensor) -> Tensor:
    """Over the labels; rows without a label that is left get 0, and no gradient of ``-inf``."""
    safe = torch.where(any_left[:, None], by_label, 0.0)
    return torch.logsumexp(safe, dim=1)


def label_loss(terms: ImitationTerms | LabelledTones) -> Tensor:
    """What the labels' log-probabilities and pitches miss; scalar, or of every frame."""
    return terms.choice + terms.on + terms.pitch


def imitation_loss(terms: ImitationTerms, spectra_weight: float) -> Tensor:
    """One scalar for the network: the labels' terms count alike, the method's loss with its weight."""
    return label_loss(terms) + spectra_weight * terms.spectra.total
