"""A disk that is full, told in the same words wherever it is met."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

FULL_DISK = "The disk is full; nothing that was there is lost. Make room and try again."

_SIGNS = ("No space left on device", "is the disk full")  # what the libraries say that write sounds and checkpoints
_LEAST_BYTES = 100_000


def told(error: Exception) -> str:
    """What an error says, to somebody who has no command line."""
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    return FULL_DISK if full or any(sign in str(error) for sign in _SIGNS) else str(error)


def is_full(folder: Path) -> bool:
    """Whether not even a small file can be written any more."""
    try:
        return shutil.disk_usage(folder).free < _LEAST_BYTES
    except OSError:
        return False
