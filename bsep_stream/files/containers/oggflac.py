"""FLAC in the pages of an Ogg, as ffmpeg and radio write it: taken out of them, as libsndfile reads little of it."""

from __future__ import annotations

import os
import tempfile
from typing import BinaryIO

_MAPPING = b"\x7fFLAC"
_MAPPING_BYTES = 9
"""Before the native FLAC in the first packet: the name, a version, and how many more headers come."""

_BEGINS, _ENDS = 2, 4


def taken_out(file: BinaryIO) -> tuple[BinaryIO, bool] | None:
    """The FLAC of an Ogg in a temporary file, and whether its last page says that it is the last.

    Parameters
    ----------
    file : binary file
        Can seek, and begins with a page.

    Returns
    -------
    (binary file, bool) or None
        None if the Ogg holds something else. Links of a chain follow one another as FLACs do.
    """
    size = file.seek(0, os.SEEK_END)
    place, serial, ended = 0, b"", False
    copy: BinaryIO | None = None
    while place < size:
        file.seek(place)
        head = file.read(27)
        if len(head) < 27 or head[:4] != b"OggS":
            break
        lengths = file.read(head[26])
        content = file.read(sum(lengths))
        place += 27 + len(lengths) + sum(lengths)
        if head[5] & _BEGINS and content.startswith(_MAPPING) and (copy is None or ended):
            copy = tempfile.TemporaryFile() if copy is None else copy  # noqa: SIM115  whoever reads it closes it
            serial, ended, content = head[14:18], False, content[_MAPPING_BYTES:]
        if copy is not None and head[14:18] == serial:
            copy.write(content)
            ended = ended or bool(head[5] & _ENDS)
        elif copy is None and not head[5] & _BEGINS:
            return None  # the beginnings of all streams stand in front
    if copy is None:
        return None
    copy.flush()
    return copy, ended
