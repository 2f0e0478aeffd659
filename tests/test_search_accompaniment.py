"""A melody told from chords by its notes: what decays, what moves in pitch, and the likeliest path through them."""

from __future__ import annotations

import itertools

import pytest

pytest.importorskip("torch")

import numpy as np
from numpy.typing import NDArray

from bsep_stream.train.search.players.accompaniment import decide_accompanied
from bsep_stream.train.search.players.decay import note_decays
from bsep_stream.train.search.players.glide import note_motion
from bsep_stream.train.search.players.harmonics import ToneHarmonics, tone_harmonics
from bsep_stream.train.search.players.kinds import DECAYING, KINDS, MOVING, kind_evidence
from bsep_stream.train.search.players.notes import Notes, cut_notes
from bsep_stream.train.search.players.solo import best_path, outer_rank
from bsep_stream.train.search.players.threads import threaded

N_BINS = 500
SIGMA_BINS = 1.3
FRAME_SECONDS = 0.02
LENGTH = 25
ENVELOPE = 0.7 ** np.arange(20)
DECAY_DB, VIBRATO_CENTS, VIBRATO_FRAMES = 30.0, 40.0, 9.0
DB, CENTS = 1.0, 4.0  # tolerances: peaks lie between bins


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(11)


def struck(f0_bin: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pitch and level of a note that decays and stands."""
    return np.full(LENGTH, f0_bin), 10 ** (-DECAY_DB * FRAME_SECONDS * np.arange(LENGTH) / 20)


def sung(f0_bin: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pitch and level of a note with vibrato that does not decay."""
    swing = VIBRATO_CENTS * np.sin(2 * np.pi * np.arange(LENGTH) / VIBRATO_FRAMES)
    return f0_bin * 2 ** (swing / 1200), np.ones(LENGTH)


def spectra(f0_bin: NDArray[np.float64], amplitude: NDArray[np.float64]) -> NDArray[np.float32]:
    bins = np.arange(N_BINS)
    moduli = np.full((f0_bin.shape[1], N_BINS), 1e-6)
    for pitch, level in zip(f0_bin, amplitude, strict=True):
        for order, height in enumerate(ENVELOPE, start=1):
            moduli += (level * height)[:, None] * np.exp(-0.5 * ((bins - order * pitch[:, None]) / SIGMA_BINS) ** 2)
    return moduli.astype(np.float32)


def heard(
    f0_bin: NDArray[np.float64], amplitude: NDArray[np.float64]
) -> tuple[Notes, ToneHarmonics, NDArray[np.float32]]:
    """Notes of voices, their harmonics, and the spectra they are in."""
    moduli = spectra(f0_bin, amplitude)
    notes = cut_notes(f0_bin, amplitude, np.arange(f0_bin.shape[1]) == 0)
    return notes, tone_harmonics(notes, moduli, ENVELOPE[None], SIGMA_BINS), moduli


def accompanied(
    generator: np.random.Generator, melody: list[float], chords: list[list[float]]
) -> tuple[NDArray[np.float64], NDArray[np.float64], list[int]]:
    """Voices by chance in every chord: pitches, levels, and which voice has the melody."""
    columns, places = [], []
    for tone, chord in zip(melody, chords, strict=True):
        played = [sung(tone), *(struck(f0_bin) for f0_bin in chord)]
        order = generator.permutation(len(played))
        places.append(int(np.flatnonzero(order == 0)[0]))
        columns.append(np.stack([np.stack(played[place]) for place in order], axis=1))
    f0_bin, amplitude = np.concatenate(columns, axis=2)
    return f0_bin, amplitude, places


def test_a_tone_that_changes_voices_stays_in_its_row() -> None:
    f0_bin = np.array([[20.0, 20.0, 31.0, 31.0, 31.0, 0.0], [30.0, 30.5, 20.0, 20.0, 0.0, 25.0]])
    rows, amplitude = threaded(f0_bin, 2 * f0_bin, np.arange(6) == 0)
    assert sorted(rows[:, 0]) == [20.0, 30.0]
    low, high = rows[rows[:, 0].argsort()]
    assert low[:5].tolist() == [20.0, 20.0, 20.0, 20.0, 0.0]
    assert high[:5].tolist() == [30.0, 30.5, 31.0, 31.0, 31.0]
    assert (amplitude == 2 * rows).all()


def test_no_thread_goes_on_over_a_cut() -> None:
    f0_bin = np.array([[20.0, 0.0, 30.0], [0.0, 20.0, 20.0]])
    rows, _ = threaded(f0_bin, f0_bin, np.array([True, False, True]))
    assert rows[:, :2].max(axis=1).tolist() == [20.0, 0.0]
    assert sorted(rows[:, 2]) == [20.0, 30.0]


@pytest.mark.parametrize(("note", "slope"), [(struck, -DECAY_DB), (sung, 0.0)])
def test_the_slope_of_a_note_is_what_it_decays_by(note: type, slope: float) -> None:
    f0_bin, amplitude = note(40.0)
    notes, tones, _ = heard(f0_bin[None], amplitude[None])
    decays = note_decays(notes, tones, FRAME_SECONDS)
    assert decays.slope[0] == pytest.approx(slope, abs=DB if note is struck else 2 * DB)
    assert np.isfinite(decays.error[0])


@pytest.mark.parametrize(("note", "motion"), [(struck, 0.0), (sung, VIBRATO_CENTS / 2**0.5)])
def test_the_motion_of_a_note_is_the_depth_of_its_vibrato(note: type, motion: float) -> None:
    f0_bin, amplitude = note(40.0)
    notes, tones, moduli = heard(f0_bin[None], amplitude[None])
    assert note_motion(notes, tones, moduli)[0] == pytest.approx(motion, abs=CENTS)


def test_short_notes_tell_nothing() -> None:
    f0_bin, amplitude = (values[:4] for values in sung(40.0))
    notes, tones, moduli = heard(f0_bin[None], amplitude[None])
    decays, motion = note_decays(notes, tones, FRAME_SECONDS), note_motion(notes, tones, moduli)
    assert len(notes) == 1
    assert np.isnan(decays.slope[0])
    assert np.isnan(motion[0])
    assert (kind_evidence(*decays, motion, 1.0, 2).rows == 0).all()


def test_what_decays_and_stands_was_struck_and_what_moves_was_not() -> None:
    rows = kind_evidence(np.array([-20.0, 0.0]), np.array([2.0, 2.0]), np.array([1.0, 25.0]), 1.0, 2).rows
    assert rows.argmax(axis=1).tolist() == [KINDS.index(DECAYING), KINDS.index(MOVING)]


def test_an_account_of_kinds_after_moves_is_that_of_the_labels(generator: np.random.Generator) -> None:
    evidence = kind_evidence(generator.normal(-8, 9, 12), np.full(12, 2.0), generator.uniform(0, 30, 12), 1.0, 2)
    before, now = generator.integers(2, size=(2, 12))
    moved = np.flatnonzero(before != now)
    after = evidence.begin(before).after(moved, before[moved], now[moved])
    assert after.total == pytest.approx(evidence.begin(now).total, abs=1e-9)


def test_the_best_path_is_the_best_of_all_paths(generator: np.random.Generator) -> None:
    for _ in range(30):
        start = generator.integers(0, 20, size=8)
        end = start + generator.integers(1, 8, size=8)
        odds = generator.normal(size=8)
        largest = 0.0
        for size in range(1, 9):
            for chosen in itertools.combinations(range(8), size):
                spans = sorted((start[note], end[note]) for note in chosen)
                if all(one[1] <= other[0] for one, other in itertools.pairwise(spans)):
                    largest = max(largest, float(odds[list(chosen)].sum()))
        assert odds[best_path(start, end, odds)].sum() == pytest.approx(largest, abs=1e-9)


def test_ranks_are_of_notes_that_sound_together() -> None:
    f0_bin = np.array([[40.0] * 20 + [0.0] * 10, [30.0] * 20 + [0.0] * 10, [20.0] * 20 + [50.0] * 10])
    notes, _, _ = heard(f0_bin, (f0_bin > 0).astype(float))
    rank = outer_rank(notes)[notes.pitch.argsort()]
    assert rank[:3].tolist() == [-1.0, 0.0, 1.0]
    assert np.isnan(rank[3])


@pytest.mark.parametrize("melody", [[47.0, 49.5, 53.0, 49.5], [33.1, 35.0, 33.1, 37.2], [23.0, 24.5, 21.7, 23.0]])
def test_a_melody_is_found_wherever_it_lies(generator: np.random.Generator, melody: list[float]) -> None:
    chords = [[25.7, 31.0, 43.0], [27.1, 30.2, 40.5], [25.7, 29.0, 43.0], [28.0, 31.0, 41.7]]
    f0_bin, amplitude, places = accompanied(generator, 2 * melody, 2 * chords)
    notes = cut_notes(*threaded(f0_bin, amplitude, np.arange(f0_bin.shape[1]) == 0), np.arange(f0_bin.shape[1]) == 0)
    decision = decide_accompanied(notes, spectra(f0_bin, amplitude), ENVELOPE[None], SIGMA_BINS, FRAME_SECONDS, (1, 3))
    for number, place in enumerate(places):
        middle = number * LENGTH + LENGTH // 2
        melody_note = notes.number[np.isclose(notes.f0_bin[:, middle], f0_bin[place, middle]), middle]
        others = notes.number[~np.isclose(notes.f0_bin[:, middle], f0_bin[place, middle]), middle]
        assert decision.labels[melody_note].tolist() == [0]
        assert (decision.labels[others] == 1).all()


def test_given_notes_stay_with_their_player(generator: np.random.Generator) -> None:
    f0_bin, amplitude, places = accompanied(generator, [47.0, 49.5], [[25.7, 31.0], [27.1, 30.2]])
    cuts = np.arange(f0_bin.shape[1]) == 0
    notes = cut_notes(*threaded(f0_bin, amplitude, cuts), cuts)
    given = np.full(len(notes), -1)
    lowest = int(notes.pitch.argmin())
    given[lowest] = 0
    decision = decide_accompanied(
        notes, spectra(f0_bin, amplitude), ENVELOPE[None], SIGMA_BINS, FRAME_SECONDS, (1, 2), given
    )
    assert decision.labels[lowest] == 0
    assert len(places) == 2
