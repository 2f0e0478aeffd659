"""Names of files, as every system takes them: what is made here may be copied to there."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

_DEVICES = {"con", "prn", "aux", "nul", "conin$", "conout$"} | {
    f"{port}{number}" for port in ("com", "lpt") for number in "0123456789\u00b9\u00b2\u00b3"
}


def folded(name: str) -> str:
    """The same for names that some file systems take for one: capitals and small letters, accents in either form."""
    return unicodedata.normalize("NFC", name).casefold()


def is_device(name: str) -> bool:
    """Whether Windows takes a name for a device and not for a file, whatever stands behind its first dot."""
    return name.split(".")[0].rstrip(" ").casefold() in _DEVICES


def real(path: str | Path) -> Path:
    """Where a path leads, through links; those in a circle stay, where ``Path.resolve`` of Python 3.12 raises."""
    return Path(os.path.realpath(path))
