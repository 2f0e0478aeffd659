"""Scores of composers who died before 1830, from the corpus of music21 (``pip install 'bsep-stream[sessions]'``).

The music is in the public domain. The encodings are read where the package has them; it says whose they are and what
may be done with them (some: nothing commercial), and neither they nor anything made of them is part of this project.
"""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from bsep_stream.errors import BsepError, ConfigError, MissingDependency
from bsep_stream.train.benchmark.chordscores import WrittenNote
from bsep_stream.train.benchmark.sessions.scores import Line, Score, between, one_at_a_time

COMPOSERS = {
    "bach": ("J. S. Bach", 0.4),
    "mozart": ("W. A. Mozart", 0.12),
    "haydn": ("J. Haydn", 0.12),
    "beethoven": ("L. van Beethoven", 0.12),
    "monteverdi": ("C. Monteverdi", 0.14),
    "palestrina": ("G. P. da Palestrina", 0.1),
}
"""Folders of the corpus: the composer's name, and how often one is drawn."""

NEIGHBOURS_SHARE = 0.6
"""Of the lots that take parts next to each other."""

_ENDINGS = (".mxl", ".xml", ".krn")
_NOTES_A_SECOND = (1.0, 3.8)
_BEATS_A_MINUTE = (44.0, 168.0)
_SHORTEST_SECONDS = 0.12  # of the shorter notes (10th percentile)
_FEWEST_NOTES = 8
_LEAST_SOUNDING = 0.4
_TRIES = 60
_BAR_BEATS = 4


def excerpt(
    n_lines: int, seconds: float, share: tuple[int, int], generator: np.random.Generator, harmony: bool = False
) -> Score:
    """Parts of a work in a passage of it, at a tempo by lot.

    Parameters
    ----------
    n_lines : int
    seconds : float
        How long the passage shall be; works that are too short begin again.
    share : (int, int)
        Which of how many shares of all works is drawn from.
    generator : numpy.random.Generator
    harmony : bool
        The highest part as the only line, and the others as ``harmony``.

    Raises
    ------
    MissingDependency
        Without music21.
    ConfigError
        If its corpus has none of the works.
    """
    works = works_of(share)
    names = [name for name in COMPOSERS if works[name]]
    weights = np.array([COMPOSERS[name][1] for name in names])
    for _ in range(_TRIES):
        composer = names[int(generator.choice(len(names), p=weights / weights.sum()))]
        work = works[composer][int(generator.integers(len(works[composer])))]
        parts = parts_of(work)
        lots = generator.random(4)
        if len(parts) < max(n_lines, 3 if harmony else 1):
            continue
        chosen = [0] if harmony else _chosen(len(parts), n_lines, lots[0] < NEIGHBOURS_SHARE, generator)
        lines = [parts[number] for number in chosen]
        rate = _NOTES_A_SECOND[0] * (_NOTES_A_SECOND[1] / _NOTES_A_SECOND[0]) ** lots[1]
        tempo = _tempo(lines, rate)
        beats = seconds * tempo / 60
        end = max(note.onset + note.duration for line in parts for note in line)
        start = _BAR_BEATS * int(lots[2] * max(1.0, (end - beats) / _BAR_BEATS))
        passage = [_around(line, start, beats, end) for line in lines]
        if any(len(line) < _FEWEST_NOTES or _sounding(line) < _LEAST_SOUNDING * beats for line in passage):
            continue
        others = [part for number, part in enumerate(parts) if harmony and number not in chosen]
        accompaniment = tuple(sorted(note for part in others for note in _around(part, start, beats, end)))
        title = f"{work}, parts {', '.join(str(number + 1) for number in chosen)}, from quarter {start}"
        return Score(title, COMPOSERS[composer][0], f"music21 corpus {work}", tempo, tuple(passage), accompaniment)
    raise BsepError(f"no work of music21's corpus has a passage with {n_lines} parts of {seconds:g} s")


@cache
def works_of(share: tuple[int, int]) -> dict[str, list[str]]:
    """Names of the works of a share in the corpus, by the folder of their composer."""
    corpus = _corpus()
    number, count = share
    found = {}
    for composer in COMPOSERS:
        paths = sorted(Path(path) for path in corpus.getComposer(composer))
        names = [path.as_posix().split("/corpus/")[-1] for path in paths if path.suffix in _ENDINGS]
        found[composer] = names[number::count]
    if not any(found.values()):
        raise ConfigError("the corpus of music21 has none of the works: install the package from PyPI, which has them")
    return found


@lru_cache(maxsize=8)
def parts_of(work: str) -> tuple[Line, ...]:
    """Parts of a work of the corpus in their order, each one tone at a time."""
    score = _corpus().parse(work, forceSource=True)
    lines = []
    for part in score.parts:
        part.stripTies(inPlace=True)  # a copy of a part takes long: it copies the whole work
        notes = part.flatten().notes
        line = one_at_a_time(
            WrittenNote(float(note.offset), float(note.duration.quarterLength), int(max(note.pitches).midi))
            for note in notes
            if note.pitches and note.duration.quarterLength > 0
        )
        if line:
            lines.append(line)
    return tuple(lines)


def _corpus() -> Any:
    try:
        from music21 import corpus
    except ImportError as error:
        raise MissingDependency(
            "sessions play works from music21's corpus, which is not installed: pip install 'bsep-stream[sessions]'"
        ) from error
    return corpus


def _chosen(n_parts: int, n_lines: int, neighbours: bool, generator: np.random.Generator) -> list[int]:
    if neighbours:
        first = int(generator.integers(n_parts - n_lines + 1))
        return list(range(first, first + n_lines))
    return sorted(generator.choice(n_parts, n_lines, replace=False).tolist())


def _tempo(lines: list[Line], notes_a_second: float) -> float:
    durations = np.array([note.duration for line in lines for note in line])
    slowest, fastest = _BEATS_A_MINUTE
    fastest = min(fastest, 60 * float(np.percentile(durations, 10)) / _SHORTEST_SECONDS)
    return round(float(np.clip(60 * notes_a_second * durations.mean(), min(slowest, fastest), fastest)), 1)


def _around(line: Line, start: float, beats: float, end: float) -> Line:
    """A passage; where the work ends before it, the work begins again."""
    again, notes = 0.0, []
    while again < start + beats:
        notes += [note._replace(onset=note.onset + again) for note in line]
        again += end
    return between(notes, start, start + beats)


def _sounding(line: Line) -> float:
    return sum(note.duration for note in line)
