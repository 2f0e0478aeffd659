"""A melody told from chords by its notes: tones threaded into notes, and the likeliest path through them."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import pytest

pytest.importorskip("torch")

import numpy as np
from madenotes import ENVELOPE, FRAME_SECONDS, LENGTH, SIGMA_BINS, SUNG_ENVELOPE, spectra, struck, swelling
from numpy.typing import NDArray

from bsep_stream.train.search.players.accompaniment import decide_accompanied
from bsep_stream.train.search.players.decision import Decision
from bsep_stream.train.search.players.notes import Notes, cut_notes
from bsep_stream.train.search.players.solo import best_path
from bsep_stream.train.search.players.threads import threaded

AFTER = LENGTH // 2  # frames from a chord to the note of the melody: who plays it does not wait for chords
MELODIES = [[47.0, 51.5, 56.0, 51.5], [33.1, 36.0, 33.1, 37.2], [23.0, 24.8, 21.7, 19.8]]


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(11)


class Song(NamedTuple):
    """What is heard of a melody and its chords, and the pitch of the melody in every frame; 0: silent."""

    notes: Notes
    moduli: NDArray[np.float32]
    melody: NDArray[np.float64]

    def decided(self, limits: tuple[int, ...], given: NDArray[np.int64] | None = None) -> Decision:
        return decide_accompanied(self.notes, self.moduli, ENVELOPE[None], SIGMA_BINS, FRAME_SECONDS, limits, given)

    def is_melody(self) -> NDArray[np.bool_]:
        """Of every note, by its middle."""
        middle = (self.notes.start + self.notes.end) // 2
        pitch = np.where(self.melody > 0, 12 * np.log2(np.maximum(self.melody, 1.0)), -99.0)
        return np.abs(pitch[middle] - self.notes.pitch) < 0.5


def accompanied(generator: np.random.Generator, melody: list[float], chords: list[list[float]]) -> Song:
    """A song whose tones the search has put into voices by chance."""
    n_frames, n_tones = LENGTH * len(melody) + AFTER, len(chords[0])
    f0_bin, amplitude = np.zeros((2, 1 + n_tones, n_frames))
    for number, (tone, chord) in enumerate(zip(melody, chords, strict=True)):
        for voice, frequency in enumerate(chord, start=1):
            place = slice(number * LENGTH, (number + 1) * LENGTH)
            f0_bin[voice, place], amplitude[voice, place] = struck(frequency)
        place = slice(number * LENGTH + AFTER, (number + 1) * LENGTH + AFTER)
        f0_bin[0, place], amplitude[0, place] = swelling(tone)
    moduli = spectra(f0_bin[:1], amplitude[:1], SUNG_ENVELOPE) + spectra(f0_bin[1:], amplitude[1:])
    piece = np.arange(n_frames) // LENGTH
    order = generator.permuted(np.tile(np.arange(1 + n_tones), (piece[-1] + 1, 1)), axis=1)[piece].T
    cuts = np.arange(n_frames) == 0
    rows = threaded(np.take_along_axis(f0_bin, order, 0), np.take_along_axis(amplitude, order, 0), cuts)
    return Song(cut_notes(*rows, cuts), moduli, f0_bin[0])


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


@pytest.mark.parametrize("melody", MELODIES, ids=["above", "between", "below"])
@pytest.mark.parametrize("limits", [(1, 3), (3, 1)])
def test_a_melody_is_found_wherever_it_lies(
    generator: np.random.Generator, melody: list[float], limits: tuple[int, int]
) -> None:
    chords = [[25.7, 31.0, 43.0], [27.1, 30.2, 40.5], [25.7, 29.0, 43.0], [28.0, 31.0, 41.7]]
    song = accompanied(generator, 2 * melody, 2 * chords)
    assert song.is_melody().sum() == 2 * len(melody)
    assert (song.decided(limits).labels == np.where(song.is_melody(), limits.index(1), limits.index(3))).all()


def test_given_notes_stay_with_their_player(generator: np.random.Generator) -> None:
    song = accompanied(generator, [47.0, 51.5], [[25.7, 31.0], [27.1, 30.2]])
    lowest = int(song.notes.pitch.argmin())
    assert song.decided((1, 2)).labels[lowest] == 1
    given = np.full(len(song.notes), -1)
    given[lowest] = 0
    assert song.decided((1, 2), given).labels[lowest] == 0
