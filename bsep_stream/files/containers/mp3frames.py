"""How many frames an MP3 (or MP2) holds: they are counted, as many a file does not say it, or not truly."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from itertools import pairwise

_BITRATES = {  # kbit/s by MPEG-1 or not, and layer
    (True, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}  # by version
_DECODER_DELAY = 529
"""Samples; of every decoder."""

_LONGEST_TITLES = 2**20
"""Bytes of titles that are looked at: behind them come pictures."""

_ENOUGH = 3
"""Frames in a row that make a stream: the sync alone stands in any data."""


@dataclass(frozen=True)
class Stretch:
    """Frames that follow one another.

    Parameters
    ----------
    start, end : int
        Their bytes.
    counting_frame : bytes
        What says how many they are, to stand before them; empty if libsndfile cannot be told.
    """

    start: int
    end: int
    counting_frame: bytes


@dataclass(frozen=True)
class Mp3Frames:
    """What was counted.

    Parameters
    ----------
    n_frames : int
        Frames of sound, without the first one that only says how many there are.
    n_said : int or None
        What that one says.
    frame_samples, sample_rate : int
    first : int
        Place of the first frame of sound.
    missing_bytes : int
        Of the last frame, which is cut short.
    n_bytes_short : int
        By how many bytes the file is shorter than its first frame says; 0 if it does not say it, or it is not.
    said_seconds : float
        Length that the titles before the frames say; 0 if they do not.
    n_other : int
        Frames of another sample rate, which cannot follow the first ones.
    stretches : tuple of Stretch
        Frames in a row; several where bytes between them are no frames.
    """

    n_frames: int
    n_said: int | None
    frame_samples: int
    sample_rate: int
    first: int
    missing_bytes: int
    n_bytes_short: int
    said_seconds: float
    n_other: int
    stretches: tuple[Stretch, ...]

    @property
    def n_between(self) -> int:
        """Bytes between the stretches."""
        return sum(after.start - before.end for before, after in pairwise(self.stretches))


@dataclass(frozen=True)
class _Header:
    version: int
    layer: int
    rate: int
    mono: bool
    length: int
    samples: int


def count_frames(data: bytes) -> Mp3Frames | None:
    """Count the frames of a file; None if it is none, or of a kind without lengths."""
    first = _find(data, _behind_tag(data, 0))
    if first is None:
        return None
    place, header = first
    said, said_bytes = _said(data, place, header)
    short = max(0, said_bytes - (len(data) - place)) if said_bytes != len(data) else 0  # some count the titles, too
    sound = place + header.length if said is not None else place
    place, n, n_other, missing, size = sound, 0, 0, 0, len(data)
    begun, n_before, stretches = sound, 0, list[Stretch]()
    while place < size - 3:
        found = _header(data, place)
        if found is not None and (found.rate, found.layer) != (header.rate, header.layer):
            n_other += 1
            place += found.length
            continue
        if found is None:
            behind = _behind_tag(data, place)
            if behind > place:
                place = behind
                continue
            again = _find(data, place + 1)
            if again is None:
                break
            if n > n_before:
                stretches.append(Stretch(begun, place, _counting_frame(data[sound : sound + 4], n - n_before)))
            place = begun = again[0]
            n_before = n
            continue
        if place + found.length > size:
            missing = place + found.length - size
            break
        n += 1
        place += found.length
    stretches.append(Stretch(begun, size, _counting_frame(data[sound : sound + 4], n - n_before)))
    seconds = _said_seconds(data[: min(first[0], _LONGEST_TITLES)])
    return Mp3Frames(n, said, header.samples, header.rate, sound, missing, short, seconds, n_other, tuple(stretches))


def _behind_tag(data: bytes, place: int) -> int:
    """Behind the titles that begin at a place, if any do."""
    while data[place : place + 3] == b"ID3" and len(data) >= place + 10:
        size = 0
        for byte in data[place + 6 : place + 10]:
            size = size << 7 | byte & 0x7F
        place += 10 + size + (10 if data[place + 5] & 0x10 else 0)
    return place


def _find(data: bytes, place: int) -> tuple[int, _Header] | None:
    """The next place where frames follow one another."""
    while (place := data.find(b"\xff", place)) >= 0:
        first, at = _header(data, place), place
        for _ in range(_ENOUGH):
            header = _header(data, at)
            if header is None:
                break
            at += header.length
            if at >= len(data) - 3:
                header = first
                break
        if first is not None and header is not None:
            return place, first
        place += 1
    return None


def _header(data: bytes, place: int) -> _Header | None:
    head = data[place : place + 4]
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    bitrate, rate = head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or layer == 4 or bitrate in (0, 15) or rate == 3:
        return None
    hertz = _RATES[version][rate]
    bits = 1000 * _BITRATES[version == 3, layer][bitrate]
    padding = head[2] >> 1 & 1
    if layer == 1:
        samples, length = 384, 4 * (12 * bits // hertz + padding)
    else:
        samples = 576 if layer == 3 and version != 3 else 1152
        length = samples // 8 * bits // hertz + padding
    return _Header(version, layer, hertz, head[3] >> 6 == 3, length, samples)


def _side_bytes(version: int, mono: bool) -> int:
    return (17 if mono else 32) if version == 3 else (9 if mono else 17)


def _said(data: bytes, place: int, header: _Header) -> tuple[int | None, int]:
    """How many frames the first one says there are (-1 if it is such a frame and does not say it), and bytes or 0."""
    at = place + 4 + _side_bytes(header.version, header.mono)
    if data[at : at + 4] in (b"Xing", b"Info"):
        flags, *numbers = struct.unpack(">III", data[at + 4 : at + 16].ljust(12, b"\0"))
        numbers = numbers if flags & 1 else [-1, *numbers]
        return int(numbers[0]), int(numbers[1]) if flags & 2 else 0
    at = place + 36
    if data[at : at + 4] == b"VBRI":
        n_bytes, n_frames = struct.unpack(">II", data[at + 10 : at + 18].ljust(8, b"\0"))
        return int(n_frames), int(n_bytes)
    return None, 0


def _said_seconds(titles: bytes) -> float:
    """The length that ID3 says, in its field TLEN."""
    found = re.search(rb"TLEN\0\0\0([\x02-\x40])..([\0-\3])", titles, re.DOTALL)
    if found is None:
        return 0.0
    text = titles[found.end() : found.end() + found[1][0] - 1]
    digits = bytes(letter for letter in text if 0x30 <= letter <= 0x39)  # one or two bytes a letter
    return int(digits[:12]) / 1000.0 if digits else 0.0


def _counting_frame(head: bytes, n_frames: int) -> bytes:
    """A frame of layer 3 that says how many there are, and a silent one."""
    if len(head) < 4:
        return b""
    largest = bytes([head[0], head[1] | 1, 14 << 4 | head[2] & 0x0C, head[3]])
    header = _header(largest, 0)
    if header is None or header.layer != 3:
        return b""
    # Behind such a frame the decoder takes its own delay away, which it does not do without: a silent frame makes up.
    delay = header.samples - _DECODER_DELAY
    xing = b"Xing" + struct.pack(">II", 1, n_frames + 1)
    lame = b"LAME3.100" + bytes(12) + (delay << 12).to_bytes(3, "big")
    side = bytes(_side_bytes(header.version, header.mono))
    return (largest + side + xing + lame).ljust(header.length, b"\0") + largest.ljust(header.length, b"\0")
