"""The streams that follow one another in an Ogg file: a chain, as radio makes it at every new title."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import BinaryIO

_BEGINS, _ENDS = 2, 4


@dataclass(frozen=True)
class OggLink:
    """One stream (or several at once) of a chain.

    Parameters
    ----------
    start, end : int
        Its bytes, up to the end of its last whole page.
    ended : bool
        Whether its last page says that it is the last.
    """

    start: int
    end: int
    ended: bool


def find_links(file: BinaryIO) -> list[OggLink]:
    """The links of a chain; empty if the file is no Ogg."""
    size = file.seek(0, os.SEEK_END)
    links: list[OggLink] = []
    place = start = 0
    ended, beginning = False, True
    while place < size:
        file.seek(place)
        head = file.read(27)
        if len(head) < 27 or head[:4] != b"OggS":
            if place == 0:
                return []
            found = _next_page(file, place + 1)
            if found is None:
                break
            place = found
            continue
        if head[5] & _BEGINS and not beginning:
            links.append(OggLink(start, place, ended))
            start, ended = place, False
        beginning = bool(head[5] & _BEGINS)
        end = place + 27 + head[26] + sum(file.read(head[26]))
        if end > size:
            break
        ended |= bool(head[5] & _ENDS)
        place = end
    links.append(OggLink(start, place, ended))
    return links


def _next_page(file: BinaryIO, place: int) -> int | None:
    before = b""
    file.seek(place)
    while data := file.read(2**16):
        at = (before + data).find(b"OggS")
        if at >= 0:
            return place - len(before) + at
        place += len(data)
        before = (before + data)[-3:]
    return None
