"""Recordings that can be read only once: a fifo, or what a shell makes of ``<(...)``."""

from __future__ import annotations

import os
import select
import shutil
import stat
import tempfile
import time
from pathlib import Path
from typing import BinaryIO

from bsep_stream.errors import AudioError

WRITER_SECONDS = 5.0
"""So long somebody may take to begin writing into a fifo."""

_STEP_SECONDS = 0.1


def reads_once(path: Path) -> bool:
    """Whether a path is there and is no file that could be read a second time."""
    return path.exists() and not path.is_file() and not path.is_dir()


def readable_bytes(path: Path) -> BinaryIO:
    """The bytes of a recording, to be read in any order; what comes once is copied to a temporary file.

    Raises
    ------
    AudioError
        If it cannot be opened, is a device, or a fifo into which nobody writes.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode):
            return path.open("rb")
        if not stat.S_ISFIFO(mode):
            raise AudioError(f"{path} is a device and no recording; give a file, or pipe the sound in and give -")
        return _copied(path)
    except OSError as error:
        raise AudioError(f"{path} cannot be read ({error.strerror or error}); give a recording that can be") from error


def _copied(path: Path) -> BinaryIO:
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # else it would wait for a writer, perhaps for ever
    with os.fdopen(handle, "rb", buffering=0) as source:
        first = _first_bytes(path, handle)
        os.set_blocking(handle, True)
        copy = tempfile.TemporaryFile()  # noqa: SIM115  whoever reads it closes it
        try:
            copy.write(first)
            shutil.copyfileobj(source, copy)
            copy.flush()
        except BaseException:
            copy.close()
            raise
    return copy


def _first_bytes(path: Path, handle: int) -> bytes:
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    patience = time.monotonic() + WRITER_SECONDS
    while True:
        events = poll.poll(1000 * _STEP_SECONDS)
        try:
            data = os.read(handle, 2**16)
        except BlockingIOError:
            continue  # somebody holds it open for writing: what comes is worth waiting for
        if data:
            return data
        if events:
            raise AudioError(f"nothing came out of {path}; look at what writes into it")
        if time.monotonic() > patience:
            raise AudioError(
                f"nobody writes into {path}, which is a fifo; start what writes into it first, or pipe it in and give -"
            )
