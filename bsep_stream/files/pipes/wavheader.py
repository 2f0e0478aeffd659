"""The beginning of a WAV in a pipe, where nothing can be looked up later and the length may be unknown."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from bsep_stream.errors import AudioError
from bsep_stream.files.pipes.samples import SAMPLE_FORMATS, SampleFormat

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_INTEGERS = {1: "u8", 2: "s16le", 3: "s24le", 4: "s32le"}  # by bytes
_FLOATS = {4: "f32le", 8: "f64le"}
_UNSPECIFIED = 0xFFFF_FFFF
_LARGEST = 2**32 - 2**16  # a size has 32 bits; leave room for the header
_NO_PROMISE = (range(1), range(2**31 - 2**16, 2**31 + 1), range(_LARGEST, 2**32))
"""Sizes that programs write that do not know the length."""
_LONGEST_CHUNK = 2**26  # before the samples: pictures and the like; more is no WAV


@dataclass(frozen=True)
class PipeFormat:
    """What comes out of a pipe.

    Parameters
    ----------
    sample_rate : int
        Hz.
    channels : int
    samples : SampleFormat
    n_bytes : int or None
        How many bytes of samples there will be; None: as many as come.
    """

    sample_rate: int
    channels: int
    samples: SampleFormat
    n_bytes: int | None = None

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of all channels."""
        return self.channels * self.samples.width


def read_wav_header(read: Callable[[int], bytes]) -> PipeFormat:
    """Read a WAV up to its first sample.

    Parameters
    ----------
    read : callable
        Returns exactly so many bytes, fewer only at the end.

    Raises
    ------
    AudioError
        If it is no WAV, or one of a kind that cannot be read from a pipe.
    """
    start = read(12)
    if not start:
        raise AudioError("nothing came from standard input: pipe a WAV into it")
    if start[:4] not in (b"RIFF", b"RF64", b"BW64") or start[8:] != b"WAVE":
        raise AudioError(
            "standard input is no WAV: give it one (`ffmpeg -i FILE -f wav - |`, `sox FILE -t wav - |`), "
            "or --raw-rate for raw samples"
        )
    fmt, long_size = b"", None
    while True:
        head = read(8)
        if len(head) < 8:
            raise AudioError("the WAV from standard input ends before its first sample; look at what writes it")
        name, size = head[:4], struct.unpack("<I", head[4:])[0]
        if name == b"data":
            break
        if size > _LONGEST_CHUNK:
            raise AudioError(f"the WAV from standard input is damaged: its chunk {name!r} says {size} bytes")
        content = read(size + size % 2)  # chunks begin at even places
        if name == b"fmt ":
            fmt = content
        elif name == b"ds64" and len(content) >= 16:
            long_size = struct.unpack("<Q", content[8:16])[0]
    if start[:4] != b"RIFF" and size == _UNSPECIFIED and long_size is not None:
        size = long_size
        known = 0 < size < 2**63 - 1
    else:
        known = not any(size in sizes for sizes in _NO_PROMISE)
    return _parsed(fmt, size if known else None)


def _parsed(fmt: bytes, n_bytes: int | None) -> PipeFormat:
    if len(fmt) < 16:
        raise AudioError("the WAV from standard input does not say what its samples are; look at what writes it")
    tag, channels, rate, _, frame_bytes, bits = struct.unpack("<HHIIHH", fmt[:16])
    if tag == _EXTENSIBLE and len(fmt) >= 26:
        tag = struct.unpack("<H", fmt[24:26])[0]
    name = None
    if channels and frame_bytes % channels == 0:
        name = {_PCM: _INTEGERS, _FLOAT: _FLOATS}.get(tag, {}).get(frame_bytes // channels)
    if name is None or not rate:
        raise AudioError(
            f"the WAV from standard input has samples of kind {tag} with {bits} bits in {channels} channels at {rate} "
            f"Hz, which cannot be read from a pipe; write it as one of {', '.join(SAMPLE_FORMATS)}"
        )
    return PipeFormat(rate, channels, SAMPLE_FORMATS[name], n_bytes)


def wav_header(sample_rate: int, channels: int, n_samples: int | None) -> bytes:
    """Beginning of a WAV of float32 samples.

    Parameters
    ----------
    sample_rate, channels : int
    n_samples : int or None
        Its length; None, or more than a WAV can say: the sizes mean "as many as come".
    """
    frame_bytes = 4 * channels
    fmt = struct.pack("<HHIIHHH", _FLOAT, channels, sample_rate, sample_rate * frame_bytes, frame_bytes, 32, 0)
    chunks = b"WAVE" + b"fmt " + struct.pack("<I", len(fmt)) + fmt
    known = n_samples is not None and n_samples * frame_bytes < _LARGEST
    size = (n_samples or 0) * frame_bytes if known else _UNSPECIFIED
    chunks += b"fact" + struct.pack("<II", 4, n_samples or 0 if known else _UNSPECIFIED)
    chunks += b"data" + struct.pack("<I", size)
    return b"RIFF" + struct.pack("<I", len(chunks) + size if known else _UNSPECIFIED) + chunks
