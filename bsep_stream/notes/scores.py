"""Notes against the true ones: the transcription measures of mir_eval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bsep_stream.errors import NotesError
from bsep_stream.notes.events import frequency_of

Notes = NDArray[np.float64]
"""Onset and offset in seconds, MIDI key with its fraction; shape (n_notes, 3)."""

ONSET_SECONDS = 0.05
"""How far apart two onsets of the same note may be: the field's usual tolerance."""
PITCH_CENTS = 50.0
OFFSET_SHARE = 0.2
"""Of the length of the true note (or ONSET_SECONDS, if that is more): tolerance of offsets, where they count."""

MOST_PAIRS = 50_000_000
"""Of true and found notes; the memory of the comparison grows with them: so many take 2 GB."""

_MAX_SOURCES = 8  # 8! = 40 320 assignments are still quick


@dataclass(frozen=True)
class Score:
    """How well one list of notes matches another.

    Parameters
    ----------
    n_true, n_found : int
        Notes in either list.
    precision, recall, f1 : float
        Of notes whose onset and pitch are right.
    f1_with_offset : float
        Where the offset must be right as well.
    overlap : float
        Mean share of the time that a matched pair has in common (offsets count).
    """

    n_true: int
    n_found: int
    precision: float
    recall: float
    f1: float
    f1_with_offset: float
    overlap: float


@dataclass(frozen=True)
class NoteScores:
    """Scores of a whole transcription.

    Parameters
    ----------
    sources : dict of str to Score
        By name of the true source.
    matched : dict of str to str
        Name of the found source that was compared with it.
    all_sources : Score
        All notes together, whoever plays them.
    """

    sources: dict[str, Score]
    matched: dict[str, str]
    all_sources: Score

    def mean_f1(self) -> float:
        """Mean over the sources."""
        return float(np.mean([score.f1 for score in self.sources.values()]))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "sources": [
                {"name": name, "estimate": self.matched[name], **asdict(score)} for name, score in self.sources.items()
            ],
            "mean_f1": self.mean_f1(),
            "all_sources": asdict(self.all_sources),
        }


def read_note_file(path: str | Path) -> dict[str, Notes]:
    """Notes by source, from a MIDI file (``.mid``, ``.midi``) or a table (``.csv``)."""
    path = Path(path)
    if path.suffix.lower() in (".mid", ".midi"):
        from bsep_stream.notes.midi import read_midi

        return read_midi(path)
    if path.suffix.lower() == ".csv":
        from bsep_stream.notes.tables import read_notes

        return read_notes(path)
    raise NotesError(f"notes are read from .mid, .midi or .csv, got {path}")


def score_notes(true: Mapping[str, Notes], found: Mapping[str, Notes]) -> NoteScores:
    """Compare transcriptions source by source.

    Sources are assigned to each other so that the sum of their F1 is largest, as their names need not agree;
    the given order is kept where two assignments are equal.

    Raises
    ------
    NotesError
        No notes, or more than 8 sources.
    """
    if not any(len(notes) for notes in true.values()):
        raise NotesError("the true notes are none at all, so nothing can be measured; check the reference file")
    pairs = sum(map(len, true.values())) * sum(map(len, found.values()))
    if pairs > MOST_PAIRS:
        raise NotesError(
            f"at most {MOST_PAIRS:g} pairs of notes can be compared, and these are {pairs:g}; compare parts of it"
        )
    if max(len(true), len(found)) > _MAX_SOURCES:
        raise NotesError(f"at most {_MAX_SOURCES} sources can be compared, got {len(true)} and {len(found)}")
    names, others = list(true), list(found)
    others += [""] * (len(names) - len(others))  # a source that nobody found
    table = {(name, other): score(true[name], found.get(other, np.empty((0, 3)))) for name in names for other in others}
    best = max(
        permutations(others, len(names)),
        key=lambda order: round(sum(table[pair].f1 for pair in zip(names, order, strict=True)), 9),
    )
    return NoteScores(
        sources={name: table[name, other] for name, other in zip(names, best, strict=True)},
        matched=dict(zip(names, best, strict=True)),
        all_sources=score(np.concatenate(list(true.values())), np.concatenate([np.empty((0, 3)), *found.values()])),
    )


def score(true: Notes, found: Notes) -> Score:
    """Scores of one list of notes; nothing found where nothing is to be found is perfect."""
    from mir_eval.transcription import precision_recall_f1_overlap

    if not len(true) or not len(found):
        perfect = float(len(true) == len(found))
        return Score(len(true), len(found), perfect, perfect, perfect, perfect, perfect)

    def arrays(notes: Notes) -> tuple[Notes, Notes]:
        return notes[:, :2], np.array([frequency_of(float(pitch)) for pitch in notes[:, 2]])

    measured = [
        precision_recall_f1_overlap(
            *arrays(true),
            *arrays(found),
            onset_tolerance=ONSET_SECONDS,
            pitch_tolerance=PITCH_CENTS,
            offset_ratio=offset_ratio,
            offset_min_tolerance=ONSET_SECONDS,
        )
        for offset_ratio in (None, OFFSET_SHARE)
    ]
    precision, recall, f1, overlap = map(float, measured[0])
    return Score(len(true), len(found), precision, recall, f1, float(measured[1][2]), overlap)
