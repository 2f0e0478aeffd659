"""Where notes come from: the level and the time between the two sides of a stereo recording, as evidence of players.

A player stays where he is. A pan pot, or two microphones in one place, give his notes more level on one side; two
microphones apart hear them at different times as well, under the reflections of the room. Both are read from harmonics
that nothing else covers (for the idea of telling sources apart by both see Yilmaz, Rickard 2004).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bsep_stream.train.search.players.evidence import Feature, GridEvidence, scalar_evidence
from bsep_stream.train.search.players.harmonics import ToneHarmonics
from bsep_stream.train.search.players.notes import Notes
from bsep_stream.train.session.sides import MONO, Sides

LEVEL_SPREAD_DB, LEVEL_BETWEEN_DB = 1.5, 5.0
"""Of the level between the sides: within a player, where all harmonics agree, and between players."""

CONCENTRATION = 2.0
"""Of the phase of one coherent harmonic around that of a delay (von Mises); reflections turn it."""

LONGEST_DELAY_SECONDS = 2e-3
"""Between the sides: microphones at most 0.7 m apart."""

_DELAYS = np.linspace(-LONGEST_DELAY_SECONDS, LONGEST_DELAY_SECONDS, 161)
_FEWEST_FRAMES = 2
_WEAK_DB = -30.0  # against the strongest harmonic: below is what other tones leave
_LARGEST_DB = 30.0
_ROOM_DB = 5.5  # by which the harmonics of a note differ in rooms: where no note has several that tell
_FRAMES_AT_ONCE = 512
_TINY = 1e-20

_Array = NDArray[np.float64]


class NotePlaces(NamedTuple):
    """What is known of where notes come from.

    Attributes
    ----------
    level_db : ndarray, shape (n_notes,)
        First side against the second; NaN where nothing is heard of a note alone.
    error_db : ndarray, shape (n_notes,)
        Standard error: harmonics differ, in rooms by many decibels.
    delays : ndarray, shape (n_notes, n_delays)
        Log-likelihood of every delay of the second side behind the first, up to a constant.
    """

    level_db: _Array
    error_db: _Array
    delays: _Array


class _Crossed(NamedTuple):
    """Sums over the frames of notes, each of shape (n_notes, n_harmonics)."""

    cross: NDArray[np.complex128]
    first: _Array
    second: _Array
    frames: _Array


def place_evidence(notes: Notes, tones: ToneHarmonics, sides: Sides | None, n_players: int) -> list[Feature]:
    """What the places of notes say of who plays them; nothing in mono, and every take has places of its own.

    Parameters
    ----------
    notes : Notes
    tones : ToneHarmonics
    sides : Sides or None
    n_players : int
    """
    if sides is None or not len(notes):
        return []
    places = note_places(notes, tones, sides)
    take = sides.take[notes.start]
    evidence: list[Feature] = []
    for number in np.unique(take[take != MONO]):
        own = take == number
        level = np.where(own, places.level_db, np.nan)
        spread = np.hypot(LEVEL_SPREAD_DB, places.error_db)
        evidence.append(scalar_evidence(level, spread, LEVEL_BETWEEN_DB, n_players, 1.0))
        evidence.append(GridEvidence(np.where(own[:, None], places.delays, 0.0), n_players))
    return evidence


def note_places(notes: Notes, tones: ToneHarmonics, sides: Sides) -> NotePlaces:
    """Level and delays between the sides of all notes of stereo takes."""
    crossed = _crossed(notes, tones, sides)
    power = (crossed.first + crossed.second) / np.maximum(crossed.frames, 1)
    heard = crossed.frames >= _FEWEST_FRAMES
    strongest = np.where(heard, power, 0.0).max(axis=1, keepdims=True, initial=0.0)
    heard &= power > strongest * 10 ** (_WEAK_DB / 10)
    level, error = _levels(crossed, heard, notes.loudness)
    # The reflections of a pitch are the same in all its notes: they are not as many as they seem.
    _, place, count = np.unique(np.rint(notes.pitch), return_inverse=True, return_counts=True)
    delays = _delays(crossed, heard, notes.pitch, sides.geometry.bin_hz) / np.sqrt(count[place])[:, None]
    return NotePlaces(level, error, delays)


def _crossed(notes: Notes, tones: ToneHarmonics, sides: Sides) -> _Crossed:
    n_harmonics = tones.height.shape[1]
    order = np.arange(1, n_harmonics + 1)
    of_tone = notes.number[tones.voices, tones.frames]
    trusted = tones.trusted & notes.alive[of_tone, tones.frames][:, None]
    stereo = np.flatnonzero((sides.take[tones.frames] != MONO) & trusted.any(axis=1))
    shape = (len(notes), n_harmonics)
    sums = _Crossed(np.zeros(shape, np.complex128), np.zeros(shape), np.zeros(shape), np.zeros(shape))
    for part in np.array_split(stereo, max(1, -(-len(stereo) // _FRAMES_AT_ONCE))):
        frames, row = np.unique(tones.frames[part], return_inverse=True)
        spectra = sides.at(frames)
        f0_bin = notes.f0_bin[tones.voices[part], tones.frames[part]]
        bins = np.clip(np.rint(f0_bin[:, None] * order).astype(np.int64), 0, spectra.shape[2] - 1)
        first, second = (np.where(trusted[part], spectra[row[:, None], side, bins], 0.0) for side in (0, 1))
        np.add.at(sums.cross, of_tone[part], first * second.conj())
        np.add.at(sums.first, of_tone[part], np.square(np.abs(first)))
        np.add.at(sums.second, of_tone[part], np.square(np.abs(second)))
        np.add.at(sums.frames, of_tone[part], trusted[part])
    return sums


def _levels(crossed: _Crossed, heard: NDArray[np.bool_], loudness: _Array) -> tuple[_Array, _Array]:
    """Mean levels between the sides in dB, weighted by amplitude, and their standard errors."""
    level = np.where(heard, 10 * np.log10((crossed.first + _TINY) / (crossed.second + _TINY)), 0.0)
    level = np.clip(level, -_LARGEST_DB, _LARGEST_DB)
    weight = np.where(heard, np.sqrt(crossed.first + crossed.second), 0.0)
    weight = weight / np.maximum(weight.sum(axis=1, keepdims=True), _TINY)
    mean = (weight * level).sum(axis=1)
    count = 1 / np.maximum(np.square(weight).sum(axis=1), 1e-3)  # of harmonics of one strength that would say as much
    scatter = (weight * np.square(level - mean[:, None])).sum(axis=1) * count / np.maximum(count - 1, 0.5)
    several = heard.sum(axis=1) > 1
    usual = float(np.average(scatter, weights=loudness * several)) if (loudness * several).any() else _ROOM_DB**2
    return np.where(heard.any(axis=1), mean, np.nan), np.sqrt(usual / count)


def _delays(crossed: _Crossed, heard: NDArray[np.bool_], pitch: _Array, bin_hz: float) -> _Array:
    """Log-likelihoods of delays, shape (n_notes, n_delays)."""
    power = np.maximum(crossed.first * crossed.second, _TINY)
    coherent = np.where(heard, np.abs(crossed.cross) * crossed.cross / power, 0.0)
    hertz = bin_hz * 2.0 ** (pitch[:, None] / 12) * np.arange(1, heard.shape[1] + 1)
    rows = [
        CONCENTRATION * (own @ np.exp(-2j * np.pi * frequencies[:, None] * _DELAYS)).real
        for own, frequencies in zip(coherent, hertz, strict=True)
    ]
    return np.stack(rows)
