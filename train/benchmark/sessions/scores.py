"""Scores: lines of one tone at a time, from the highest to the lowest, in beats."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from bsep_stream.train.benchmark.chordscores import WrittenNote

Line = tuple[WrittenNote, ...]
"""Notes in the order of their beginnings."""

_SHORTEST_BEATS = 1e-3


@dataclass(frozen=True)
class Score:
    """What is played.

    Parameters
    ----------
    title : str
    composer : str or None
    origin : str
        Where the notes are from.
    beats_per_minute : float
    lines : tuple of Line
        One for every instrument.
    harmony : Line
        Other notes that sound meanwhile, for whoever accompanies.
    """

    title: str
    composer: str | None
    origin: str
    beats_per_minute: float
    lines: tuple[Line, ...]
    harmony: Line = ()

    def beats(self, seconds: float) -> float:
        """How many beats a time lasts."""
        return seconds * self.beats_per_minute / 60

    def with_lines(self, lines: Iterable[Line]) -> Score:
        """The same with other lines."""
        return replace(self, lines=tuple(lines))


def one_at_a_time(notes: Iterable[WrittenNote]) -> Line:
    """Notes without those that begin together with a higher one, each at most until the next begins."""
    line: list[WrittenNote] = []
    for note in sorted(notes, key=lambda note: (note.onset, -note.midi)):
        if line and note.onset - line[-1].onset < _SHORTEST_BEATS:
            continue
        if line and line[-1].onset + line[-1].duration > note.onset:
            line[-1] = line[-1]._replace(duration=note.onset - line[-1].onset)
        line.append(note)
    return tuple(line)


def between(line: Sequence[WrittenNote], start: float, end: float) -> Line:
    """Notes that begin between two beats, from the first of them on; none is longer than until the second."""
    return tuple(
        note._replace(onset=note.onset - start, duration=min(note.duration, end - note.onset))
        for note in line
        if start <= note.onset < end - _SHORTEST_BEATS
    )


def transposed(line: Sequence[WrittenNote], semitones: int) -> Line:
    """The line higher by so many semitones."""
    return tuple(note._replace(midi=note.midi + semitones) for note in line)


def compass(line: Sequence[WrittenNote]) -> tuple[int, int]:
    """Lowest and highest note."""
    return min(note.midi for note in line), max(note.midi for note in line)


def centre(line: Sequence[WrittenNote]) -> float:
    """Mean pitch, by duration."""
    return sum(note.midi * note.duration for note in line) / sum(note.duration for note in line)
