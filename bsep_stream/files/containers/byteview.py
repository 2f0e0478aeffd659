"""A file seen with other bytes in some places."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from typing import BinaryIO


class ByteView(io.RawIOBase):
    """Part of a file, perhaps with something before it or other bytes in it; the file itself is not touched.

    Parameters
    ----------
    file : binary file
        Can seek; may be shared with other views of the same thread.
    start, end : int
        The part of the file that is seen.
    prefix : bytes
        Comes before it.
    patches : mapping of int to bytes
        What stands at a position of the file instead of what is there.
    """

    def __init__(
        self, file: BinaryIO, start: int, end: int, prefix: bytes = b"", patches: Mapping[int, bytes] | None = None
    ) -> None:
        self._file = file
        self._start, self._end = start, end
        self._prefix = prefix
        self._patches = dict(patches or {})
        self._position = 0
        self._length = len(prefix) + end - start

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a position; before the beginning is the beginning."""
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._length}[whence]
        self._position = max(0, origin + offset)
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill a buffer as far as the view goes; the number of bytes."""
        wanted = min(len(buffer), max(0, self._length - self._position))
        data = self._prefix[self._position : self._position + wanted]
        if len(data) < wanted:
            place = self._start + self._position + len(data) - len(self._prefix)
            self._file.seek(place)
            rest = bytearray(self._file.read(wanted - len(data)))
            for at, patch in self._patches.items():
                first, last = max(at, place), min(at + len(patch), place + len(rest))
                if first < last:
                    rest[first - place : last - place] = patch[first - at : last - at]
            data += bytes(rest)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)
