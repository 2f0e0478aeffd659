"""Hints: what a musician says of who plays, before anything is learned."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bsep_stream.errors import ConfigError
from bsep_stream.notes.scores import read_note_file


@dataclass(frozen=True)
class Hints:
    """Passages and notes whose player is known.

    Parameters
    ----------
    solos : tuple of (int, float, float)
        Source, beginning and end in seconds of a passage in which it plays alone.
    notes : tuple of (int, float, float, float)
        Source, onset and offset in seconds, and MIDI key of a note.
    """

    solos: tuple[tuple[int, float, float], ...] = ()
    notes: tuple[tuple[int, float, float, float], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.solos or self.notes)

    @property
    def sources(self) -> frozenset[int]:
        """Sources of which something is known."""
        return frozenset({entry[0] for entry in self.solos} | {entry[0] for entry in self.notes})

    def refuse_beyond(self, seconds: float, names: Sequence[str]) -> None:
        """Refuse what is not in a recording of so many seconds: it would be left out without a word.

        Raises
        ------
        ConfigError
            If a passage or a note begins after the end.
        """
        for option, entries in (("--solo", self.solos), ("--notes", self.notes)):
            for source, first, *_ in entries:
                if first >= seconds:
                    raise ConfigError(
                        f"{option} says that {names[source]} plays at {first:g} s, but the recording ends at "
                        f"{seconds:.1f} s: give the times of this recording"
                    )


def read_hints(solos: Sequence[str], notes: Path | None, names: Sequence[str]) -> Hints:
    """Hints from what stands behind ``--solo`` and ``--notes``.

    Parameters
    ----------
    solos : sequence of str
        Such as ``flute=0:00-0:08``; minutes and seconds, or seconds alone.
    notes : Path or None
        A table of notes as ``bsep notes`` writes it, or MIDI, whose sources are right.
    names : sequence of str
        Of the sources.

    Raises
    ------
    ConfigError
        If a passage is none, or a source is not one of the names.
    NotesError
        If the file is missing or holds no notes.
    """
    passages = tuple(_passage(text, names) for text in solos)
    found: Mapping[str, NDArray[np.float64]] = {} if notes is None else read_note_file(notes)
    for name in found:
        if name not in names:
            raise ConfigError(f"{notes} has notes of {name}; --sources names {', '.join(names)}: name them alike")
    given = tuple(
        (names.index(name), float(onset), float(offset), float(key))
        for name, rows in found.items()
        for onset, offset, key in rows
    )
    for one in passages:
        for other in passages:
            if one[0] != other[0] and min(one[2], other[2]) > max(one[1], other[1]):
                both = f"{names[one[0]]} and {names[other[0]]}"
                raise ConfigError(f"in a passage of --solo one source plays alone: those of {both} overlap")
    return Hints(passages, given)


def _passage(text: str, names: Sequence[str]) -> tuple[int, float, float]:
    match = re.fullmatch(r"([^=]+)=([\d:.]+)-([\d:.]+)", text.strip())
    times = [_seconds(part) for part in match.groups()[1:]] if match else []
    if match is None or None in times:
        raise ConfigError(f"--solo takes a source and a passage, such as {names[0]}=0:00-0:08; got {text!r}")
    name, (first, last) = match.group(1).strip(), (float(value or 0.0) for value in times)
    if name not in names:
        raise ConfigError(f"--solo names {name}; --sources names {', '.join(names)}: name them alike")
    if not first < last:
        raise ConfigError(f"a passage of --solo ends after it begins, got {text!r}")
    return names.index(name), first, last


def _seconds(text: str) -> float | None:
    """Of ``1:02.5``, ``62.5`` or ``0:01:02.5``; None if it is no time."""
    parts = text.split(":")
    if len(parts) > 3 or not all(re.fullmatch(r"\d+(\.\d*)?", part) for part in parts):
        return None
    seconds = 0.0
    for part in parts:
        seconds = 60 * seconds + float(part)
    return seconds
