"""Notes and pitch tracks as CSV, for spreadsheets and scripts; notes are read back."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bsep_stream.errors import NotesError
from bsep_stream.files.atomic import whole_file
from bsep_stream.notes.events import frequency_of, pitch_of
from bsep_stream.notes.transcription import Transcription
from bsep_stream.trust.shown import brief, shown
from bsep_stream.trust.textfiles import Fail, read_bytes

NOTE_COLUMNS = (
    "source",
    "onset_seconds",
    "offset_seconds",
    "key",
    "name",
    "cents",
    "f0_hz",
    "velocity",
    "level_db",
)
TRACK_COLUMNS = ("seconds", "source", "tone", "f0_hz", "key", "name", "cents", "level_db")

LARGEST_BYTES = 16_000_000
"""Of a table that is read; an hour of an orchestra has a tenth of it."""
MOST_SOURCES = 256
LONGEST_SECONDS = 1e6

_NEEDED = ("source", "onset_seconds", "offset_seconds", "key")
_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


def key_name(key: int) -> str:
    """Name of a MIDI key: ``C4`` for 60."""
    return f"{_NAMES[key % 12]}{key // 12 - 1}"


def write_notes(path: str | Path, transcription: Transcription) -> None:
    """Write the notes, a row each (:data:`NOTE_COLUMNS`)."""
    _write(
        path,
        NOTE_COLUMNS,
        (
            (
                transcription.source_names[note.source],
                f"{note.onset_seconds:.4f}",
                f"{note.offset_seconds:.4f}",
                note.key,
                key_name(note.key),
                f"{note.cents:.1f}",
                f"{frequency_of(note.pitch, transcription.settings.a4_hz):.3f}",
                note.velocity,
                f"{note.level_db:.1f}",
            )
            for note in transcription.notes
        ),
    )


def write_track(path: str | Path, transcription: Transcription) -> None:
    """Write the pitch of every tone in every frame in which it is on (:data:`TRACK_COLUMNS`)."""
    track, a4_hz = transcription.track, transcription.settings.a4_hz

    def rows() -> Iterable[Sequence[object]]:
        for i, seconds in enumerate(track.times):
            for tone in np.flatnonzero(np.isfinite(track.f0_hz[:, i])):
                f0_hz = float(track.f0_hz[tone, i])
                pitch = pitch_of(f0_hz, a4_hz)
                key = round(pitch)
                yield (
                    f"{seconds:.4f}",
                    transcription.source_names[track.tone_sources[tone]],
                    tone,
                    f"{f0_hz:.3f}",
                    key,
                    key_name(key),
                    f"{100.0 * (pitch - key):.1f}",
                    f"{track.level_db[tone, i]:.1f}",
                )

    _write(path, TRACK_COLUMNS, rows())


def read_notes(path: str | Path) -> dict[str, NDArray[np.float64]]:
    """Notes of a table by source.

    Parameters
    ----------
    path : str or Path
        CSV with at least the columns ``source, onset_seconds, offset_seconds, key``; ``cents`` is read if there.

    Returns
    -------
    dict of str to ndarray, shape (n_notes, 3)
        Onset and offset in seconds, MIDI key with its fraction; by onset.

    Raises
    ------
    NotesError
        A file that is missing or no such table.
    """
    path = Path(path)
    found: dict[str, list[tuple[float, float, float]]] = {}
    if not path.exists():
        raise NotesError(f"{path} cannot be read (No such file or directory); give a MIDI file or a table of notes")
    fail = Fail(NotesError, str(path), "; give a MIDI file or a table of notes")
    content = read_bytes(path, LARGEST_BYTES, fail)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:  # of a spreadsheet
        text = content.decode("latin-1")
    try:
        table = csv.DictReader(io.StringIO(text, newline=""))
        header = table.fieldnames or []
        if not set(_NEEDED) <= set(header):
            raise NotesError(
                f"{path} should have the columns {', '.join(_NEEDED)}, has {brief(', '.join(header)) or 'none'}; "
                "give a table of notes as bsep notes writes it"
            )
        for row in table:
            onset, offset = float(row["onset_seconds"]), float(row["offset_seconds"])
            pitch = float(row["key"]) + float(row.get("cents") or 0.0) / 100.0
            if not (0.0 <= onset < offset < LONGEST_SECONDS and 0.0 <= pitch <= 128.0) or row["source"] is None:
                raise ValueError(f"a note from {onset:g} s to {offset:g} s with key {pitch:g}")
            name = shown(row["source"])
            if name not in found and len(found) == MOST_SOURCES:
                raise NotesError(f"{path} names more than the {MOST_SOURCES} sources that are possible")
            found.setdefault(name, []).append((onset, offset, pitch))
    except (ValueError, TypeError, csv.Error) as error:
        if isinstance(error, NotesError):
            raise
        reason = shown(str(error))[:200]
        raise NotesError(f"{path} holds a line that is no note ({reason}); write it again with bsep notes") from error
    return {name: np.array(sorted(notes)) for name, notes in found.items()}


def _write(path: str | Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with whole_file(Path(path)) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
