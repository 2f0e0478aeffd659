"""Notes that two players have together."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from playednotes import BRIGHT, DARK, LONG, N_BINS, ORDER, SCALE, SIGMA_BINS, cut, spectra, voices

from bsep_stream.train.search.players.assignment import Tones, shared_out
from bsep_stream.train.search.players.beating import note_beats
from bsep_stream.train.search.players.harmonics import (
    N_HARMONICS,
    NoteHarmonics,
    ToneHarmonics,
    note_harmonics,
    tone_harmonics,
)
from bsep_stream.train.search.players.links import sounding_together
from bsep_stream.train.search.players.mixture import Timbres
from bsep_stream.train.search.players.notes import Notes
from bsep_stream.train.search.players.overtones import harmonic_of, overtones
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
    return played, heard, _out_of_tune(played)


def _out_of_tune(played: NDArray[np.float64]) -> NDArray[np.float32]:
    """What two lines sound like whose players are never quite in tune, shape (n_frames, N_BINS)."""
    one, other = (spectra(line[None], [envelope]) for line, envelope in zip(played, (DARK, BRIGHT), strict=True))
    turn = np.exp(0.001j * 2 * np.pi * np.outer(np.arange(len(one)), np.arange(N_BINS)))
    return np.abs(one + other * turn).astype(np.float32)


def _cut(heard: NDArray[np.float64]) -> Notes:
    """Notes, that of both louder than others."""
    loud = np.where(heard > 0, 1.0, 0.0)
    loud[0, UNISON * LONG : (UNISON + 1) * LONG] *= 1.5
    return cut(heard, loud)


def _notes(heard: NDArray[np.float64], moduli: NDArray[np.float32]) -> tuple[Notes, NoteHarmonics]:
    notes = _cut(heard)
    return notes, note_harmonics(notes, moduli, np.ones((1, 20)) * 0.7**ORDER, SIGMA_BINS)


def _read(moduli: NDArray[np.float32]) -> Callable[[Notes], ToneHarmonics]:
    return lambda notes: tone_harmonics(notes, moduli, np.ones((1, 20)) * 0.7**ORDER, SIGMA_BINS)


def _note_at(notes: Notes, place: int) -> int:
    return int(np.flatnonzero((notes.start <= place * LONG + LONG // 2) & (notes.end > place * LONG + LONG // 2))[0])


def _mended(
    session: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float32]], given: int, limits: tuple[int, ...]
) -> tuple[Tones, Tones]:
    _, heard, moduli = session
    notes = _cut(heard)
    tones = shared_out(notes, notes.voice, (1, 1))
    known = np.full(len(notes), given)
    return tones, with_unisons(tones, notes, _read(moduli), notes.voice, known, limits)


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
    notes = cut(heard)
    tried = candidates(notes, _read(spectra(heard, [DARK, BRIGHT])), notes.voice, 2)
    assert any(notes.start[entry.note] == 0 and entry.player == 1 for entry in tried) is found


def test_silence_has_no_unisons() -> None:
    notes = cut(np.zeros((2, 10)))
    assert candidates(notes, _read(np.zeros((10, N_BINS), np.float32)), notes.voice, 2) == []


@pytest.mark.parametrize(("interval", "mended"), [(2.0, True), (3.0, True), (1.4, False)])
def test_what_lies_on_harmonics_of_a_note_of_both_is_no_note(
    session: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float32]], interval: float, mended: bool
) -> None:
    played, heard, moduli = session
    unison = slice(UNISON * LONG, (UNISON + 1) * LONG)
    heard = heard.copy()
    heard[1, unison] = interval * heard[0, unison]
    loud = np.where(heard > 0, 1.0, 0.0)
    loud[0, unison], loud[1, unison] = 1.5, 0.3
    notes = cut(heard, loud)
    tones = shared_out(notes, notes.voice, (1, 1))
    after = with_unisons(tones, notes, _read(moduli), notes.voice, np.full(len(notes), UNKNOWN), (1, 1))
    np.testing.assert_array_equal(after.f0_bin[:, unison], (played if mended else tones.f0_bin)[:, unison])


def test_what_rings_on_of_a_last_note_gives_way_to_a_note_of_both(
    session: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float32]],
) -> None:
    played, heard, moduli = session
    first = UNISON * LONG
    tail, unison = slice(first, first + 4), slice(first, first + LONG)
    heard = heard.copy()
    heard[1, tail] = heard[1, first - 1]
    loud = np.where(heard > 0, 1.0, 0.0)
    loud[0, unison], loud[1, tail] = 1.5, 0.1
    notes = cut(heard, loud)
    tones = shared_out(notes, notes.voice, (1, 1))
    assert (tones.f0_bin[1, tail] == heard[1, first - 1]).all()
    after = with_unisons(tones, notes, _read(moduli), notes.voice, np.full(len(notes), UNKNOWN), (1, 1))
    np.testing.assert_array_equal(after.f0_bin[:, unison], played[:, unison])


def test_players_who_are_not_quite_in_tune_beat_and_one_who_gets_louder_does_not() -> None:
    time = np.arange(60)
    notes = cut(np.full((2, 60), [[24.0], [33.0]]))
    louder = np.linspace(0.5, 2.0, 60)[:, None]
    beating = np.abs(1 + 0.5 * np.exp(2j * np.pi * 0.02 * time[:, None] * ORDER[:N_HARMONICS]))
    height = np.concatenate([beating * louder, np.ones((60, N_HARMONICS)) * louder])
    voice, frame = np.repeat([0, 1], 60), np.tile(time, 2)
    first, second = note_beats(notes, ToneHarmonics(voice, frame, height, np.ones(height.shape, bool)))
    assert first > 1.0 > 0.2 > second


@pytest.mark.parametrize(("frames", "found"), [(8, 0), (12, 1)])
def test_an_overtone_hardly_sounds_without_its_note(frames: int, found: int) -> None:
    notes = cut(voices([(frames, 24.0), (LONG - frames, 0.0)], [(LONG, 48.1)]))
    low, high = np.argsort(notes.pitch).tolist()
    above = overtones(notes, *sounding_together(notes))
    assert above == ({low: [high]} if found else {})
    assert harmonic_of(notes, low, high, frames) == 2 * found
