"""Recordings in many containers, and damage that gets past their checksums to what reads the rest."""

from __future__ import annotations

import io
from random import Random

import numpy as np

from bsep_stream.fuzz.mutations import damaged_bytes

_FORMATS = {
    "a.wav": ("WAV", "PCM_16"),
    "b.wav": ("WAV", "FLOAT"),
    "c.wav": ("WAVEX", "PCM_24"),
    "d.wav": ("RF64", "PCM_16"),
    "e.wav": ("WAV", "MS_ADPCM"),
    "f.w64": ("W64", "PCM_16"),
    "g.aiff": ("AIFF", "PCM_16"),
    "h.caf": ("CAF", "PCM_16"),
    "i.au": ("AU", "ULAW"),
    "j.nist": ("NIST", "PCM_16"),
    "k.flac": ("FLAC", "PCM_16"),
    "l.ogg": ("OGG", "VORBIS"),
    "m.ogg": ("OGG", "OPUS"),
    "n.mp3": ("MP3", "MPEG_LAYER_III"),
}
_N_SAMPLES = 4_000
_HEADS = (24, 64, 256)
"""Bytes of a beginning that is damaged alone: by chance over the whole file it would hardly ever be hit."""


def sounds() -> dict[str, bytes]:
    """A short recording in every format that this libsndfile writes, by names of files."""
    import soundfile

    noise = 0.1 * np.random.default_rng(0).standard_normal((_N_SAMPLES, 2))
    found = {}
    for name, (container, subtype) in _FORMATS.items():
        if not soundfile.check_format(container, subtype):
            continue
        content = io.BytesIO()
        soundfile.write(content, noise, 48_000, subtype, format=container)
        data = content.getvalue()
        found[name] = mended_pages(data, new_serial=True) if container == "OGG" else data  # else by the clock
    return found


def damaged_sound(data: bytes, rng: Random) -> bytes:
    """A recording with damage anywhere, in its beginning, at its end, or with a second one behind it."""
    kind = rng.randrange(6)
    if kind == 0:
        damaged = data + damaged_bytes(data, rng)
    elif kind == 1:
        damaged = data[: rng.randrange(len(data))]
    elif kind == 2:
        damaged = damaged_bytes(data, rng)
    else:
        head = rng.choice(_HEADS)
        damaged = damaged_bytes(data[:head], rng) + data[head:]
    return mended_pages(damaged) if rng.random() < 0.5 else damaged


def mended_pages(data: bytes, *, new_serial: bool = False) -> bytes:
    """An Ogg whose pages have the checksums of what is in them; anything else as it is."""
    content, place = bytearray(data), 0
    while content[place : place + 4] == b"OggS" and len(content) >= place + 27:
        n_segments = content[place + 26]
        end = place + 27 + n_segments + sum(content[place + 27 : place + 27 + n_segments])
        if new_serial:
            content[place + 14 : place + 18] = (1).to_bytes(4, "little")
        content[place + 22 : place + 26] = bytes(4)
        content[place + 22 : place + 26] = _crc32(content[place:end]).to_bytes(4, "little")
        place = end
    return bytes(content)


def _table() -> list[int]:
    table = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1 ^ 0x04C11DB7 if value >> 31 else value << 1) & 0xFFFFFFFF
        table.append(value)
    return table


_CRC32 = _table()


def _crc32(data: bytes | bytearray) -> int:
    """As Ogg has it: not turned round, as those of zip are."""
    value = 0
    for byte in data:
        value = (value << 8 & 0xFFFFFF00) ^ _CRC32[value >> 24 ^ byte]
    return value
