"""Where the samples of a WAV and its kin lie, how many bytes the header says, and how many there are.

RIFF and RF64 (WAV), AIFF and AIFC, W64, CAF: a row of chunks, each with its size, one of them with the samples. AU: a
header before the samples.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, field
from typing import BinaryIO

_STREAMED = (range(2**31 - 2**16, 2**31 + 1), range(2**32 - 2**16, 2**32), range(2**63 - 2**16, 2**64))
"""Sizes that programs write that do not know the length: no promise."""

_MOST_CHUNKS = 4096
_MOST_JUNK = 4096
"""Bytes behind the samples that are no chunk, and too few to be worth the risk of a crackle."""

_TAGS = (b"TAG", b"ID3", b"APETAGEX", b"LYRICSBEGIN", b"3DI")
_USUAL = (
    b"LIST",
    b"INFO",
    b"ID3 ",
    b"id3 ",
    b"bext",
    b"cue ",
    b"smpl",
    b"inst",
    b"iXML",
    b"axml",
    b"_PMX",
    b"fact",
    b"PEAK",
)
"""Chunks that stand behind samples; of these even one that is cut short is none of the samples."""

_W64 = bytes.fromhex("726966662E91CF11A5D628DB04C10000")
_W64_TAIL = bytes.fromhex("F3ACD3118CD100C04F8EDB8A")


@dataclass(frozen=True)
class Samples:
    """The bytes of the samples in a file.

    Parameters
    ----------
    start : int
        The first of them.
    promised : int or None
        How many there should be; None if the header does not know.
    there : int
        How many there are.
    patches : dict of int to bytes
        The header that makes libsndfile read them all; empty if the one that is there does.
    bytes_per_second : int
        0 if it is not known.
    ignored : int
        Bytes behind them that are neither samples nor a chunk.
    """

    start: int
    promised: int | None
    there: int
    patches: dict[int, bytes] = field(default_factory=dict)
    bytes_per_second: int = 0
    ignored: int = 0


@dataclass(frozen=True)
class _Layout:
    """How chunks are written."""

    order: str
    name: int
    size: str
    size_holds_head: bool = False
    even: int = 2
    samples: bytes = b"data"


_RIFF = _Layout("<", 4, "I")
_RIFX = _Layout(">", 4, "I")
_AIFF = _Layout(">", 4, "I", samples=b"SSND")
_SONY = _Layout("<", 16, "Q", size_holds_head=True, even=8, samples=b"data" + _W64_TAIL)
_CAF = _Layout(">", 4, "Q", even=1)


def find_samples(file: BinaryIO) -> Samples | None:
    """Where the samples are, or None where this is no such file, or one that libsndfile shall judge."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(40)
    if head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:12] == b"WAVE":
        return _of_wav(file, head, _RIFF, size)
    if head[:4] == b"RIFX" and head[8:12] == b"WAVE":
        return _of_wav(file, head, _RIFX, size)
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return _of_aiff(file, size)
    if head[:16] == _W64:
        return _of_w64(file, size)
    if head[:4] == b"caff":
        return _of_caf(file, size)
    if head[:4] in (b".snd", b"dns.") and len(head) >= 24:
        return _of_au(head, size)
    return None


def _of_wav(file: BinaryIO, head: bytes, layout: _Layout, size: int) -> Samples | None:
    chunks, data = _chunks_before_samples(file, 12, layout, size)
    if data is None:
        return None
    place, start, said = data
    long_size = None
    if head[:4] != b"RIFF" and "ds64" in chunks and head[:4] != b"RIFX":
        content = _bytes(file, chunks["ds64"][0], 16)
        long_size = struct.unpack("<Q", content[8:16])[0] if len(content) == 16 else None
    if said == 0xFFFFFFFF and long_size is not None:
        said = long_size
    promised = None if _is_no_promise(said) else said
    there, ignored = _extent(file, start, promised, layout, size, wraps=head[:4] in (b"RIFF", b"RIFX"))
    patches = {}
    if there != promised and there != min(size - start, said):
        # With these sizes libsndfile takes all up to the end of the file, however long it is.
        name = b"RIFX" if layout is _RIFX else b"RIFF"
        patches = {0: name, 4: struct.pack(layout.order + "I", 8), place: struct.pack(layout.order + "I", 0)}
    return Samples(start, promised, there, patches, _byte_rate(file, chunks, layout), ignored)


def _of_aiff(file: BinaryIO, size: int) -> Samples | None:
    chunks, data = _chunks_before_samples(file, 12, _AIFF, size)
    if data is None:
        return None
    place, start, said = data
    common = _bytes(file, chunks["COMM"][0], 18) if "COMM" in chunks else b""
    rate = frames = frame_bytes = 0
    if len(common) == 18:
        channels, frames, bits = struct.unpack(">hIh", common[:8])
        exponent, mantissa = struct.unpack(">HQ", common[8:18])
        frame_bytes = max(0, channels) * (max(0, bits) + 7) // 8
        rate = int(mantissa * 2.0 ** min(exponent - 16383 - 63, 0)) * frame_bytes
    promised = None if _is_no_promise(said) else said
    there, ignored = _extent(file, start, promised, _AIFF, size, wraps=True)
    # SSND holds an offset and a block size, 8 bytes, before its samples.
    patches = {}
    if there != promised and there != min(size - start, said):
        patches = {4: bytes(4), place: bytes(4)}
    elif promised is not None and frame_bytes > 0 and frames * frame_bytes < min(there, promised) - 8:
        patches = {chunks["COMM"][0] + 2: struct.pack(">I", (there - 8) // frame_bytes)}
    return Samples(start, promised, there, patches, rate, ignored)


def _of_w64(file: BinaryIO, size: int) -> Samples | None:
    chunks, data = _chunks_before_samples(file, 40, _SONY, size)
    if data is None:
        return None
    place, start, said = data
    promised = None if _is_no_promise(said) or said == 0 else said
    there, ignored = _extent(file, start, promised, _SONY, size, wraps=False)
    patches = {}
    if there != promised:
        patches = {16: struct.pack("<Q", size), place: struct.pack("<Q", there + 24)}
    return Samples(start, said, there, patches, _byte_rate(file, chunks, _SONY), ignored)


def _of_caf(file: BinaryIO, size: int) -> Samples | None:
    chunks, data = _chunks_before_samples(file, 8, _CAF, size)
    if data is None:
        return None
    place, start, said = data
    promised = None if _is_no_promise(said) else said
    there, ignored = _extent(file, start, promised, _CAF, size, wraps=False)
    patches = {} if there == promised else {place: struct.pack(">Q", there)}
    rate = 0
    if "desc" in chunks:
        content = _bytes(file, chunks["desc"][0], 32)
        if len(content) == 32:
            hertz, _, _, packet, frames = struct.unpack(">d4sIII", content[:24])
            rate = int(hertz * packet / frames) if frames and 0 < hertz < 1e7 else 0
    return Samples(start, promised, there, patches, rate, ignored)


def _of_au(head: bytes, size: int) -> Samples | None:
    order = ">" if head[:4] == b".snd" else "<"
    start, said, encoding, rate, channels = struct.unpack(order + "5I", head[4:24])
    width = {1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8, 27: 1}.get(encoding, 0)
    promised = None if _is_no_promise(said) else said
    there = max(0, size - start)
    if promised is not None and 0 < there - promised <= _MOST_JUNK and promised:
        return Samples(start, promised, promised, {}, rate * channels * width, there - promised)
    patches = {8: b"\xff" * 4} if promised is not None and there > promised else {}
    return Samples(start, promised, there, patches, rate * channels * width)


def _byte_rate(file: BinaryIO, chunks: dict[str, tuple[int, int]], layout: _Layout) -> int:
    """Bytes a second, as a chunk of Microsoft's says; 0 if there is none, or a cut one."""
    fmt = _bytes(file, chunks["fmt "][0], 12) if "fmt " in chunks else b""
    rate: int = struct.unpack(layout.order + "I", fmt[8:12])[0] if len(fmt) == 12 else 0
    return rate


def _is_no_promise(size: int | None) -> bool:
    return size is None or any(size in sizes for sizes in _STREAMED)


def _chunks_before_samples(
    file: BinaryIO, place: int, layout: _Layout, size: int
) -> tuple[dict[str, tuple[int, int]], tuple[int, int, int] | None]:
    """Place and size of what the chunks hold, by name; and of the samples: of the size, of the first, the size."""
    chunks: dict[str, tuple[int, int]] = {}
    for _ in range(_MOST_CHUNKS):
        head = _head(file, place, layout)
        if head is None:
            break
        name, said = head
        start = place + layout.name + struct.calcsize(layout.size)
        if name == layout.samples:
            return chunks, (place + layout.name, start, said)
        chunks.setdefault(name[:4].decode("latin-1"), (start, said))
        place = start + said + -said % layout.even
        if place > size:
            break
    return chunks, None


def _head(file: BinaryIO, place: int, layout: _Layout) -> tuple[bytes, int] | None:
    content = _bytes(file, place, layout.name + struct.calcsize(layout.size))
    if len(content) < layout.name + struct.calcsize(layout.size):
        return None
    said = struct.unpack(layout.order + layout.size, content[layout.name :])[0]
    if layout.size_holds_head:
        said = max(0, said - len(content))
    return content[: layout.name], said


def _extent(
    file: BinaryIO, start: int, promised: int | None, layout: _Layout, size: int, *, wraps: bool
) -> tuple[int, int]:
    """How many bytes of samples there are, and how many behind them are neither samples nor chunks."""
    rest = size - start
    if promised is None or promised >= rest:
        return rest, 0
    turns = range(0, rest - promised + 1, 2**32) if wraps else range(1)
    for turn in turns:  # a size of 32 bits that the samples have outgrown, perhaps several times
        if _only_chunks_from(file, start + promised + turn, layout, size) and (promised + turn or rest < layout.even):
            return promised + turn, 0
    if promised > 0 and rest - promised <= _MOST_JUNK:
        return promised, rest - promised
    behind = _bytes(file, start + promised, 16)
    if promised and behind.startswith(_TAGS):
        return promised, 0
    return rest, 0


def _only_chunks_from(file: BinaryIO, place: int, layout: _Layout, size: int) -> bool:
    """Whether nothing but whole chunks stands between a place and the end of the file."""
    first = place
    for _ in range(_MOST_CHUNKS):
        if place >= size - 1:
            return True
        head = _head(file, place + -place % layout.even, layout)
        if head is None or not _is_name(head[0]):  # some programs forget the byte that makes a place even
            head = _head(file, place, layout)
            if head is None or not _is_name(head[0]):
                return False
        else:
            place += -place % layout.even
        if place - first < layout.even and head[0][:4] in _USUAL:
            return True
        place += layout.name + struct.calcsize(layout.size) + head[1]
        if place > size + 1:
            return False
    return False


def _is_name(name: bytes) -> bool:
    return all(32 <= letter < 127 for letter in name[:4])


def _bytes(file: BinaryIO, place: int, n: int) -> bytes:
    file.seek(place)
    return file.read(n)
