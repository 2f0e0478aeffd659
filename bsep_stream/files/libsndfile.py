"""How libsndfile is spoken to: names of files, reading without seeking, and what it says of a file in its log."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path
from typing import Any

# libsndfile accepts a header that promises more than the file holds and only notes it in its log. Sizes of
# 0x7FFFFFFF and more are what programs write that do not know the length yet: no truncation.
_PROMISE = re.compile(r"^\s*(?:data|SSND|riff|Riff size)\s*:\s*(\d+)\s+\(should be (\d+)\)", re.MULTILINE)
_UNKNOWN_LENGTH = 2**31 - 2**16


def file_name(path: Path) -> str | bytes:
    """What libsndfile calls a file: its bytes where they are no text."""
    name = str(path)
    return name if name.isprintable() else os.fsencode(name)


@cache
def forward_reader() -> Any:
    """A SoundFile that never seeks: some formats cannot, and none needs to that is read from its start."""
    import soundfile

    class ForwardReader(soundfile.SoundFile):  # type: ignore[misc]
        def seekable(self) -> bool:
            return False

    return ForwardReader


def broken_promises(log: str) -> list[str]:
    """Remarks on a file whose header promises more than libsndfile found, which it only notes in its log."""
    for promised, found in _PROMISE.findall(log):
        if int(found) < int(promised) < _UNKNOWN_LENGTH:
            return [f"is truncated: its header promises {promised} bytes and {found} are there"]
    return []


def reason(error: BaseException) -> str:
    """What libsndfile says of a failure, without the name of the file, which our sentence has already."""
    text = str(error).strip().rstrip(".")
    if "File does not exist" in text:  # so it says that it found no frame of an MP3
        return "no sound was found in it"
    return text.rsplit(": ", 1)[-1] if text.startswith("Error opening") else text
