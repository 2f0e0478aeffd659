"""Instruments of General MIDI that a session may have: where they are at home, and what their players can do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_SURE_SHARE = 0.2  # of lots in which players of one family are asked for


@dataclass(frozen=True)
class Instrument:
    """What a player holds.

    Parameters
    ----------
    name : str
    programs : tuple of int
        General MIDI, from 0: any of them.
    family : str
        Instruments of one family are near relatives.
    lowest, highest : int
        Pitches as MIDI has them.
    vibrato : float
        How likely its player has a vibrato.
    glides : float
        How likely its player glides from note to note, or into one.
    sustains : bool
        Else a tone decays from its attack on.
    """

    name: str
    programs: tuple[int, ...]
    family: str
    lowest: int
    highest: int
    vibrato: float = 0.0
    glides: float = 0.0
    sustains: bool = True


LINES = (
    Instrument("piccolo", (72,), "flutes", 74, 98, 0.5),
    Instrument("flute", (73,), "flutes", 60, 93, 0.8, 0.1),
    Instrument("recorder", (74,), "flutes", 60, 91, 0.3),
    Instrument("panflute", (75,), "flutes", 60, 86, 0.5, 0.3),
    Instrument("ocarina", (79,), "flutes", 62, 88, 0.4, 0.2),
    Instrument("oboe", (68,), "reeds", 58, 88, 0.7, 0.1),
    Instrument("englishhorn", (69,), "reeds", 52, 79, 0.7, 0.1),
    Instrument("clarinet", (71,), "reeds", 50, 88, 0.1, 0.1),
    Instrument("bassoon", (70,), "reeds", 36, 70, 0.5),
    Instrument("sopranosax", (64,), "saxophones", 57, 86, 0.6, 0.4),
    Instrument("altosax", (65,), "saxophones", 49, 79, 0.6, 0.4),
    Instrument("tenorsax", (66,), "saxophones", 45, 74, 0.6, 0.4),
    Instrument("baritonesax", (67,), "saxophones", 38, 67, 0.4, 0.2),
    Instrument("trumpet", (56, 59), "brass", 55, 82, 0.3, 0.1),
    Instrument("horn", (60,), "brass", 42, 76, 0.1, 0.1),
    Instrument("trombone", (57,), "brass", 41, 70, 0.2, 0.4),
    Instrument("tuba", (58,), "brass", 36, 58, 0.1),
    Instrument("violin", (40,), "strings", 55, 94, 0.9, 0.4),
    Instrument("viola", (41,), "strings", 48, 84, 0.9, 0.4),
    Instrument("cello", (42,), "strings", 37, 76, 0.9, 0.4),
    Instrument("voice", (52, 53), "voices", 48, 81, 0.9, 0.7),
    Instrument("harmonica", (22,), "free reeds", 60, 86, 0.5, 0.4),
    Instrument("accordion", (21, 23), "free reeds", 53, 86, 0.1),
    Instrument("marimba", (12,), "struck", 48, 84, sustains=False),
    Instrument("vibraphone", (11,), "struck", 53, 86, sustains=False),
    Instrument("guitar", (24, 25), "plucked", 40, 79, 0.2, 0.2, sustains=False),
    Instrument("harp", (46,), "plucked", 40, 88, sustains=False),
    Instrument("piano", (0,), "struck", 36, 91, sustains=False),
)
"""Who may play a line of one tone at a time."""

MELODIES = tuple(
    instrument
    for instrument in LINES
    if instrument.family in ("voices", "strings", "reeds", "saxophones", "brass", "flutes")
    and instrument.name not in ("piccolo", "tuba")
)
"""Who may play over chords: sung, bowed or blown."""

CHORDAL = (
    Instrument("piano", (0, 1), "struck", 33, 93, sustains=False),
    Instrument("guitar", (24, 25, 26), "plucked", 40, 81, sustains=False),
    Instrument("harp", (46,), "plucked", 36, 91, sustains=False),
    Instrument("organ", (16, 19, 20), "organs", 36, 91),
)
"""Who may play chords."""


def players_of(
    ranges: Sequence[tuple[int, int]], instruments: Sequence[Instrument], generator: np.random.Generator
) -> list[Instrument] | None:
    """Different instruments for lines of the given lowest and highest notes, family by family; None: nobody can."""
    chosen: list[Instrument] = []
    related = bool(generator.random() < _SURE_SHARE)  # two of one family are the hardest pairs
    for lowest, highest in ranges:
        able = [one for one in instruments if one.lowest <= lowest and highest <= one.highest and one not in chosen]
        if related and chosen:
            able = [one for one in able if one.family == chosen[0].family] or able
        if not able:
            return None
        families = sorted({one.family for one in able})
        family = families[int(generator.integers(len(families)))]
        members = [one for one in able if one.family == family]
        chosen.append(members[int(generator.integers(len(members)))])
    return chosen
