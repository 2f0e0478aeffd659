"""What tones leave unexplained of a session's sound, when whole spectra are fitted to them."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bsep_stream.train.config.trainconfig import TrainConfig
from bsep_stream.train.tones.timbre import Timbre

MOST_FRAMES = 800
"""So many are looked at, evenly spaced: 17 s of music, or every other frame of half a minute."""

_FLOOR = 1e-6  # against a level of 1: what is below is rounding
_FRAMES_AT_ONCE = 256


def source_moduli(timbre: Timbre, frames: Tensor, f0_bin: Tensor, sigma_bins: float) -> Tensor:
    """Moduli of the sources in frames whose pitches are known, as a timbre says.

    Parameters
    ----------
    timbre : Timbre
    frames : Tensor, shape (n_frames, 2, n_bins)
        Mixture, of a level near 1.
    f0_bin : Tensor, shape (n_frames, n_tones)
        0: no tone.
    sigma_bins : float
        Width of a stationary peak.

    Returns
    -------
    Tensor, shape (n_frames, n_sources, n_bins)
    """
    pieces = []
    parts = (torch.split(values, _FRAMES_AT_ONCE) for values in (frames, f0_bin))
    for frame, pitch in zip(*parts, strict=True):
        width, on = torch.full_like(pitch, sigma_bins), (pitch > 0).to(pitch.dtype)
        tones = (values[..., None] for values in (pitch, torch.zeros_like(pitch), width, on))
        pieces.append(timbre.moduli(frame, *tones))
    return torch.cat(pieces)


@torch.no_grad()
def unexplained_share(config: TrainConfig, moduli: Tensor, f0_bin: Tensor) -> float:
    """Kullback-Leibler divergence of the sound from what a timbre makes of tones, as a share of all moduli.

    The search knows the 40 highest peaks of a frame; a timbre also knows how strong they are at every pitch, and what
    is between them. So it tells explanations apart that cost the search the same.

    Parameters
    ----------
    config : TrainConfig
    moduli : Tensor, shape (n_frames, n_bins)
        Modulus spectra, of a level near 1.
    f0_bin : Tensor, shape (n_tones, n_frames)
        0: no tone.
    """
    every = math.ceil(len(moduli) / MOST_FRAMES)
    sound, pitches = moduli[::every], f0_bin.T[::every].contiguous()
    timbre = Timbre(config)
    timbre.fit(sound, pitches)
    frames = torch.stack([sound, torch.zeros_like(sound)], dim=1)  # phases do not matter
    model = source_moduli(timbre, frames, pitches, config.geometry.sigma_bins).sum(dim=1)
    divergence = sound * torch.log((sound + _FLOOR) / (model + _FLOOR)) - sound + model
    return float(divergence.sum() / sound.sum().clamp_min(_FLOOR))
