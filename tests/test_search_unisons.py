"""Notes that two players have together."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import numpy as np
from numpy.typing import NDArray
from playednotes import BRIGHT, DARK, LONG, N_BINS, ORDER, SCALE, SIGMA_BINS, cut, spectra, voices

from bsep_stream.train.search.players.assignment import Tones, shared_out
from bsep_stream.train.search.players.harmonics import NoteHarmonics, note_harmonics
from bsep_stream.train.search.players.mixture import Timbres
from bsep_stream.train.search.players.notes import Notes
from bsep_stream.train.search.players.unisons import RESTING_SHARE, candidates, with_unisons

UNKNOWN, KNOWN = -1, 0
SOLO, UNISON = 12, 15
"""Places in the line of the first player at which the other rests, and at which he has the same note."""


@pytest.fixture(scope="module")
def session() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float32]]:
    """Tones of two lines in one register, the same as a search hears them, and what they sound like."""
    generator = np.random.default_rng(3)
    first, second = (generator.choice(SCALE, 20) for _ in range(2))
    second = np.where(second == first, 19.1, second)
    second[SOLO], second[UNISON] = 0.0, first[UNISON]
    played = np.repeat(np.stack([first, second]), LONG, axis=1)
    heard = played.copy()
    heard[1, UNISON * LONG : (UNISON + 1) * LONG] = 0.0
    return played, heard, spectra(played, [DARK, BRIGHT])


def _notes(heard: NDArray[np.float64], moduli: NDArray[np.float32]) -> tuple[Notes, NoteHarmonics]:
    notes = cut(heard)
    return notes, note_harmonics(notes, moduli, np.ones((1, 20)) * 0.7**ORDER, SIGMA_BINS)


def _note_at(notes: Notes, place: int) -> int:
    return int(np.flatnonzero((notes.start <= place * LONG + LONG // 2) & (notes.end > place * LONG + LONG // 2))[0])


def _mended(
    session: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float32]], given: int, limits: tuple[int, ...]
) -> tuple[Tones, Tones]:
    _, heard, moduli = session
    notes, harmonics = _notes(heard, moduli)
    tones = shared_out(notes, notes.voice, (1, 1))
    known = np.full(len(notes), given)
    return tones, with_unisons(tones, notes, harmonics, notes.voice, known, limits)


def test_note_of_both_gets_its_second_player_and_a_solo_does_not(
    session: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float32]],
) -> None:
    played = session[0]
    tones, mended = _mended(session, UNKNOWN, (1, 1))
    changed = (mended.f0_bin != tones.f0_bin).any(axis=0)
    assert set(np.flatnonzero(changed) // LONG) == {UNISON}
    np.testing.assert_array_equal(mended.f0_bin[:, changed], played[:, changed])
    np.testing.assert_array_equal(mended.amplitude[1, changed], tones.amplitude[0, changed])


@pytest.mark.parametrize(("given", "limits"), [(KNOWN, (1, 1)), (UNKNOWN, (1, 2))])
def test_what_is_given_and_who_plays_chords_stay_as_they_are(
    session: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float32]], given: int, limits: tuple[int, ...]
) -> None:
    tones, mended = _mended(session, given, limits)
    np.testing.assert_array_equal(mended.f0_bin, tones.f0_bin)


def test_timbre_of_both_explains_their_note_better_than_that_of_one(
    session: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float32]],
) -> None:
    _, heard, moduli = session
    notes, harmonics = _notes(heard, moduli)
    timbres = Timbres(notes.pitch, harmonics, notes.voice, 2)

    def gain(place: int) -> float:
        note = _note_at(notes, place)
        one, other = (timbres.prediction(note, player) for player in (0, 1))
        return timbres.together(note, one, other) - timbres.alone(note, one)

    assert gain(UNISON) > 0 > gain(SOLO)


def test_prediction_of_a_note_does_not_know_the_note(
    session: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float32]],
) -> None:
    _, heard, moduli = session
    notes, harmonics = _notes(heard, moduli)
    note = _note_at(notes, SOLO)
    changed = harmonics._replace(level_db=harmonics.level_db.copy())
    changed.level_db[note] += np.arange(len(changed.level_db[note]))
    before, after = (Timbres(notes.pitch, seen, notes.voice, 2).prediction(note, 0) for seen in (harmonics, changed))
    np.testing.assert_allclose(before.mean, after.mean, atol=1e-6)


@pytest.mark.parametrize(("share", "found"), [(RESTING_SHARE + 0.1, True), (RESTING_SHARE - 0.1, False)])
def test_only_who_rests_for_most_of_a_note_may_have_it_too(share: float, found: bool) -> None:
    n_frames = 40
    playing = round((1 - share) * n_frames)
    heard = voices([(n_frames, 24.0), (LONG, 27.0)], [(playing, 32.0), (n_frames - playing, 0.0), (LONG, 34.0)])
    notes, harmonics = _notes(heard, spectra(heard, [DARK, BRIGHT]))
    tried = candidates(notes, harmonics, notes.voice, 2)
    assert any(notes.start[entry.note] == 0 and entry.player == 1 for entry in tried) is found


def test_silence_has_no_unisons() -> None:
    notes, harmonics = _notes(np.zeros((2, 10)), np.zeros((10, N_BINS), np.float32))
    assert candidates(notes, harmonics, notes.voice, 2) == []
