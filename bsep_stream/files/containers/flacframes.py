"""How many samples a FLAC holds: its frames count them, whatever its header says."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import BinaryIO

MARKER = b"fLaC\x00\x00\x00\x22"
"""Begins a FLAC: also one that was appended to another."""

_TAIL_BYTES = 4 * 2**20  # more than the longest frame
_TOTAL = 18  # from the marker on: eight bytes that end with the 36 bits of the number of samples
_BLOCK_SIZES = {1: 192, **{i: 576 << (i - 2) for i in range(2, 6)}, **{i: 256 << (i - 8) for i in range(8, 16)}}


@dataclass(frozen=True)
class FlacSamples:
    """One FLAC in a file.

    Parameters
    ----------
    start, end : int
        Its bytes.
    promised : int or None
        Samples that its header says; None if it does not know.
    there : int or None
        Samples in whole frames; None if no whole frame was found.
    whole : bool
        Whether the file ends with a whole frame.
    patches : dict of int to bytes
        The header that says what is there.
    """

    start: int
    end: int
    promised: int | None
    there: int | None
    whole: bool
    patches: dict[int, bytes]


def find_flacs(file: BinaryIO) -> list[FlacSamples]:
    """All FLACs of a file, one behind the other; empty where it begins otherwise."""
    size = file.seek(0, os.SEEK_END)
    starts = _starts(file, size)
    return [_look(file, start, end) for start, end in zip(starts, [*starts[1:], size], strict=True)]


def _starts(file: BinaryIO, size: int) -> list[int]:
    file.seek(0)
    if file.read(4) != MARKER[:4]:
        return []
    found, place, before = [0], 0, b""
    file.seek(0)
    while data := file.read(2**20):
        block = before + data
        at = block.find(MARKER)
        while at >= 0:
            if place - len(before) + at > 0:
                found.append(place - len(before) + at)
            at = block.find(MARKER, at + 1)
        place += len(data)
        before = block[-len(MARKER) + 1 :]
    return found


def _look(file: BinaryIO, start: int, end: int) -> FlacSamples:
    file.seek(start)
    head = file.read(_TOTAL + 8)
    fields = int.from_bytes(head[_TOTAL:], "big")
    promised = fields & (2**36 - 1)
    fixed = int.from_bytes(head[8:10], "big")
    there, whole = _count(file, start, end, fixed)
    patches = {}
    if there is not None and there != promised:
        patches = {start + _TOTAL: (fields - promised + there).to_bytes(8, "big")}
    return FlacSamples(start, end, promised or None, there, whole, patches)


def _count(file: BinaryIO, start: int, end: int, fixed: int) -> tuple[int | None, bool]:
    """Samples up to the end of the last whole frame, and whether nothing stands behind it."""
    first = min(max(start + 42, end - _TAIL_BYTES), end)  # not even the first 42 bytes may be there
    file.seek(first)
    tail = file.read(end - first)
    if tail[-128:-125] == b"TAG":  # titles as an MP3 has them
        tail = tail[:-128]
    stop, place, whole = len(tail), len(tail), True
    while (place := tail.rfind(b"\xff", 0, place)) >= 0:
        samples = _frame_end(tail, place, fixed)
        if samples is None:
            continue
        if _crc16(tail[place:stop]) == 0:
            return samples, whole
        stop, whole = place, False
        if len(tail) - place > _TAIL_BYTES // 2:
            break
    return None, False


def _frame_end(data: bytes, place: int, fixed: int) -> int | None:
    """Samples of the recording up to the end of the frame whose header stands at a place; None if none does."""
    head = data[place : place + 16]
    if len(head) < 6 or head[1] & 0xFE != 0xF8 or head[3] & 1:
        return None
    code, rate_code = head[2] >> 4, head[2] & 15
    if code == 0 or rate_code == 15 or head[3] >> 4 > 10:
        return None
    length = 1 if head[4] < 0x80 else 8 - (head[4] ^ 0xFF).bit_length()
    if length > 7 or (length == 1 and head[4] >= 0x80):
        return None
    number = head[4] if length == 1 else head[4] & (0x7F >> length)
    for byte in head[5 : 4 + length]:
        if byte >> 6 != 2:
            return None
        number = number << 6 | byte & 0x3F
    at = 4 + length
    n = _BLOCK_SIZES.get(code, 0)
    if code in (6, 7):
        width = code - 5
        n = int.from_bytes(head[at : at + width], "big") + 1
        at += width
    at += {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    if at >= len(head) or _crc8(head[:at]) != head[at] or not n:
        return None
    return number + n if head[1] & 1 else number * fixed + n


def _table(polynomial: int, bits: int) -> list[int]:
    top, mask = 1 << (bits - 1), (1 << bits) - 1
    table = []
    for byte in range(256):
        value = byte << (bits - 8)
        for _ in range(8):
            value = (value << 1 ^ polynomial if value & top else value << 1) & mask
        table.append(value)
    return table


_CRC8, _CRC16 = _table(0x07, 8), _table(0x8005, 16)


def _crc8(data: bytes) -> int:
    value = 0
    for byte in data:
        value = _CRC8[value ^ byte]
    return value


def _crc16(data: bytes) -> int:
    value = 0
    for byte in data:
        value = (value << 8 & 0xFF00) ^ _CRC16[value >> 8 ^ byte]
    return value
