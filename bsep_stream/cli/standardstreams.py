"""Standard streams as a command finds them: closed, or unable to say every letter."""

from __future__ import annotations

import codecs
import io
import os
import sys
from contextlib import suppress
from typing import Any

_SHOWN = "bsep-shown"


def steady_streams() -> None:
    """Let nothing that is said end a command: closed streams swallow it, letters that they lack are described.

    The same for standard error on a full disk, or whose reader has gone: the work goes on, and what it writes counts.

    A stream that the caller closed leaves its number free, and the next file that is opened would get it: what a
    library then writes to standard error would stand in a stem.
    """
    _fill_numbers()
    codecs.register_error(_SHOWN, _shown)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None or stream.closed:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115  as long as the process
        elif isinstance(stream, io.TextIOWrapper):
            with suppress(io.UnsupportedOperation):  # somebody has read from it before
                stream.reconfigure(errors=_SHOWN if mode == "w" else "backslashreplace")
            if name == "stderr":
                sys.stderr = _swallowing(stream)


def _swallowing(stream: io.TextIOWrapper) -> io.TextIOWrapper:
    raw = getattr(stream.buffer, "raw", stream.buffer)  # itself with PYTHONUNBUFFERED
    if not isinstance(raw, io.RawIOBase) or isinstance(raw, _Swallowing):
        return stream
    buffer = io.BufferedWriter(_Swallowing(raw, stream))
    return io.TextIOWrapper(
        buffer, encoding=stream.encoding, errors=stream.errors, line_buffering=True, write_through=True
    )


class _Swallowing(io.RawIOBase):
    """A stream that loses what cannot be written, and goes on.

    Parameters
    ----------
    raw : io.RawIOBase
    owner : io.TextIOWrapper
        Whose it is: it would close it with itself.
    """

    def __init__(self, raw: io.RawIOBase, owner: io.TextIOWrapper) -> None:
        self._raw, self._owner = raw, owner

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._raw.isatty()

    def fileno(self) -> int:
        return self._raw.fileno()

    def write(self, data: Any) -> int | None:
        try:
            return self._raw.write(data)
        except OSError:
            return len(data)


def _fill_numbers() -> None:
    while True:
        number = os.open(os.devnull, os.O_RDWR)
        if number > 2:
            os.close(number)
            return


def _shown(error: UnicodeError) -> tuple[str | bytes, int]:
    """Letters that an encoding lacks as Python writes them; bytes of a name that are no text as they are."""
    assert isinstance(error, UnicodeEncodeError)
    letter = error.object[error.start]
    if 0xDC80 <= ord(letter) <= 0xDCFF:
        return bytes([ord(letter) - 0xDC00]), error.start + 1
    return letter.encode("ascii", "backslashreplace"), error.start + 1
