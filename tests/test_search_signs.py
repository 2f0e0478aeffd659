"""Signs of single notes: what decays, what moves in pitch, what is stiff, what is bright, and what it sounds with."""

from __future__ import annotations

from collections.abc import Callable

import pytest

pytest.importorskip("torch")

import numpy as np
from madenotes import DECAY_DB, ENVELOPE, FRAME_SECONDS, LENGTH, SIGMA_BINS, VIBRATO_CENTS, heard, spectra, struck, sung
from numpy.typing import NDArray

from bsep_stream.train.search.players.brightness import note_brightness
from bsep_stream.train.search.players.company import note_company, outer_rank
from bsep_stream.train.search.players.decay import note_decays
from bsep_stream.train.search.players.glide import note_motion
from bsep_stream.train.search.players.harmonics import N_HARMONICS, NoteHarmonics, note_harmonics
from bsep_stream.train.search.players.signs import note_signs
from bsep_stream.train.search.players.stiffness import note_stiffness

DB, CENTS = 1.0, 4.0  # tolerances: peaks lie between bins
EXACT = 1e-6
ORDER = np.arange(1, N_HARMONICS + 1)
STIFF = 1.0  # in units of 1e-4
SCATTER_BINS = 0.1  # what other tones move a peak by

Tone = tuple[NDArray[np.float64], NDArray[np.float64]]


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(11)


@pytest.mark.parametrize(("note", "slope"), [(struck, -DECAY_DB), (sung, 0.0)])
def test_the_slope_of_a_note_is_what_it_decays_by(note: Callable[[float], Tone], slope: float) -> None:
    f0_bin, amplitude = note(40.0)
    notes, tones, _ = heard(f0_bin[None], amplitude[None])
    decays = note_decays(notes, tones, FRAME_SECONDS)
    assert decays.slope[0] == pytest.approx(slope, abs=DB if note is struck else 2 * DB)
    assert np.isfinite(decays.error[0])


@pytest.mark.parametrize(("note", "motion"), [(struck, 0.0), (sung, VIBRATO_CENTS / 2**0.5)])
def test_the_motion_of_a_note_is_the_depth_of_its_vibrato(note: Callable[[float], Tone], motion: float) -> None:
    f0_bin, amplitude = note(40.0)
    notes, tones, moduli = heard(f0_bin[None], amplitude[None])
    assert note_motion(notes, tones, moduli)[0] == pytest.approx(motion, abs=CENTS)


@pytest.mark.parametrize("note", [struck, sung])
def test_the_stiffness_of_a_string_is_found_and_what_is_harmonic_has_none(note: Callable[[float], Tone]) -> None:
    for true in (0.0, STIFF):
        f0_bin, amplitude = (values[None] for values in note(20.0))
        found = note_stiffness(*heard(f0_bin, amplitude, spectra(f0_bin, amplitude, inharmonicity=1e-4 * true)))
        # A line over the squares of the orders leaves the next power out.
        assert found.value[0] == pytest.approx(true, abs=0.02 * true + 1e-4)


@pytest.mark.parametrize("true", [0.0, STIFF])
def test_the_stiffness_of_peaks_that_lie_elsewhere_is_found_within_its_error(
    generator: np.random.Generator, true: float
) -> None:
    off = []
    for _ in range(20):
        f0_bin, amplitude = (values[None] for values in struck(generator.uniform(15, 40)))
        scatter = generator.normal(scale=SCATTER_BINS, size=(len(ENVELOPE), LENGTH))
        moduli = spectra(f0_bin, amplitude, inharmonicity=1e-4 * true, scatter=scatter)
        found = note_stiffness(*heard(f0_bin, amplitude, moduli))
        off.append(float((found.value[0] - true) / found.error[0]))
    assert 0.5 < np.sqrt(np.mean(np.square(off))) < 2.5  # standard errors


def test_short_notes_tell_nothing_of_how_they_go_on() -> None:
    f0_bin, amplitude = (values[None, :4] for values in sung(40.0))
    notes, tones, moduli = heard(f0_bin, amplitude)
    harmonics = note_harmonics(notes, moduli, ENVELOPE[None], SIGMA_BINS)
    signs = note_signs(notes, tones, harmonics, moduli, FRAME_SECONDS)
    assert len(notes) == 1
    for values in (signs.slope, signs.motion, signs.stiffness, signs.stiffness_error, signs.rank, signs.louder_db):
        assert np.isnan(values[0])
    assert signs.length[0] == pytest.approx(np.log(4))


def test_a_note_that_swells_is_loudest_in_its_middle_and_one_that_was_struck_at_its_beginning() -> None:
    pitch, level = struck(40.0)
    swell = 1 + np.sin(np.pi * np.arange(LENGTH) / LENGTH)
    for amplitude, place in ((level, 0.0), (swell, 0.5)):
        notes, tones, moduli = heard(pitch[None], amplitude[None])
        harmonics = note_harmonics(notes, moduli, ENVELOPE[None], SIGMA_BINS)
        signs = note_signs(notes, tones, harmonics, moduli, FRAME_SECONDS)
        assert signs.loudest[0] == pytest.approx(place, abs=1 / LENGTH)


def company_notes() -> NDArray[np.float64]:
    """Three voices for 20 frames, the middle one from the third on; then one alone."""
    f0_bin = np.array([[40.0] * 20 + [0.0] * 10, [30.0] * 20 + [0.0] * 10, [20.0] * 20 + [50.0] * 10])
    f0_bin[1, :4] = 0.0
    return f0_bin


def test_ranks_are_of_notes_that_sound_together() -> None:
    f0_bin = company_notes()
    notes, _, _ = heard(f0_bin, (f0_bin > 0).astype(float))
    rank = outer_rank(notes)[notes.pitch.argsort()]
    assert rank[:3].tolist() == [-1.0, 0.0, 1.0]
    assert np.isnan(rank[3])


def test_company_is_how_many_sound_and_begin_with_a_note_and_how_loud_they_are() -> None:
    f0_bin = company_notes()
    notes, _, _ = heard(f0_bin, (f0_bin > 0) * np.array([[1.0], [0.1], [1.0]]))
    low, middle, high, alone = notes.pitch.argsort()
    company = note_company(notes)
    order = [low, middle, high, alone]
    assert company.at_once[order] == pytest.approx([1 + 16 / 20, 2.0, 1 + 16 / 20, 0.0])
    assert company.begun_with[order].tolist() == [1.0, 0.0, 1.0, 0.0]
    assert company.louder_db[middle] == pytest.approx(-20.0, abs=EXACT)
    assert company.louder_db[high] == pytest.approx(20.0 * 16 / 36, abs=EXACT)
    assert np.isnan(company.louder_db[alone])
    assert np.isnan(company.rank[alone])


def brightness(level_db: NDArray[np.float64], known: NDArray[np.bool_]) -> tuple[float, float]:
    harmonics = NoteHarmonics(np.where(known, level_db, 0.0)[None], np.where(known, 20.0, 0.0)[None])
    tilt, even = note_brightness(harmonics)
    return float(tilt[0]), float(even[0])


@pytest.mark.parametrize("known", [ORDER > 0, ORDER < 4, ORDER % 3 > 0])
def test_tilt_is_that_of_the_harmonics_that_are_heard(known: NDArray[np.bool_]) -> None:
    tilt, even = brightness(-6 * np.log2(ORDER) - 20, known)
    assert tilt == pytest.approx(-6.0, abs=EXACT)
    assert even == pytest.approx(0.0, abs=EXACT)


def test_a_hollow_note_has_weak_even_harmonics() -> None:
    tilt, even = brightness(-6 * np.log2(ORDER) - 10 * (ORDER % 2 == 0), ORDER > 0)
    # The line takes a little of it, as the first harmonic is odd.
    assert even == pytest.approx(-10.0, abs=DB)
    assert tilt == pytest.approx(-6.0, abs=DB)


def test_too_few_harmonics_tell_nothing_of_brightness() -> None:
    level_db = -6 * np.log2(ORDER)
    assert np.isnan(brightness(level_db, ORDER > N_HARMONICS)).all()
    assert np.isnan(brightness(level_db, ORDER == 1)).all()
    assert np.isnan(brightness(level_db, ORDER < 3)[0])
    tilt, even = brightness(level_db, ORDER % 2 == 1)
    assert tilt == pytest.approx(-6.0, abs=EXACT)
    assert np.isnan(even)


def test_tones_of_every_note_are_all_its_tones_by_time() -> None:
    f0_bin = company_notes()
    notes, tones, _ = heard(f0_bin, (f0_bin > 0).astype(float))
    rows = tones.of_notes(notes)
    assert sorted(np.concatenate(rows).tolist()) == list(range(len(tones.voices)))
    for note, own in enumerate(rows):
        assert (notes.number[tones.voices[own], tones.frames[own]] == note).all()
        assert (np.diff(tones.frames[own]) > 0).all()
    fewer = tones._replace(voices=tones.voices[rows[1]], frames=tones.frames[rows[1]])
    assert [len(own) for own in fewer.of_notes(notes)] == [0, len(rows[1]), 0, 0]


def test_silence_has_no_signs() -> None:
    notes, tones, moduli = heard(np.zeros((2, 6)), np.zeros((2, 6)))
    harmonics = note_harmonics(notes, moduli, ENVELOPE[None], SIGMA_BINS)
    assert tones.of_notes(notes) == []
    assert [len(values) for values in note_signs(notes, tones, harmonics, moduli, FRAME_SECONDS)] == [0] * 14
