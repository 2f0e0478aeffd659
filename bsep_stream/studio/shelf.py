"""Recordings that lie in the folder of the studio, to be picked without a way through the browser."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bsep_stream.errors import ConfigError

SUFFIXES = frozenset(
    (".wav", ".flac", ".aif", ".aiff", ".aifc", ".ogg", ".oga", ".opus", ".mp3", ".caf", ".au", ".w64", ".rf64")
)
DEPTH = 3
"""Folders below that of the studio; deeper ones are somebody's archive."""

MOST_RECORDINGS, MOST_LOOKED_AT = 200, 20_000


def shelf_of(folder: Path) -> dict[str, Any]:
    """Recordings of a folder, the newest first: ``{"recordings": [{"path", "bytes", "changed"}], "more": bool}``.

    Sessions, what is hidden, and links are left out.
    """
    found: list[dict[str, Any]] = []
    looked_at = 0
    for entry in _entries(folder, DEPTH):
        looked_at += 1
        if looked_at > MOST_LOOKED_AT:
            break
        if Path(entry.name).suffix.lower() in SUFFIXES:
            about = entry.stat(follow_symlinks=False)
            path = Path(entry.path).relative_to(folder).as_posix()
            found.append({"path": path, "bytes": about.st_size, "changed": about.st_mtime})
    found.sort(key=lambda row: (-row["changed"], row["path"]))
    return {"recordings": found[:MOST_RECORDINGS], "more": len(found) > MOST_RECORDINGS or looked_at > MOST_LOOKED_AT}


def picked(folder: Path, name: str) -> Path:
    """A recording of the list by its path there; ConfigError if the list has none of that name."""
    if name not in {row["path"] for row in shelf_of(folder)["recordings"]}:
        raise ConfigError("there is no such recording in the folder; look again")
    return folder / name


def _entries(folder: Path, depth: int) -> Iterator[os.DirEntry[str]]:
    """Files in a folder and the folders below it."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:  # a folder that may not be read has nothing to offer
        return
    for entry in entries:
        if entry.name.startswith(".") or entry.is_symlink():
            continue
        if entry.is_file():
            yield entry
        elif depth > 0 and entry.is_dir() and not os.path.exists(os.path.join(entry.path, "session.json")):
            yield from _entries(Path(entry.path), depth - 1)
