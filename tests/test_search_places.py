"""Where notes come from: what two microphones say of who plays them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch")

from playednotes import cut

from bsep_stream.model.geometry import FrameGeometry
from bsep_stream.train.config.presets import preset_config
from bsep_stream.train.search.labelling import search_labels
from bsep_stream.train.search.players.assignment import decide_players
from bsep_stream.train.search.players.evidence import Feature, GridEvidence
from bsep_stream.train.search.players.harmonics import ToneHarmonics, tone_harmonics
from bsep_stream.train.search.players.notes import Notes
from bsep_stream.train.search.players.places import note_places, place_evidence
from bsep_stream.train.search.session import SessionSearch
from bsep_stream.train.session.labels import frames_at
from bsep_stream.train.session.recording import Session, Take
from bsep_stream.train.session.sides import Sides, sides_of

RATE, HOP, FRAMES, N_NOTES = 48_000, 1_024, 14, 8
GEOMETRY = FrameGeometry(sample_rate=RATE, n_fft=12_288, hop_length=HOP, n_bins=3_000, sigma_samples=1_024)
HARMONICS = 8
WHO = np.array([0, 1, 1, 0, 1, 0, 0, 1])
PITCH = np.array([300.0, 330.0, 360.0, 400.0, 440.0, 330.0, 360.0, 300.0])  # Hz: one register, one timbre


def _take(audio: NDArray[np.float64]) -> Take:
    middle, side = ((audio[0] + sign * audio[1]).astype(np.float32) / 2 for sign in (1, -1))
    return Take(Path("mix.wav"), middle, audio.shape[1] / RATE, "", side)


def _line(level_db: float, delay: float, who: NDArray[np.int64] = WHO) -> NDArray[np.float64]:
    """Notes of two players in turn; the first has so much more on the first side, and arrives there so much earlier."""
    time = np.arange(N_NOTES * FRAMES * HOP) / RATE
    note = np.minimum(np.arange(len(time)) // (FRAMES * HOP), N_NOTES - 1)
    side_of = np.where(who[note] == 0, 1.0, -1.0)
    sides = []
    for side in (1.0, -1.0):
        late = -0.5 * side * side_of * delay
        sound = sum(np.sin(2 * np.pi * h * PITCH[note] * (time - late) + h) * 0.7**h for h in range(1, HARMONICS + 1))
        sides.append(10 ** (0.5 * side * side_of * level_db / 20) * sound)
    return np.stack(sides)


def _heard(audio: NDArray[np.float64]) -> tuple[Notes, ToneHarmonics, Sides | None]:
    take = _take(audio)
    centres = np.arange(0, len(take.samples), HOP)
    moduli = np.abs(frames_at(take.samples, centres, GEOMETRY))
    f0_bin = np.zeros((2, len(centres)))
    played = np.minimum(np.arange(len(centres)) // FRAMES, N_NOTES - 1)
    inside = (np.arange(len(centres)) % FRAMES > 1) & (np.arange(len(centres)) % FRAMES < FRAMES - 1)
    f0_bin[0] = np.where(inside, PITCH[played] / GEOMETRY.bin_hz, 0.0)  # a search that gives all to one voice
    notes = cut(f0_bin)
    assert len(notes) == N_NOTES
    tones = tone_harmonics(notes, moduli, np.array(0.7 ** np.arange(1.0, 21.0)[None], np.float64), GEOMETRY.sigma_bins)
    return notes, tones, sides_of(Session((take,), RATE, 1.0), [(0, centres)], GEOMETRY)


def _decided(notes: Notes, evidence: list[Feature]) -> NDArray[np.int64]:
    labels = decide_players(notes, evidence, (1, 1)).labels
    return labels if labels[0] == 0 else 1 - labels


@pytest.mark.parametrize(("level_db", "delay"), [(9.0, 0.0), (0.0, 8e-4)])
def test_two_alike_are_told_apart_by_where_they_are(level_db: float, delay: float) -> None:
    notes, tones, sides = _heard(_line(level_db, delay))
    assert _decided(notes, place_evidence(notes, tones, sides, 2)).tolist() == WHO.tolist()


def test_who_stands_in_one_place_is_not_told_apart() -> None:
    notes, tones, sides = _heard(_line(9.0, 8e-4, np.zeros(N_NOTES, np.int64)))
    assert (_decided(notes, place_evidence(notes, tones, sides, 2)) == 0).all()


def test_level_and_delay_are_read_as_they_are() -> None:
    notes, tones, sides = _heard(_line(6.0, 5e-4))
    assert sides is not None
    places = note_places(notes, tones, sides)
    np.testing.assert_allclose(places.level_db, np.where(WHO == 0, 6.0, -6.0), atol=0.3)
    assert (places.error_db < 0.5).all()
    together = [places.delays[who == WHO].sum(axis=0) for who in (0, 1)]
    delays = np.linspace(-2e-3, 2e-3, places.delays.shape[1])
    assert [delays[row.argmax()] for row in together] == pytest.approx([5e-4, -5e-4], abs=5e-5)


def test_mono_says_nothing_of_places() -> None:
    notes, tones, _ = _heard(_line(6.0, 0.0))
    mono = Session((replace(_take(np.zeros((2, RATE))), side=None),), RATE, 1.0)
    assert sides_of(mono, [(0, np.arange(3))], GEOMETRY) is None
    assert place_evidence(notes, tones, None, 2) == []


def _totals(evidence: list[Feature], *labellings: NDArray[np.int64]) -> list[float]:
    return [sum(feature.begin(labels).total for feature in evidence) for labels in labellings]


def test_takes_have_places_of_their_own() -> None:
    """The players change places between two takes: no note is given away for it."""
    there, back = _line(9.0, 0.0), _line(-9.0, 0.0)
    notes, tones, _ = _heard(np.concatenate([there, back], axis=1)[:, : there.shape[1]])
    half = N_NOTES // 2 * FRAMES
    takes = (_take(there), _take(back))
    centres = np.arange(0, there.shape[1], HOP)
    pieces = [(0, centres[:half]), (1, centres[half:])]
    sides = sides_of(Session(takes, RATE, 1.0), pieces, GEOMETRY)
    evidence = place_evidence(notes, tones, sides, 2)
    assert len(evidence) == 4  # level and delay of both takes
    one_take = place_evidence(notes, tones, sides_of(Session(takes[:1], RATE, 1.0), [(0, centres)], GEOMETRY), 2)
    assert len(one_take) == 2
    crossed = np.where(np.arange(N_NOTES) < N_NOTES // 2, WHO, 1 - WHO)
    apart, as_one = (_totals(features, WHO, crossed) for features in (evidence, one_take))
    assert apart[0] == pytest.approx(apart[1], abs=1e-6)  # what is said in one take is not held against the other
    assert as_one[0] > as_one[1] + 1


class _Asked(Exception):
    """Who plays is asked for: the search is over."""


@pytest.mark.parametrize("stereo", [True, False])
def test_training_hears_both_sides(monkeypatch: pytest.MonkeyPatch, stereo: bool) -> None:
    asked: list[Any] = []

    def played(*arguments: Any) -> None:
        asked.append(arguments[-1])
        raise _Asked

    monkeypatch.setattr(SessionSearch, "explain", lambda *arguments: [])
    monkeypatch.setattr(SessionSearch, "played", played)
    take = _take(_line(9.0, 0.0))
    session = Session((take if stereo else replace(take, side=None),), RATE, 1.0)
    with pytest.raises(_Asked):
        search_labels(session, preset_config("fast", ("one", "other")))
    assert (asked[0] is not None) == stereo
    if stereo:
        level = np.abs(asked[0].at(np.array([3, FRAMES + 3]))).sum(axis=2)
        assert level[0, 0] > level[0, 1]  # the first player's note
        assert level[1, 0] < level[1, 1]


def test_a_grid_knows_what_a_move_changes() -> None:
    rows = np.random.default_rng(2).normal(size=(6, 5))
    grid = GridEvidence(rows, 3)
    before, after = np.array([0, 1, 2, 0, 1, 2]), np.array([0, 2, 2, 1, 1, 2])
    moved = np.flatnonzero(before != after)
    account = grid.begin(before).after(moved, before[moved], after[moved])
    assert account.total == pytest.approx(grid.begin(after).total)
    assert GridEvidence(np.zeros((6, 5)), 3).begin(before).total == pytest.approx(0.0)
