"""Whether two players have a tone, by whole spectra: how much better both explain it than one of them does."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bsep_stream.train.config.trainconfig import TrainConfig
from bsep_stream.train.tones.timbre import Timbre
from bsep_stream.train.tones.unexplained import MOST_FRAMES, divergences, source_moduli

FRAMES_OF_DOUBT = 12
"""So many frames of a tone are looked at, evenly spaced."""

FEWEST_CLEAR_FRAMES = 100
"""A timbre is learned from frames that nobody doubts, if there are so many; else from all."""

_TINY = 1e-9


class Doubt(NamedTuple):
    """A tone of which it is asked whether another player has it as well.

    Attributes
    ----------
    frames : ndarray, shape (m,), int64
        In which it sounds; at least one.
    f0_bin : ndarray, shape (m,)
    player : int
        The other one.
    """

    frames: NDArray[np.int64]
    f0_bin: NDArray[np.float64]
    player: int


@torch.no_grad()
def gains_of_both(
    config: TrainConfig, moduli: Tensor, f0_bin: NDArray[np.float64], doubts: Sequence[Doubt]
) -> NDArray[np.float64]:
    """Kullback-Leibler divergence that a second player takes away from tones, as a share of their sound, shape (n,).

    What is in doubt has no say in what the players sound like: a unison that is taken for one player's tone would
    become his timbre.

    Parameters
    ----------
    config : TrainConfig
        Of sources with one tone at once each.
    moduli : Tensor, shape (n_frames, n_bins)
        Modulus spectra, of a level near 1.
    f0_bin : ndarray, shape (n_sources, n_frames)
        Tones if nobody has a doubted one beside its player; 0: no tone.
    doubts : sequence of Doubt
    """
    if not doubts:
        return np.zeros(0)
    clear = np.ones(f0_bin.shape[1], bool)
    for doubt in doubts:
        clear[doubt.frames] = False
    clear &= (f0_bin > 0).any(axis=0)
    if clear.sum() < FEWEST_CLEAR_FRAMES:
        clear[:] = True
    learned = np.flatnonzero(clear)
    learned = learned[:: math.ceil(len(learned) / MOST_FRAMES)]
    tones = torch.from_numpy(f0_bin.T).to(moduli.dtype)
    timbre = Timbre(config)
    timbre.fit(moduli[learned], tones[learned])
    looked_at, players, doubled = [], [], []
    for doubt in doubts:
        chosen = np.linspace(0, len(doubt.frames) - 1, min(FRAMES_OF_DOUBT, len(doubt.frames))).round().astype(int)
        looked_at.append(doubt.frames[chosen])
        players.append(np.full(len(chosen), doubt.player))
        doubled.append(doubt.f0_bin[chosen])
    frames, player = np.concatenate(looked_at), np.concatenate(players)
    sound, row = moduli[frames], torch.arange(len(frames))
    left = []
    for added in (np.zeros(len(frames)), np.concatenate(doubled)):
        pitches = tones[frames].clone()
        pitches[row, player] = torch.from_numpy(added).to(pitches.dtype)
        both = torch.stack([sound, torch.zeros_like(sound)], dim=1)  # phases do not matter
        model = source_moduli(timbre, both, pitches, config.geometry.sigma_bins).sum(dim=1)
        left.append(divergences(sound, model).double().numpy())
    number = np.repeat(np.arange(len(doubts)), [len(part) for part in looked_at])
    gain = np.bincount(number, left[0] - left[1], len(doubts))
    total = np.bincount(number, sound.sum(dim=1).double().numpy(), len(doubts))
    gains: NDArray[np.float64] = gain / np.maximum(total, _TINY)
    return gains
