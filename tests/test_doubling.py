"""Whether two players have a tone, by whole spectra."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bsep_stream.train.config.trainconfig import TrainConfig
from bsep_stream.train.tones.doubling import FEWEST_CLEAR_FRAMES, Doubt, gains_of_both

NOTE = 40
HIGH, LOW = (17.0, 15.0, 16.0, 15.0), (8.0, 9.0, 8.0, 9.0)
ALONE, BOTH = 15.0, 15.0
"""A note of the first player alone, and one that both have."""

_Array = NDArray[np.float64]


def _played() -> _Array:
    """Tones, shape (2, n_frames): the second player has the last note as well."""
    rows = [(*HIGH, ALONE, BOTH), (*LOW, 0.0, BOTH)]
    return np.repeat(np.array(rows), NOTE, axis=1)


def _moduli(config: TrainConfig, f0_bin: _Array) -> Tensor:
    """What they sound like: the first player's harmonics fall quickly, the second one has the odd ones alone."""
    orders = np.arange(1.0, 6.0)
    envelopes = 0.4**orders, 0.9**orders * (orders % 2)
    bins = np.arange(config.geometry.n_bins)
    sound = np.zeros((f0_bin.shape[1], len(bins)))
    for row, envelope in zip(f0_bin, envelopes, strict=True):
        centres = row[:, None] * orders
        peaks = np.exp(-0.5 * ((bins - centres[:, :, None]) / config.geometry.sigma_bins) ** 2)
        sound += (row > 0)[:, None] * np.einsum("h,fhb->fb", envelope / envelope.sum(), peaks)
    return torch.from_numpy(sound).float()


def _doubts(*notes: int) -> list[Doubt]:
    return [Doubt(np.arange(note * NOTE, (note + 1) * NOTE), np.full(NOTE, ALONE), 1) for note in notes]


def test_two_explain_a_note_of_both_better_and_a_note_of_one_no_better(duet_config: TrainConfig) -> None:
    played = _played()
    heard = played.copy()
    heard[1, -NOTE:] = 0.0
    alone, both = gains_of_both(duet_config, _moduli(duet_config, played), heard, _doubts(4, 5))
    assert both > 0.1
    assert abs(alone) < 0.2 * both


def test_what_is_in_doubt_has_no_say_in_what_the_players_sound_like(duet_config: TrainConfig) -> None:
    """A timbre that was learned from the note of both as one player's would explain it."""
    played, moduli = _played(), _moduli(duet_config, _played())
    heard = played.copy()
    heard[1, -NOTE:] = 0.0
    louder = moduli.clone()
    louder[-NOTE:] *= 100.0  # and would weigh so much more
    gains = [gains_of_both(duet_config, sound, heard, _doubts(4, 5))[1] for sound in (moduli, louder)]
    assert gains[1] == pytest.approx(gains[0], rel=0.05)


def test_where_nearly_all_is_in_doubt_all_of_it_is_learned_from(duet_config: TrainConfig) -> None:
    played = _played()[:, 4 * NOTE - FEWEST_CLEAR_FRAMES // 2 :]
    first = FEWEST_CLEAR_FRAMES // 2
    doubts = [Doubt(np.arange(first, first + NOTE), np.full(NOTE, ALONE), 1)]
    doubts += [Doubt(np.arange(first + NOTE, first + 2 * NOTE), np.full(NOTE, BOTH), 1)]
    assert np.isfinite(gains_of_both(duet_config, _moduli(duet_config, played), played, doubts)).all()


def test_nothing_in_doubt_needs_no_spectra(duet_config: TrainConfig) -> None:
    assert len(gains_of_both(duet_config, torch.zeros(0, duet_config.geometry.n_bins), np.zeros((2, 0)), [])) == 0
