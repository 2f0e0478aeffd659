"""All sessions of a folder: make, find, list, rename, delete."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bsep_stream.errors import ConfigError
from bsep_stream.filenames import is_device, real
from bsep_stream.studio.recordings import look_at
from bsep_stream.studio.sessionfolder import SessionFolder, file_name, read_json
from bsep_stream.studio.solos import solos_under
from bsep_stream.words import RESERVED

MOST_SOURCES = 4
MOST_TONES = 4
MOST_TITLE = 120
MINUTES = (0.1, 600.0)


class Sessions:
    """The sessions in a folder, a folder each.

    Parameters
    ----------
    folder : Path
        Is made if it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = real(Path(folder).expanduser())
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = error.strerror
            raise ConfigError(f"{self.folder} cannot be a folder of sessions ({reason}); name another") from error

    def create(self, title: str) -> SessionFolder:
        """A new session; its folder is called after the title."""
        title = _checked_title(title)
        base = re.sub(r"[^\w-]+", "-", title.lower()).strip("-")[:40] or "session"
        for number in range(1, 10_000):
            folder = SessionFolder(self.folder / (base if number == 1 else f"{base}-{number}"))
            try:
                folder.path.mkdir()
            except FileExistsError:
                continue
            about = {"title": title, "created": time.time(), "sources": [], "recordings": [], "minutes": None}
            try:
                folder.write(about)
            except OSError:  # a full disk shall not be littered with empty folders
                folder.path.rmdir()
                raise
            return folder
        raise ConfigError(f"there are too many sessions called {title!r}; give another title")

    def find(self, name: str) -> SessionFolder:
        """A session by the name of its folder; ConfigError if there is none."""
        folder = SessionFolder(self.folder / name)
        if name != Path(name).name or name.startswith(".") or not folder.about.is_file():
            raise ConfigError(f"there is no session {name[:LONGEST_SHOWN]!r} here")
        return folder

    def all(self) -> list[dict[str, Any]]:
        """What a list shows of every session, the newest first."""
        rows = []
        for about in self.folder.glob("*/session.json"):
            folder = SessionFolder(about.parent)
            values = read_json(about)
            if isinstance(values, dict):
                rows.append({"name": folder.name, "phase": phase_of(folder), **values})
        return sorted(rows, key=lambda row: -float(row.get("created") or 0.0))

    def delete(self, name: str) -> None:
        """Remove a session with all that is in it."""
        shutil.rmtree(self.find(name).path)


LONGEST_SHOWN = 60


def phase_of(folder: SessionFolder) -> str:
    """How far a session is, as its files say."""
    progress = read_json(folder.progress)
    return str(progress.get("phase", "new")) if isinstance(progress, dict) else "new"


def describe(folder: SessionFolder) -> dict[str, Any]:
    """A session as its page needs it, with what is to be said of its recordings."""
    values = folder.read()
    takes = []
    for take, path in folder.takes().items():
        takes.append({"take": take, "file": path.name, **look_at(path, folder.cache)})
    return {**values, "name": folder.name, "takes": takes}


def change(folder: SessionFolder, values: Mapping[str, Any]) -> None:
    """Take what the page says of title, sources and time.

    Raises
    ------
    ConfigError
        If it makes no sense; nothing is changed then.
    """
    known = folder.read()
    if "title" in values:
        known["title"] = _checked_title(values["title"])
    if "sources" in values:
        before, known["sources"] = known.get("sources", []), checked_sources(values["sources"])
        names = ([source["name"] for source in sources] for sources in (before, known["sources"]))
        known["solos"] = solos_under(known.get("solos", []), *names)
    if "minutes" in values:
        minutes = values["minutes"]
        if minutes is not None and not (_is_number(minutes) and MINUTES[0] <= minutes <= MINUTES[1]):
            raise ConfigError(f"a training takes {MINUTES[0]:g} to {MINUTES[1]:g} minutes, got {minutes!r}")
        known["minutes"] = minutes
    if "iterations" in values:
        iterations = values["iterations"]
        if iterations is not None and not (isinstance(iterations, int) and 1 <= iterations <= 1_000_000):
            raise ConfigError(f"iterations must be a whole number from 1 to 1000000, got {iterations!r}")
        known["iterations"] = iterations
    folder.write(known)


def checked_sources(sources: object) -> list[dict[str, Any]]:
    """Names and tones of the instruments, as ``bsep train --sources`` takes them."""
    if not isinstance(sources, Sequence) or isinstance(sources, str) or len(sources) > MOST_SOURCES:
        raise ConfigError(f"a session has 2 to {MOST_SOURCES} instruments")
    found: list[dict[str, Any]] = []
    for source in sources:
        name = source.get("name") if isinstance(source, Mapping) else None
        tones = source.get("tones", 1) if isinstance(source, Mapping) else None
        if not isinstance(name, str):
            raise ConfigError("an instrument has a name and a number of tones")
        name = "_".join(name.split())
        if not re.fullmatch(r"\w[\w-]{0,39}", name):
            raise ConfigError(f"an instrument has a name of 1 to 40 letters, digits, - or _, got {name[:40]!r}")
        if name.lower() in RESERVED:
            raise ConfigError(f"an instrument cannot be called {name}: a file of that name stands beside the stems")
        if is_device(name):
            raise ConfigError(f"an instrument cannot be called {name}: Windows has no files of that name")
        if isinstance(tones, bool) or tones not in range(1, MOST_TONES + 1):
            raise ConfigError(f"{name} plays 1 to {MOST_TONES} tones at once, got {tones!r}")
        found.append({"name": name, "tones": tones})
    if len({each["name"].lower() for each in found}) < len(found):
        raise ConfigError("two instruments have the same name; tell them apart, as flute_1 and flute_2")
    return found


def add_recording(folder: SessionFolder, name: str) -> Path:
    """Where a recording of that name is to be written; it counts once :func:`keep_recording` was called."""
    if folder.read().get("solos"):
        raise ConfigError(
            "passages are marked in the recording that is there: take them out first, or make a new session for another"
        )
    target = folder.recordings / file_name(name)
    there = {take.lower() for take in folder.takes()}
    if target.exists() or target.stem.lower() in there:
        raise ConfigError(f"this session has a recording {target.stem!r} already; rename the new one")
    folder.recordings.mkdir(exist_ok=True)
    return target


def keep_recording(folder: SessionFolder, path: Path) -> None:
    """Count a file that was written as a recording of the session."""
    values = folder.read()
    values["recordings"] = [*values.get("recordings", []), path.name]
    folder.write(values)


def remove_recording(folder: SessionFolder, name: str) -> None:
    """Take a recording out of the session; a run that knows it cannot go on."""
    values = folder.read()
    if name not in values.get("recordings", []):
        raise ConfigError(f"this session has no recording {name[:LONGEST_SHOWN]!r}")
    if folder.run.exists():
        raise ConfigError("the training has begun with this recording; make a new session to leave it out")
    values["recordings"] = [each for each in values["recordings"] if each != name]
    values["solos"] = []  # their times were those of it
    folder.write(values)
    (folder.recordings / name).unlink(missing_ok=True)


def _checked_title(title: object) -> str:
    if not isinstance(title, str) or not title.strip() or len(title) > MOST_TITLE:
        raise ConfigError(f"a session has a title of 1 to {MOST_TITLE} letters")
    return " ".join(title.split())


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
