"""Notes of the chord mixtures: melodies of composers who died before 1760, accompaniments written for this project.

A line is a text of tokens. ``G3+B3+D4:2`` is a chord of two beats, ``G3~B3~D4:2`` the same broken, each note from its
turn to the end of the two beats as with a pedal, ``G3~B3+D4:2`` its bass first; ``r:1`` is a rest, ``|`` a bar line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_ACCIDENTALS = {"": 0, "#": 1, "b": -1}
_PITCH = re.compile(r"([A-G])([#b]?)(\d)")


class WrittenNote(NamedTuple):
    """A note as it is written, in beats from the beginning."""

    onset: float
    duration: float
    midi: int


@dataclass(frozen=True)
class Part:
    """What one instrument plays.

    Parameters
    ----------
    name : str
    program : int
        General MIDI, counted from 0.
    line : str
    """

    name: str
    program: int
    line: str

    def notes(self) -> list[WrittenNote]:
        """All notes, in the order of their beginnings."""
        position, notes = 0.0, []
        for token in self.line.replace("|", " ").split():
            text, _, length = token.partition(":")
            duration = float(length)
            groups = text.split("~")
            for number, group in enumerate(groups):
                onset = position + duration * number / len(groups)
                notes += [
                    WrittenNote(onset, position + duration - onset, _midi(pitch))
                    for pitch in group.split("+")
                    if pitch != "r"
                ]
            position += duration
        return notes


@dataclass(frozen=True)
class Piece:
    """A mixture of a melody and chords.

    Parameters
    ----------
    item : str
        Name of its folder.
    title, composer : str
        Of the melody.
    beats_per_minute : float
    parts : tuple of Part
    """

    item: str
    title: str
    composer: str
    beats_per_minute: float
    parts: tuple[Part, ...]


def _midi(pitch: str) -> int:
    match = _PITCH.fullmatch(pitch)
    assert match, pitch
    step, accidental, octave = match.groups()
    return 12 * (int(octave) + 1) + _STEPS[step] + _ACCIDENTALS[accidental]


_CANON_MELODY = """
    F#5:1 E5:1 D5:1 C#5:1 | B4:1 A4:1 B4:1 C#5:1 |
    D5:1 C#5:1 B4:1 A4:1 | G4:1 F#4:1 G4:1 E4:1 |
    D4:.5 F#4:.5 A4:.5 G4:.5 F#4:.5 D4:.5 F#4:.5 E4:.5 | D4:.5 B3:.5 D4:.5 A4:.5 G4:.5 B4:.5 A4:.5 G4:.5 |
    F#4:.5 D4:.5 E4:.5 C#5:.5 D5:.5 F#5:.5 A5:.5 A4:.5 | B4:.5 G4:.5 A4:.5 F#4:.5 D4:.5 D5:.5 D5:.5 C#5:.5 | D5:2
"""
_CANON_PIANO = """
    D3+A3+D4+F#4:1 A2+A3+C#4+E4:1 B2+F#3+B3+D4:1 F#2+F#3+A3+C#4:1 |
    G2+G3+B3+D4:1 D3+F#3+A3:1 G2+D3+G3+B3:1 A2+E3+A3+C#4:1 |
    D3~A3~D4~F#4:1 A2~E3~A3~C#4:1 B2~F#3~B3~D4:1 F#2~C#3~F#3~A3:1 |
    G2~D3~G3~B3:1 D3~F#3~A3~D4:1 G2~B2~D3~G3:1 A2~C#3~E3~A3:1 |
    D3~F#3+A3+D4:1 A2~C#3+E3+A3:1 B2~D3+F#3+B3:1 F#2~C#3+A3:1 |
    G2~B3+D4:1 D3~F#3+A3:1 G2~G3+B3:1 A2~G3+C#4:1 |
    D3:.5 F#3:.5 A2+E3+C#4:1 B2:.5 F#3+D4:.5 F#2+C#3+F#3+A3:1 |
    G2:1 D3+A3+F#4:1 G2+B3:.5 G2+G3+D4:.5 A2~E3~A3+C#4:1 | D3+A3+D4+F#4:2
"""

_MINUET_MELODY = """
    D5:1 G4:.5 A4:.5 B4:.5 C5:.5 | D5:1 G4:1 G4:1 | E5:1 C5:.5 D5:.5 E5:.5 F#5:.5 | G5:1 G4:1 G4:1 |
    C5:1 D5:.5 C5:.5 B4:.5 A4:.5 | B4:1 C5:.5 B4:.5 A4:.5 G4:.5 | F#4:1 G4:.5 A4:.5 B4:.5 G4:.5 | A4:3 |
    D5:1 G4:.5 A4:.5 B4:.5 C5:.5 | D5:1 G4:1 G4:1 | E5:1 C5:.5 D5:.5 E5:.5 F#5:.5 | G5:1 G4:1 G4:1 |
    C5:1 D5:.5 C5:.5 B4:.5 A4:.5 | B4:1 C5:.5 B4:.5 A4:.5 G4:.5 | A4:1 B4:.5 A4:.5 G4:.5 F#4:.5 | G4:3 |
    B5:1 G5:.5 A5:.5 B5:.5 G5:.5 | A5:1 D5:.5 E5:.5 F#5:.5 D5:.5 | G5:1 E5:.5 F#5:.5 G5:.5 D5:.5 |
    C#5:1 B4:.5 C#5:.5 A4:1 |
    A4:.5 B4:.5 C#5:.5 D5:.5 E5:.5 F#5:.5 | G5:1 F#5:1 E5:1 | F#5:1 A4:1 C#5:1 | D5:3 |
    D5:1 G4:.5 F#4:.5 G4:1 | E5:1 G4:.5 F#4:.5 G4:1 | D5:1 C5:1 B4:1 | A4:.5 G4:.5 F#4:.5 G4:.5 A4:1 |
    D4:.5 E4:.5 F#4:.5 G4:.5 A4:.5 B4:.5 | C5:1 B4:1 A4:1 | B4:.5 D5:.5 G4:1 F#4:1 | G4:3
"""
_MINUET_GUITAR = """
    G3+B3+D4:2 A3:1 | B3+D4:3 | C3~G3~C4:3 | B2+D4:2 G3:1 |
    A2+E3+C4:3 | G2+B3:1 D4:1 B3:1 | D3~A3~D4:2 G3+B3:1 | D3+F#3+A3:1 D3:.5 C4:.5 B3:.5 A3:.5 |
    G2~D3+B3:2 A3:1 | B2+G3:3 | C3~E3+G3:3 | B2~D3+G3:3 |
    A2~E3+A3:3 | G2+D3+B3:2 G3:1 | C3+E3+A3:1 D3+A3:1 D3+C4:1 | G2+D3+G3:2 r:1 |
    G2~D3~B3:3 | D3~F#3~A3:3 | E3~G3~B3:2 G3:1 | A2+E3+A3:2 A2:1 |
    A2:3 | B2+D3:1 D3+A3:1 C#3+A3:1 | D3+A3:1 F#3:1 A2+G3:1 | D3+F#3+A3:2 C4:1 |
    B2+D4:2 B3:1 | C3+C4:2 G3:1 | B2~G3:1 A2~F#3:1 G2~G3:1 | D3+F#3+C4:2 r:1 |
    D3:1 r:1 F#3:1 | E3+C4:1 G3+D4:1 F#3+C4:1 | G3+B3:1 B2+D4:1 D3+C4:1 | G2+D3+B3:3
"""

_CHORALE_MELODY = """
    r:.333333 G4:.333333 A4:.333334 B4:.333333 D5:.333333 C5:.333334 C5:.333333 E5:.333333 D5:.333334 |
    D5:.333333 G5:.333333 F#5:.333334 G5:.333333 D5:.333333 B4:.333334 G4:.333333 A4:.333333 B4:.333334 |
    C5:.333333 D5:.333333 E5:.333334 D5:.333333 C5:.333333 B4:.333334 A4:.333333 B4:.333333 G4:.333334 |
    F#4:.333333 G4:.333333 A4:.333334 D4:.333333 F#4:.333333 A4:.333334 C5:.333333 B4:.333333 A4:.333334 |
    B4:.333333 G4:.333333 A4:.333334 B4:.333333 D5:.333333 C5:.333334 C5:.333333 E5:.333333 D5:.333334 |
    D5:.333333 G5:.333333 F#5:.333334 G5:.333333 D5:.333333 B4:.333334 G4:.333333 A4:.333333 B4:.333334 |
    E4:.333333 D5:.333333 C5:.333334 B4:.333333 A4:.333333 G4:.333334 D4:.333333 G4:.333333 F#4:.333334 | G4:2 r:1
"""
_CHORALE_ORGAN = """
    G3+B3+D4:1 G3+B3:1 A3+C4:1 | B3+D4:1 G3+D4:1 E3+B3+E4:1 | C3+G3+E4:1 D3+G3+D4:1 E3+G3+C4:1 | D3+A3:2 D3+F#3+C4:1 |
    G3+B3+D4:1 E3+B3:1 A3+C4+E4:1 | B3+D4:1 G3:1 E3+B3+E4:1 | C3+G3+C4:1 D3+D4:1 D3+A3+C4:1 | G2+D3+B3:3 |
    G2:1 G3:1 F#3+C4:1 | B2+G3:1 B3+D4:1 E3+G3+B3:1 | A2+E3+C4:2 C3+E3:1 | D3+F#3+A3:1 r:1 D3:1 |
    G3:1 E3+G3+B3:1 C4:1 | D3+B3+D4:2 G3+B3:1 | A2+E3+G3:1 B2+D3+G3:1 D3+F#3+C4:1 | G2+G3+B3:2 r:1
"""

PIECES = (
    Piece(
        "10_violin_piano_chords",
        "Canon in D",
        "J. Pachelbel (1653-1706)",
        54.0,
        (Part("violin", 40, _CANON_MELODY), Part("piano", 0, _CANON_PIANO)),
    ),
    Piece(
        "11_flute_guitar_chords",
        "Minuet in G, BWV Anh. 114",
        "C. Petzold (1677-1733)",
        138.0,
        (Part("flute", 73, _MINUET_MELODY), Part("guitar", 24, _MINUET_GUITAR)),
    ),
    Piece(
        "12_oboe_harmonium_chords",
        "Jesus bleibet meine Freude, BWV 147/10",
        "J. S. Bach (1685-1750)",
        72.0,
        (Part("oboe", 68, _CHORALE_MELODY + _CHORALE_MELODY), Part("harmonium", 20, _CHORALE_ORGAN)),
    ),
)
"""12 is for checking only: nothing was chosen while looking at it."""
