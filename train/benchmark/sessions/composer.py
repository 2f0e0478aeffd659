"""Scores by chance: chords in a key, and lines that walk through them, each in a register and in rhythms of its own."""

from __future__ import annotations

import math

import numpy as np

from bsep_stream.train.benchmark.chordscores import WrittenNote
from bsep_stream.train.benchmark.sessions.scores import Line, Score

_SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 3, 5, 7, 8, 11))
_AFTER = {0: (1, 3, 4, 5), 1: (4, 6), 2: (5, 3), 3: (4, 0, 1), 4: (0, 5), 5: (1, 3), 6: (0,)}  # steps of chords
_RHYTHMS = ((4.0,), (2.0, 2.0), (3.0, 1.0), (1.0,) * 4, (2.0, 1.0, 1.0), (1.5, 0.5, 1.0, 1.0), (0.5,) * 8,
            (1.0, 0.5, 0.5, 1.0, 0.5, 0.5), (0.25,) * 16, (0.5, 0.25, 0.25) * 4, (1.0 / 3,) * 12)  # fmt: skip
_BAR_BEATS = 4.0
_BEATS_A_MINUTE = (56.0, 132.0)
_PULL = 0.12  # of the middle of a register, a semitone
_LEAP_SHARE = 0.15
_REACH = 9  # semitones from the middle of a register
_REPEAT_SHARE = 0.1
_SHORTEST_SECONDS = 0.12


def composed(n_lines: int, seconds: float, generator: np.random.Generator, harmony: bool = False) -> Score:
    """A score of `n_lines` lines; with `harmony` its chords as well, in close position around middle C.

    Parameters
    ----------
    n_lines : int
    seconds : float
    generator : numpy.random.Generator
    harmony : bool
    """
    tempo = round(float(generator.uniform(*_BEATS_A_MINUTE)), 1)
    n_bars = math.ceil(seconds * tempo / 60 / _BAR_BEATS)
    scale = np.array(_SCALES[int(generator.integers(len(_SCALES)))]) + int(generator.integers(12))
    chords = _chords(2 * n_bars, generator)
    middle = float(generator.uniform(58, 76))
    apart = generator.choice([0.0, 3.0, 7.0, 12.0, 17.0], p=[0.2, 0.25, 0.25, 0.2, 0.1], size=n_lines - 1)
    middles = middle - np.concatenate([[0.0], np.cumsum(apart)]) + apart.sum() / 2
    lines = tuple(_line(float(place), chords, scale, tempo, generator) for place in middles)
    together: Line = ()
    if harmony:
        half = _BAR_BEATS / 2
        together = tuple(
            WrittenNote(half * number, half, 60 + int((scale[(chord + third) % 7]) % 12))
            for number, chord in enumerate(chords)
            for third in ((0, 2, 4, 6) if chord == 4 else (0, 2, 4))
        )
    return Score("by chance", None, "composed by lot", tempo, lines, together)


def _chords(count: int, generator: np.random.Generator) -> list[int]:
    """Steps of the scale on which the chords stand, two a bar."""
    chords = [0]
    while len(chords) < count:
        after = _AFTER[chords[-1]]
        repeat = len(chords) % 2 == 1 and generator.random() < 0.4
        chords.append(chords[-1] if repeat else after[int(generator.integers(len(after)))])
    return chords


def _line(middle: float, chords: list[int], scale: np.ndarray, tempo: float, generator: np.random.Generator) -> Line:
    allowed = [rhythm for rhythm in _RHYTHMS if min(rhythm) * 60 / tempo >= _SHORTEST_SECONDS]
    favourites = [allowed[int(number)] for number in generator.integers(len(allowed), size=3)]
    pitches = np.arange(int(middle - _REACH), int(middle + _REACH) + 1)
    of_scale = np.isin(pitches % 12, scale % 12)
    place, notes = middle, []
    for bar in range(len(chords) // 2):
        rhythm = favourites[int(generator.choice(3, p=[0.5, 0.3, 0.2]))]
        beat = 0.0
        for duration in rhythm:
            chord = chords[min(2 * bar + int(beat >= _BAR_BEATS / 2), len(chords) - 1)]
            tones = np.isin(pitches % 12, scale[[(chord + third) % 7 for third in (0, 2, 4)]] % 12)
            strong = abs(beat - round(beat)) < 1e-6
            pool = pitches[tones if strong else of_scale]
            size = generator.choice([4.0, 7.0]) if generator.random() < _LEAP_SHARE else generator.choice([1.0, 2.0])
            direction = 1.0 if generator.random() < 0.5 + _PULL * (middle - place) / 2 else -1.0
            wanted = place if generator.random() < _REPEAT_SHARE else place + direction * size
            pitch = int(pool[np.abs(pool - wanted).argmin()])
            notes.append(WrittenNote(bar * _BAR_BEATS + beat, duration, pitch))
            place, beat = float(pitch), beat + duration
    return tuple(notes)
