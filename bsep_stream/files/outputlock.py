"""One writer for one output: a second process is refused, however the first one ends."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bsep_stream.errors import BusyError, ConfigError
from bsep_stream.files.atomic import LONGEST_NAME, check_target

LOCK_NAME = ".bsep.lock"
"""Of the file in a folder that is being written; beside a file, its name stands before."""

_PATIENCE_SECONDS = 0.2  # a lock that is just being removed is no lock


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Keep other processes from writing into a folder. It is made, and goes again if nothing comes into it.

    Raises
    ------
    BusyError
        If another process does.
    """
    folder = Path(folder)
    with _locked(folder / LOCK_NAME, folder, "folder"):
        yield


@contextmanager
def locked_file(path: Path) -> Iterator[None]:
    """Keep other processes from writing a file.

    Raises
    ------
    BusyError
        If another process does.
    ConfigError
        If it cannot be a file that is written, see :func:`~bsep_stream.files.atomic.check_target`.
    """
    named = Path(path)
    check_target(named)
    path = Path(os.path.realpath(named))
    if path.is_dir():
        raise ConfigError(f"{named} is a folder; give the name of a file")
    name = os.fsencode(path.name)
    short = path.name if len(name) + len(LOCK_NAME) < LONGEST_NAME else hashlib.sha256(name).hexdigest()
    with _locked(path.parent / f".{short}{LOCK_NAME}", named, "file"):
        yield


@contextmanager
def _locked(lock_path: Path, target: Path, kind: str) -> Iterator[None]:
    from filelock import FileLock, Timeout

    made = [folder for folder in lock_path.parents if not folder.exists()]
    lock_path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(str(lock_path), timeout=_PATIENCE_SECONDS)
    try:
        lock.acquire()
    except Timeout as error:
        raise BusyError(
            f"another process is writing the {kind} {target}; wait until it has ended, or give another output"
        ) from error
    try:
        yield
    finally:
        # The system frees the lock of a process that was killed; its file, which does no harm, is removed here.
        if os.name == "posix":
            lock_path.unlink(missing_ok=True)
        lock.release()
        with suppress(OSError):  # not empty: something came of it
            for folder in made:
                folder.rmdir()
