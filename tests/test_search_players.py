"""Players decided by notes: synthetic sessions whose players are known, and the laws that always hold."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest

pytest.importorskip("torch")

import numpy as np
from numpy.typing import NDArray
from playednotes import BRIGHT, DARK, HOLLOW, LONG, N_BINS, ORDER, SCALE, SIGMA_BINS, cut, spectra, voices

from bsep_stream.train.search.players import timbre
from bsep_stream.train.search.players.assignment import Tones, decide_players, note_evidence, shared_out
from bsep_stream.train.search.players.decision import Players
from bsep_stream.train.search.players.evidence import ScalarEvidence, scalar_evidence
from bsep_stream.train.search.players.harmonics import N_HARMONICS, NoteHarmonics, note_harmonics
from bsep_stream.train.search.players.links import TOGETHER_FRAMES, links_between
from bsep_stream.train.search.players.melody import NoteOdds
from bsep_stream.train.search.players.notes import LONGEST_PIECE_FRAMES, Notes
from bsep_stream.train.search.players.register import register_evidence
from bsep_stream.train.search.players.timbre import timbre_evidence

MISTAKEN_SHARE = 0.4
EXACT = 1e-9


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(7)


def a_session(
    players: list[NDArray[np.float64]], n_notes: int, generator: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Each in turn, then all of them together, then in turn: tones by player, and what is heard."""
    rows: list[list[float]] = [[] for _ in players]
    for turn in range(n_notes):
        alone = turn % (len(players) + 1)
        pitches = generator.permutation(SCALE)  # no unisons
        for number, row in enumerate(rows):
            sounds = alone in (number, len(players))
            row += [pitches[number] if sounds else 0.0] * LONG
    f0_bin = np.array(rows)
    return f0_bin, spectra(f0_bin, players)


def n_wrong(labels: NDArray[np.int64], truth: NDArray[np.int64], n_players: int) -> int:
    """Notes of other players, whatever the players are called."""
    names = itertools.permutations(range(n_players))
    return min(int((np.array(order)[labels] != truth).sum()) for order in names)


def swapped(f0_bin: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.float64]:
    """Tones whose voices change places by chance in some of the notes."""
    mixed = f0_bin.copy()
    for start in range(0, f0_bin.shape[1], LONG):
        if generator.random() < MISTAKEN_SHARE:
            mixed[:, start : start + LONG] = np.roll(f0_bin[:, start : start + LONG], 1, axis=0)
    return mixed


def likelihood(evidence: ScalarEvidence, own: Sequence[int]) -> float:
    """Of some notes, if one player has them all."""
    return evidence.of_player(
        sum(evidence.precision[note] for note in own), sum(evidence.information[note] for note in own)
    )


def decided(
    f0_bin: NDArray[np.float64], moduli: NDArray[np.float32], n_players: int
) -> tuple[Notes, NDArray[np.int64]]:
    notes = cut(f0_bin)
    envelope = np.ones((1, 20)) * 0.7**ORDER
    harmonics = note_harmonics(notes, moduli, envelope, SIGMA_BINS)
    evidence = note_evidence(notes.pitch, harmonics, n_players)
    return notes, decide_players(notes, evidence, (1,) * n_players).labels


def true_players(notes: Notes, f0_bin: NDArray[np.float64]) -> NDArray[np.int64]:
    middle = (notes.start + notes.end) // 2
    pitch = 12 * np.log2(np.maximum(f0_bin[:, middle], 1.0))
    return np.abs(pitch - notes.pitch).argmin(axis=0)


@pytest.mark.parametrize("players", [[DARK, HOLLOW], [DARK, HOLLOW, BRIGHT]], ids=["two", "three"])
def test_players_of_one_register_are_told_apart_by_what_they_sound_like(
    players: list[NDArray[np.float64]], generator: np.random.Generator
) -> None:
    f0_bin, moduli = a_session(players, 8 * len(players), generator)
    mixed = swapped(f0_bin, generator)
    notes, labels = decided(mixed, moduli, len(players))
    truth = true_players(notes, f0_bin)
    assert n_wrong(notes.voice, truth, len(players)) >= len(notes) // 5
    assert n_wrong(labels, truth, len(players)) <= len(notes) // 20


def test_the_same_seed_gives_the_same_labels(generator: np.random.Generator) -> None:
    f0_bin, moduli = a_session([DARK, BRIGHT], 12, generator)
    mixed = swapped(f0_bin, generator)
    assert (decided(mixed, moduli, 2)[1] == decided(mixed, moduli, 2)[1]).all()


def test_without_evidence_the_labels_of_the_search_are_kept(generator: np.random.Generator) -> None:
    notes = cut(swapped(a_session([DARK, DARK], 12, generator)[0], generator))
    nothing = scalar_evidence(np.full(len(notes), np.nan), 1.0, 1.0, 2, 1.0)
    assert (decide_players(notes, [nothing], (1, 1)).labels == notes.voice).all()


def test_little_evidence_is_not_enough(generator: np.random.Generator) -> None:
    notes = cut(voices([(LONG, 24.0), (LONG, 0.0), (LONG, 24.0)], [(LONG, 0.0), (LONG, 30.0), (LONG, 0.0)]))
    values = np.array([0.0, 1.0, 1.0])[np.argsort(notes.start)]
    labels = {}
    for spread in (0.8, 0.1):
        evidence = scalar_evidence(values, spread, 1.0, 2, 1.0)
        labels[spread] = decide_players(notes, [evidence], (1, 1)).labels
    assert (labels[0.8] == notes.voice).all()
    assert (labels[0.1] != notes.voice).sum() == 1


def test_notes_that_sound_together_never_have_one_player(generator: np.random.Generator) -> None:
    f0_bin, _ = a_session([DARK, BRIGHT], 12, generator)
    notes = cut(f0_bin)
    apart = links_between(notes).apart
    assert len(apart) == 4
    against = scalar_evidence(generator.normal(size=len(notes)), 0.1, 1.0, 2, 5.0)
    for seed in range(3):
        labels = decide_players(notes, [against], (1, 1), seed=seed).labels
        assert (labels[apart[:, 0]] != labels[apart[:, 1]]).all()


def test_one_of_three_players_may_have_several_tones() -> None:
    f0_bin = voices([(LONG, 24.0), (LONG, 36.0)], [(LONG, 30.3), (LONG, 25.5)], [(LONG, 38.2), (LONG, 32.0)])
    notes = cut(f0_bin)
    values = np.where(np.isin(np.rint(notes.pitch * 10), np.rint(120 * np.log2([38.2, 25.5]))), 1.0, 0.0)
    evidence = NoteOdds(10.0 * np.stack([values, 1.0 - values], axis=1))
    labels = decide_players(notes, [evidence], (1, 2)).labels
    assert (labels == np.where(values == 1.0, 0, 1)).all()


def test_a_player_of_two_tones_never_gets_a_third() -> None:
    notes = cut(voices([(LONG, 24.0)], [(LONG, 30.3)], [(LONG, 38.2)]))
    evidence = NoteOdds(np.array([[0.0, 5.0]] * 3))
    assert sorted(decide_players(notes, [evidence], (1, 2)).labels) == [0, 1, 1]


def test_what_is_given_holds_and_moves_what_sounds_with_it(generator: np.random.Generator) -> None:
    f0_bin, moduli = a_session([DARK, HOLLOW], 12, generator)
    notes, free = decided(f0_bin, moduli, 2)
    harmonics = note_harmonics(notes, moduli, np.ones((1, 20)) * 0.7**ORDER, SIGMA_BINS)
    evidence = note_evidence(notes.pitch, harmonics, 2)
    given = np.full(len(notes), -1)
    given[0] = 1 - free[0]
    labels = decide_players(notes, evidence, (1, 1), given=given).labels
    assert labels[0] == given[0]
    assert (labels == 1 - free).all()  # all others follow it by what they sound like


def test_no_note_votes_for_itself(generator: np.random.Generator) -> None:
    """Evidence of a player is a product of predictions from the notes before: that of the first is its prior alone."""
    values, spread, between = generator.normal(size=5), 0.5, 2.0
    evidence = scalar_evidence(values, spread, between, 1, 1.0)
    seen, chain = values - values.mean(), 0.0
    for note in range(5):
        certainty = 1 / between**2 + note / spread**2  # of what the notes before have taught
        mean = seen[:note].sum() / spread**2 / certainty
        predicted = _log_normal(seen[note] - mean, spread**2 + 1 / certainty)
        alone = _log_normal(seen[note], spread**2)  # the noise of a note does not depend on who plays it
        chain += predicted - alone
    assert abs(likelihood(evidence, range(5)) - chain) < EXACT


def _log_normal(off: float, variance: float) -> float:
    return -0.5 * (off**2 / variance + float(np.log(variance)))


def test_a_shared_register_costs_nothing_whoever_plays_what() -> None:
    pitch = np.full(6, 30.0)
    evidence = register_evidence(pitch, 2)

    def of(labels: list[int]) -> float:
        return sum(likelihood(evidence, [note for note in range(6) if labels[note] == player]) for player in (0, 1))

    assert abs(of([0, 1, 0, 1, 0, 1]) - of([0, 0, 0, 1, 1, 1])) < EXACT


def test_nine_notes_of_one_pitch_do_not_vote_nine_times(generator: np.random.Generator) -> None:
    """How a player sounds at one pitch says little of how he sounds at another, however often it is heard."""
    level = np.zeros((11, N_HARMONICS))
    level[1:10] = generator.normal(scale=6.0, size=N_HARMONICS)  # nine times the same, unlike the others
    harmonics = NoteHarmonics(level - 8.0 * np.log2(np.arange(1, N_HARMONICS + 1)), np.full(level.shape, 20.0))
    pitch = np.array([60.0, *[62.0] * 9, 64.0])
    gains = {}
    for count in (1, 9):
        own = [0, *range(1, 1 + count), 10]
        few = NoteHarmonics(harmonics.level_db[own], harmonics.frames[own])
        feature = timbre_evidence(pitch[own], few, 2)
        apart = np.array([0, *[1] * count, 0])
        gains[count] = feature.begin(apart).total - feature.begin(np.zeros_like(apart)).total
    assert abs(gains[9] - gains[1]) < 1.0  # nats


@pytest.mark.parametrize("kept", [1, 4096])
def test_the_account_of_other_labels_is_that_of_a_new_beginning(
    generator: np.random.Generator, monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    monkeypatch.setattr(timbre, "_KEPT_PARTS", kept)
    harmonics = NoteHarmonics(generator.normal(scale=6.0, size=(9, N_HARMONICS)), np.full((9, N_HARMONICS), 20.0))
    pitch = generator.integers(60, 64, size=9).astype(float)
    features = [timbre_evidence(pitch, harmonics, 3), register_evidence(pitch, 3)]
    before, now = generator.integers(0, 3, size=9), generator.integers(0, 3, size=9)
    moved = np.flatnonzero(before != now)
    for feature in features:
        after = feature.begin(before).after(moved, before[moved], now[moved])
        assert abs(after.total - feature.begin(now).total) < 1e-6  # sums in another order


def test_a_note_begins_where_the_pitch_moves_or_the_tone_is_struck_anew() -> None:
    f0_bin = voices([(10, 24.0), (20, 27.0), (5, 0.0), (10, 27.0)])
    amplitude = np.where(f0_bin > 0, 1.0, 0.0)
    amplitude[0, 14:20] = 0.3
    notes = cut(f0_bin, amplitude)
    assert sorted(zip(notes.start.tolist(), notes.end.tolist(), strict=True)) == [(0, 10), (10, 20), (20, 30), (35, 45)]


def test_a_short_piece_that_another_voice_goes_on_with_is_no_note_of_its_own() -> None:
    for frames, n_notes in ((LONGEST_PIECE_FRAMES, 2), (LONGEST_PIECE_FRAMES + 1, 3)):
        holds = [(20, 24.0), (LONGEST_PIECE_FRAMES + 1, 36.0)]
        takes_over = [(20, 0.0), (frames, 24.0), (LONGEST_PIECE_FRAMES + 1 - frames, 0.0)]
        assert len(cut(voices(holds, takes_over))) == n_notes


def test_what_still_rings_is_not_together_with_the_next_note() -> None:
    f0_bin = voices([(20, 24.0), (12, 0.0)], [(18, 0.0), (14, 27.0)])
    f0_bin[0, 20:] = 24.0
    amplitude = np.where(f0_bin > 0, 1.0, 0.0)
    assert len(links_between(cut(f0_bin, amplitude)).apart) == 1
    amplitude[0, 18:] = 0.1
    links = links_between(cut(f0_bin, amplitude))
    assert len(links.apart) == 0
    assert TOGETHER_FRAMES < 12


def test_a_harmonic_that_another_tone_covers_is_not_trusted() -> None:
    f0_bin = voices([(LONG, 24.0)], [(LONG, 36.0)])
    harmonics = note_harmonics(cut(f0_bin), spectra(f0_bin, [DARK, BRIGHT]), BRIGHT[None], SIGMA_BINS)
    dark = harmonics.frames[0]
    assert (dark[[2, 5, 8]] == 0).all()  # 72 = 2 * 36, ...
    assert (dark[[0, 1, 3]] > LONG - 1).all()
    expected = 20 * np.log10(DARK[3] / DARK[0])
    assert abs(harmonics.level_db[0, 3] - harmonics.level_db[0, 0] - expected) < 0.5


def test_tones_go_to_their_players_and_what_rings_is_left_out() -> None:
    f0_bin = voices([(20, 24.0), (12, 24.0)], [(20, 0.0), (12, 27.0)])
    amplitude = np.where(f0_bin > 0, 1.0, 0.0)
    amplitude[0, 20:] = 0.1
    notes = cut(f0_bin, amplitude)
    shared = shared_out(notes, np.array([1, 1]), (1, 1))
    assert isinstance(shared, Tones)
    assert (shared.f0_bin[0] == 0).all()
    assert shared.f0_bin[1].tolist() == [24.0] * 20 + [27.0] * 12


def test_players_refuse_no_session() -> None:
    """Nothing sounds: there is nothing to decide."""
    notes = cut(np.zeros((2, 10)))
    harmonics = note_harmonics(notes, np.zeros((10, N_BINS), np.float32), np.ones((2, 20)), SIGMA_BINS)
    evidence = note_evidence(notes.pitch, harmonics, 2)
    decision = decide_players(notes, evidence, (1, 1))
    assert decision.labels.shape == (0,)
    assert isinstance(Players(evidence, links_between(notes), (1, 1), notes.alive).total(decision.labels), float)
