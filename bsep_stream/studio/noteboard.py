"""Notes as the search found them, and as the user corrected them: tables as ``bsep notes`` writes them."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bsep_stream.errors import ConfigError
from bsep_stream.files.atomic import whole_file
from bsep_stream.notes.tables import NOTE_COLUMNS
from bsep_stream.studio.sessionfolder import SessionFolder

MOST_NOTES = 100_000
TOGETHER_SHARE = 0.5
"""Of the shorter one: notes that meet for less follow one another, and the room keeps the first."""


def read_board(folder: SessionFolder, take: str) -> dict[str, Any]:
    """Notes of a take: ``{"notes": [...], "corrected": how many}``; each with its number in ``id``."""
    found = _read(folder.notes(take))
    corrected = folder.notes(take, corrected=True)
    rows = _corrected(found, _read(corrected)) if corrected.exists() else found
    notes = [
        {
            "id": number,
            "source": row["source"],
            "found": original["source"],
            "start": float(row["onset_seconds"]),
            "end": float(row["offset_seconds"]),
            "key": float(row["key"]) + float(row["cents"] or 0.0) / 100.0,
            "name": row["name"],
            "level": float(row["level_db"] or 0.0),
        }
        for number, (row, original) in enumerate(zip(rows, found, strict=True))
    ]
    return {"notes": notes, "corrected": sum(note["source"] != note["found"] for note in notes)}


def give_notes(folder: SessionFolder, take: str, numbers: Sequence[object], source: object) -> dict[str, Any]:
    """Give notes to another instrument; where it cannot play that many at once, it gives one back.

    Parameters
    ----------
    folder : SessionFolder
    take : str
    numbers : sequence of int
        Of the notes.
    source : str
        Who plays them.

    Returns
    -------
    dict
        ``moved`` (numbers of all notes that changed), ``start`` and ``end`` of what has changed in seconds.

    Raises
    ------
    ConfigError
        No such notes or instrument.
    """
    limits = {each["name"]: int(each["tones"]) for each in folder.read()["sources"]}
    if source not in limits:
        raise ConfigError("there is no such instrument in this session")
    board = read_board(folder, take)["notes"]
    if not numbers or not all(isinstance(n, int) and 0 <= n < len(board) for n in numbers):
        raise ConfigError("there are no such notes; load the page again")
    chosen = [board[int(n)] for n in numbers if isinstance(n, int)]
    moved: list[dict[str, Any]] = []
    wanted = {note["id"] for note in chosen}
    for note in chosen:
        if note["source"] == source:
            continue
        giver, note["source"] = note["source"], source
        moved.append(note)
        for other in _in_the_way(board, note, wanted, limits[str(source)]):
            other["source"] = giver
            moved.append(other)
    return _change(folder, take, board, moved)


def restore_notes(folder: SessionFolder, take: str, sources: Mapping[str, object]) -> dict[str, Any]:
    """Give notes to the instruments named by number, as they are: for undoing. The same answer as above."""
    limits = {each["name"] for each in folder.read()["sources"]}
    board = read_board(folder, take)["notes"]
    moved = []
    for number, source in sources.items():
        if not number.isdigit() or int(number) >= len(board) or source not in limits:
            raise ConfigError("there are no such notes; load the page again")
        note = board[int(number)]
        if note["source"] != source:
            note["source"] = source
            moved.append(note)
    return _change(folder, take, board, moved)


def give_solos(folder: SessionFolder, take: str, solos: Sequence[Mapping[str, Any]]) -> None:
    """Let a corrected table say of passages in which one plays alone that all of their notes are his."""
    path = folder.notes(take, corrected=True)
    rows = _read(path)
    for solo, row in ((solo, row) for solo in solos for row in rows):
        begin, end = float(row["onset_seconds"]), float(row["offset_seconds"])
        if min(end, solo["to"]) - max(begin, solo["from"]) > TOGETHER_SHARE * (end - begin):
            row["source"] = solo["source"]
    if rows and solos:
        _write(path, rows)


def _in_the_way(
    board: Sequence[dict[str, Any]], note: Mapping[str, Any], wanted: set[int], limit: int
) -> list[dict[str, Any]]:
    """Notes of the same instrument that it cannot play together with a new one."""
    meeting = [
        other
        for other in board
        if other["source"] == note["source"] and other["id"] not in wanted and _together(other, note) > TOGETHER_SHARE
    ]
    return meeting if len(meeting) >= limit else []


def _together(one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    """How much of the shorter of two notes sounds with the other."""
    shared = min(one["end"], other["end"]) - max(one["start"], other["start"])
    return float(shared / max(min(one["end"] - one["start"], other["end"] - other["start"]), 1e-9))


def _change(
    folder: SessionFolder, take: str, board: Sequence[Mapping[str, Any]], moved: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    if not moved:
        return {"moved": [], "start": 0.0, "end": 0.0}
    rows = _read(folder.notes(take))
    for row, note in zip(rows, board, strict=True):
        row["source"] = str(note["source"])
    path = folder.notes(take, corrected=True)
    if all(note["source"] == note["found"] for note in board):
        path.unlink(missing_ok=True)
    else:
        _write(path, rows)
    return {
        "moved": [note["id"] for note in moved],
        "start": min(float(note["start"]) for note in moved),
        "end": max(float(note["end"]) for note in moved),
    }


def _corrected(found: list[dict[str, str]], rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """Notes that were found, with the players of a corrected table; that of an earlier search may have other notes."""
    if [_place(row) for row in rows] == [_place(row) for row in found]:
        return rows
    players = {_place(row): row["source"] for row in rows}
    return [{**row, "source": players.get(_place(row), row["source"])} for row in found]


def _place(row: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(row[name] for name in ("onset_seconds", "offset_seconds", "key", "cents"))


def _write(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, NOTE_COLUMNS, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _read(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError:
        return []
    if len(rows) > MOST_NOTES or any(set(NOTE_COLUMNS) - set(row) for row in rows):
        raise ConfigError(f"{path.name} is no table of notes any more; train again")
    return rows
