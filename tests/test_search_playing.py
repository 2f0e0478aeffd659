"""Who plays by how he plays: vibrato and decay tell players of one timbre and one register apart."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import numpy as np
from madenotes import FRAME_SECONDS, heard, struck, sung
from numpy.typing import NDArray

from bsep_stream.train.search.players.playing import playing_evidence

TRUE = np.array([0, 1, 0, 0, 1, 1, 0, 1])
PITCHES = [40.0, 42.4, 44.9, 40.0, 42.4, 40.0, 47.6, 44.9]


def evidence(kinds: NDArray[np.int64]) -> list[float]:
    """What motion and decay say for the true players against all alternatives with one note exchanged, at least."""
    parts = [(sung if kind else struck)(pitch) for kind, pitch in zip(kinds, PITCHES, strict=True)]
    f0_bin, amplitude = (np.concatenate(values)[None] for values in zip(*parts, strict=True))
    notes, tones, moduli = heard(f0_bin, amplitude)
    assert len(notes) == len(PITCHES)
    order = np.argsort([np.flatnonzero(row)[0] for row in notes.alive])
    features = playing_evidence(notes, tones, moduli, FRAME_SECONDS, 2)
    gains = []
    for feature in features:
        labels = np.empty(len(notes), np.int64)
        labels[order] = TRUE
        right = feature.begin(labels)
        others = []
        for number in range(len(notes)):
            moved = np.array([number])
            others.append(right.after(moved, labels[moved], 1 - labels[moved]).total)
        gains.append(right.total - max(others))
    return gains


def test_a_singer_and_a_harp_on_one_pitch_are_told_apart() -> None:
    motion, decay = evidence(TRUE)
    assert motion > 0.5
    assert decay > 0.5


def test_players_who_play_alike_are_not() -> None:
    motion, decay = evidence(np.ones(len(TRUE), np.int64))
    assert motion < 0.5
    assert decay < 0.5
