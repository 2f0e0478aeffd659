"""Where everything of a session lies. Server and training process speak to each other through these files only."""

from __future__ import annotations

import json
import os
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bsep_stream.errors import ConfigError
from bsep_stream.filenames import is_device
from bsep_stream.files.atomic import whole_file

FIRST, LEARNED = "first", "learned"
"""Stems by the masks of the search, and by the network."""

LONGEST_NAME = 80


def file_name(text: str) -> str:
    """A name that is harmless as the name of a file on every system.

    Raises
    ------
    ConfigError
        If nothing of it is left.
    """
    plain = unicodedata.normalize("NFC", text).replace("\\", "/").rsplit("/", 1)[-1]
    kept = re.sub(r"[^\w .()+-]", "_", plain).strip(" .")
    stem, dot, suffix = kept.rpartition(".")
    if dot and len(suffix) <= 8:
        kept = f"{stem[: LONGEST_NAME - 1 - len(suffix)].rstrip(' .')}.{suffix}"
    kept = kept[:LONGEST_NAME].strip(" .")
    if not kept or kept.startswith("-") or is_device(kept):
        raise ConfigError(f"{text[:LONGEST_NAME]!r} cannot be the name of a file; give another one")
    return kept


@dataclass(frozen=True)
class SessionFolder:
    """Paths of a session.

    Parameters
    ----------
    path : Path
        Of the folder; its name is the name of the session in addresses.
    """

    path: Path

    @property
    def name(self) -> str:
        """Name in addresses."""
        return self.path.name

    @property
    def about(self) -> Path:
        """``session.json``: title, sources, recordings, and what was asked for."""
        return self.path / "session.json"

    @property
    def recordings(self) -> Path:
        """Folder of what was dropped."""
        return self.path / "recordings"

    @property
    def run(self) -> Path:
        """Run folder, as ``bsep train`` writes it."""
        return self.path / "run"

    @property
    def model(self) -> Path:
        """What ``bsep export`` makes of the run."""
        return self.path / "model.onnx"

    @property
    def search(self) -> Path:
        """Folder of what the search found: labels and timbre, to make stems of corrected notes."""
        return self.path / "search"

    @property
    def progress(self) -> Path:
        """``progress.json``: how far the training process is."""
        return self.path / "progress.json"

    @property
    def log(self) -> Path:
        """What the training process printed."""
        return self.path / "training.log"

    @property
    def rack(self) -> Path:
        """The rack that is on the desk."""
        return self.path / "rack.toml"

    @property
    def racks(self) -> Path:
        """Racks that were saved."""
        return self.path / "racks"

    @property
    def cache(self) -> Path:
        """What can be computed again."""
        return self.path / ".cache"

    def stems(self, version: str, take: str) -> Path:
        """Folder of the stems of a take; ``version`` is :data:`FIRST` or :data:`LEARNED`."""
        return self.path / "stems" / version / take

    def notes(self, take: str, *, corrected: bool = False) -> Path:
        """Table of notes of a take, as ``bsep notes`` writes them."""
        return self.path / "notes" / f"{take}{'.corrected' if corrected else ''}.csv"

    def read(self) -> dict[str, Any]:
        """``session.json``; ConfigError if it cannot be read."""
        try:
            values = json.loads(self.about.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(f"{self.about} cannot be read ({error}); restore it, or delete the session") from error
        if not isinstance(values, dict):
            raise ConfigError(f"{self.about} holds no session; restore it, or delete the session")
        return values

    def write(self, values: dict[str, Any]) -> None:
        """Replace ``session.json``."""
        write_json(self.about, values)

    def takes(self) -> dict[str, Path]:
        """Recordings by the name of their take, in the order in which they came."""
        return {Path(name).stem: self.recordings / name for name in self.read().get("recordings", [])}


def write_json(path: Path, values: Any) -> None:
    """Write a small file, whole or not at all."""
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """What a small file holds; None if it is missing or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def stamp(path: Path) -> int:
    """Time of the last change in nanoseconds, 0 if there is no such file."""
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0
