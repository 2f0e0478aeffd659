"""Registers: who is likely to play a pitch that was not heard in the session.

A network knows whose pitches they are that it has heard. A higher note of the next take it may give to anybody, with
full confidence. What a musician would say, that the oboe plays it and not the euphonium, follows from where the
pitches of each lie, in force as far as a source has not been heard there.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bsep_stream.train.config.trainconfig import TrainConfig

WEIGHT = 4.0
"""Of the odds, where a source was never heard: the network's confidence there is none."""

FAMILIAR_FRAMES = 10.0
"""After so many frames at a pitch (0.2 s) half of that."""

KERNEL_SEMITONES = 0.7
"""How far a frame makes the pitches beside its own familiar."""

LARGEST_NATS = 15.0
_NARROWEST = 4.0  # semitones: a few notes do not tell how far an instrument goes
_FRAMES_AT_ONCE = 1024
_TINY = 1e-9


class Registers(nn.Module):
    """What the choice of a source and a pitch gains or loses by the source's register, in prediction.

    Parameters
    ----------
    config : TrainConfig

    Attributes
    ----------
    log_odds : Tensor, shape (n_sources, n_bins)
        Of every source at every bin of f0, in nats, at most 0; all 0 until :meth:`fit`.
    """

    log_odds: Tensor

    def __init__(self, config: TrainConfig) -> None:
        super().__init__()
        self.tone_sources = torch.tensor(config.tone_sources)
        self.register_buffer("log_odds", torch.zeros(config.n_sources, config.geometry.n_bins))

    @torch.no_grad()
    def fit(self, f0_bin: Tensor) -> None:
        """Learn from the labels of a session; sources that never sound leave all odds even.

        Parameters
        ----------
        f0_bin : Tensor, shape (n_frames, n_tones)
            0: no tone.
        """
        by_source = (f0_bin[:, self.tone_sources == source] for source in range(len(self.log_odds)))
        own = [_semitones(pitches[pitches > 0]) for pitches in by_source]
        if not all(len(pitches) for pitches in own):
            return
        place = _semitones(torch.arange(float(self.log_odds.shape[1])))
        means, variances = (torch.stack(values) for values in zip(*(_moments(pitches) for pitches in own), strict=True))
        odds = log_odds(place, means, variances)
        heard = torch.stack([_familiarity(place, pitches) for pitches in own])
        self.log_odds.copy_(WEIGHT * FAMILIAR_FRAMES / (FAMILIAR_FRAMES + heard) * odds)


def log_odds(pitch: Tensor, means: Tensor, variances: Tensor) -> Tensor:
    """``log P(source | pitch)`` of normally distributed registers of one spread, at least ``-LARGEST_NATS``.

    Parameters
    ----------
    pitch : Tensor, shape (n_pitches,)
        In semitones, as all here.
    means, variances : Tensor, shape (n_sources,)
        Of the pitches of every source; the variances are pooled.

    Returns
    -------
    Tensor, shape (n_sources, n_pitches)
    """
    pooled = variances.mean().clamp_min(_NARROWEST**2)
    log_density = -0.5 * (pitch - means[:, None]).square() / pooled
    return log_density.log_softmax(dim=0).clamp_min(-LARGEST_NATS)


def _semitones(f0_bin: Tensor) -> Tensor:
    return 12.0 * f0_bin.clamp_min(_TINY).log2()


def _moments(pitches: Tensor) -> tuple[Tensor, Tensor]:
    return pitches.mean(), pitches.var(correction=0)


def _familiarity(place: Tensor, pitches: Tensor) -> Tensor:
    """Frames near every place, by a kernel; same shape as `place`."""
    total = torch.zeros_like(place)
    for part in torch.split(pitches, _FRAMES_AT_ONCE):
        distance = (place[:, None] - part) / KERNEL_SEMITONES
        total += torch.exp(-0.5 * distance.square()).sum(dim=1)
    return total
