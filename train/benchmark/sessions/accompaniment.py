"""Chords for a melody: its harmony, laid out for one instrument in a register that meets the melody's."""

from __future__ import annotations

import numpy as np

from bsep_stream.train.benchmark.chordscores import WrittenNote
from bsep_stream.train.benchmark.sessions.instruments import Instrument
from bsep_stream.train.benchmark.sessions.scores import Line, Score, centre

PATTERNS = ("block", "repeated", "bass first", "broken", "rocking")
"""How a chord is played: at once, again and again, its bass before the rest, from below, or to and fro."""

_TOGETHER = 3  # the first patterns: several tones at once also without a pedal
_CHORDS_OF_A_PATTERN = 8
_LONGEST_SECONDS = 2.2  # of a chord
_TOP = (-6.0, 6.0)  # of the chords, semitones above the middle of the melody
_LEAST_SPAN = 14  # also under a melody lower than the instrument: two tones of every chord
_HIGHEST = 84  # nobody accompanies higher
_SPAN = (16.0, 28.0)
_REST_SHARE = 0.06


def accompanied(score: Score, instrument: Instrument, generator: np.random.Generator) -> Line:
    """Notes of the accompaniment of ``score.lines[0]`` from ``score.harmony``, in the order of their beginnings."""
    above = round(centre(score.lines[0]) + float(generator.uniform(*_TOP)))
    top = max(min(instrument.highest, _HIGHEST, above), instrument.lowest + _LEAST_SPAN)
    bottom = max(instrument.lowest, top - round(float(generator.uniform(*_SPAN))))
    pedal = bool(generator.random() < 0.5)
    size = int(generator.choice([2, 3, 4], p=[0.2, 0.4, 0.4]))
    patterns = [PATTERNS[int(generator.integers(_TOGETHER))], PATTERNS[int(generator.integers(len(PATTERNS)))]]
    notes: list[WrittenNote] = []
    for number, (onset, duration, classes) in enumerate(harmonies(score.harmony, score.beats(_LONGEST_SECONDS))):
        if generator.random() < _REST_SHARE:
            continue
        chord = _voiced(classes, bottom, top, size, generator)
        pattern = patterns[number // _CHORDS_OF_A_PATTERN % len(patterns)]
        notes += _played(chord, onset, duration, pattern, pedal)
    return tuple(sorted(_struck_anew(notes)))


def harmonies(notes: Line, longest_beats: float) -> list[tuple[float, float, frozenset[int]]]:
    """Onset, duration and pitch classes of the chords that some notes make, by whole beats that are alike."""
    if not notes:
        return []
    end = max(note.onset + note.duration for note in notes)
    chords: list[tuple[float, float, frozenset[int]]] = []
    for beat in range(int(np.ceil(end))):
        classes = frozenset(note.midi % 12 for note in notes if note.onset <= beat + 0.25 < note.onset + note.duration)
        if not classes:
            continue
        if chords and chords[-1][2] == classes and beat + 1 - chords[-1][0] <= longest_beats:
            chords[-1] = (chords[-1][0], beat + 1 - chords[-1][0], classes)
        else:
            chords.append((float(beat), 1.0, classes))
    return chords


def _voiced(
    classes: frozenset[int], bottom: int, top: int, size: int, generator: np.random.Generator
) -> tuple[int, ...]:
    """Tones from below, at most `size`: a bass, and others over it that are no seconds."""
    pool = [midi for midi in range(bottom, top + 1) if midi % 12 in classes]
    bass = pool[int(generator.integers(min(2, len(pool))))]
    above = [midi for midi in pool if midi > bass + 2]
    chosen = [bass]
    for midi in generator.permutation(above).tolist() if above else []:
        if len(chosen) < size and all(abs(midi - other) > 2 for other in chosen):
            chosen.append(midi)
    return tuple(sorted(chosen))


def _played(chord: tuple[int, ...], onset: float, duration: float, pattern: str, pedal: bool) -> list[WrittenNote]:
    end = onset + duration
    if pattern == "block" or len(chord) == 1:
        return [WrittenNote(onset, duration, midi) for midi in chord]
    if pattern == "repeated":
        step = 0.5 if duration <= 1 else 1.0
        times = np.arange(onset, end - 1e-6, step)
        return [WrittenNote(float(time), step, midi) for time in times for midi in chord]
    if pattern == "bass first":
        half = duration / 2
        bass = WrittenNote(onset, duration if pedal else half, chord[0])
        return [bass, *(WrittenNote(onset + half, half, midi) for midi in chord[1:])]
    turns = chord if pattern == "broken" else (chord[0], chord[-1], *chord[1:-1], chord[-1])
    step = duration / len(turns) if duration <= 2 else duration / (2 * len(turns))
    times = np.arange(onset, end - 1e-6, step)
    return [
        WrittenNote(float(time), (end - float(time)) if pedal else step, turns[number % len(turns)])
        for number, time in enumerate(times)
    ]


def _struck_anew(notes: list[WrittenNote]) -> list[WrittenNote]:
    """A key that is struck anew ends what it sounded: a tone at a pitch at a time."""
    cut: list[WrittenNote] = []
    last: dict[int, int] = {}
    for note in sorted(notes):
        place = last.get(note.midi)
        if place is not None and cut[place].onset + cut[place].duration > note.onset:
            cut[place] = cut[place]._replace(duration=note.onset - cut[place].onset)
        last[note.midi] = len(cut)
        cut.append(note)
    return [note for note in cut if note.duration > 0.01]
