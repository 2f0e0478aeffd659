"""What libsndfile shall read of a file, and what is to be said about it."""

from __future__ import annotations

import mmap
import os
import re
from dataclasses import dataclass
from typing import BinaryIO

from bsep_stream.files.containers.byteview import ByteView
from bsep_stream.files.containers.chunks import Samples, find_samples
from bsep_stream.files.containers.flacframes import FlacSamples, find_flacs
from bsep_stream.files.containers.mp3frames import Mp3Frames, count_frames
from bsep_stream.files.containers.oggflac import taken_out
from bsep_stream.files.containers.oggpages import OggLink, find_links

_NO_END = "may be truncated: it does not end as an Ogg ends; what is there is read"

_TITLE_TOLERANCE_SECONDS = 1.0
"""Some programs write the length of a title in whole seconds."""


@dataclass(frozen=True)
class Part:
    """A stretch of a file that libsndfile reads as a file of its own.

    Parameters
    ----------
    start, end : int
    prefix : bytes
    patches : dict of int to bytes
        As for :class:`~bsep_stream.files.containers.byteview.ByteView`.
    """

    start: int
    end: int
    prefix: bytes = b""
    patches: dict[int, bytes] | None = None

    def view(self, file: BinaryIO) -> ByteView:
        """The part, to be read."""
        return ByteView(file, self.start, self.end, self.prefix, self.patches)


@dataclass(frozen=True)
class Contents:
    """What a file holds.

    Parameters
    ----------
    parts : tuple of Part
        To be read one after the other; empty: the file as it is.
    remarks : tuple of str
        Where its header was wrong, or something is missing: what stands behind "FILE " in a sentence.
    file : binary file or None
        What the parts are parts of, if it is another file than this; whoever reads it closes it.
    """

    parts: tuple[Part, ...] = ()
    remarks: tuple[str, ...] = ()
    file: BinaryIO | None = None


def look_into(file: BinaryIO) -> Contents:
    """Compare the header of a file with its bytes."""
    file.seek(0)
    head = file.read(4)
    if head == b"fLaC":
        return _of_flacs(find_flacs(file))
    if head == b"OggS":
        return _of_ogg_flac(file) or _of_links(find_links(file))
    samples = _of_nist(file) if head == b"NIST" else find_samples(file)
    if samples is not None:
        return _of_samples(samples)
    if head[:3] == b"ID3" or (head[:1] == b"\xff" and head[1:2] >= b"\xe0"):
        return _of_mp3(file)
    return Contents()


def _of_nist(file: BinaryIO) -> Samples | None:
    """The header is text: how many samples, channels and bytes."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    facts = dict(re.findall(rb"^(\w+) -i (\d{1,15})$", file.read(1024), re.MULTILINE))
    try:
        n, channels, width, rate = (
            int(facts[key]) for key in (b"sample_count", b"channel_count", b"sample_n_bytes", b"sample_rate")
        )
    except KeyError:
        return None
    frame_bytes = channels * width
    promised = n * frame_bytes
    return Samples(1024, promised, min(promised, max(0, size - 1024)), {}, rate * frame_bytes)


def _of_samples(samples: Samples) -> Contents:
    remarks = []
    promised, there, rate = samples.promised, samples.there, samples.bytes_per_second

    def length(n_bytes: int) -> str:
        return f"{n_bytes / rate:.2f} s" if rate else f"{n_bytes} bytes"

    if promised is not None and there < promised:
        remarks.append(
            f"is truncated: its header promises {promised} bytes of samples and {there} are there; "
            f"the last {length(promised - there)} are missing"
        )
    elif promised == 0 and there:
        remarks.append(
            f"was never closed by what recorded it: its header says 0 bytes, and all {length(there)} are read"
        )
    elif promised is not None and there > promised:
        remarks.append(
            f"holds more than its header says: {promised} bytes of samples, and {there} are there; "
            f"all {length(there)} are read"
        )
    if samples.ignored:
        remarks.append(f"ends with {samples.ignored} bytes that belong to nothing; they are left out")
    if not samples.patches:
        return Contents((), tuple(remarks))
    return Contents((Part(0, samples.start + there, b"", samples.patches),), tuple(remarks))


def _of_flacs(flacs: list[FlacSamples]) -> Contents:
    remarks = []
    for flac in flacs:
        if flac.promised is not None and flac.there is not None and flac.there > flac.promised:
            remarks.append(
                f"holds more than its header says: {flac.promised} samples, and {flac.there} are there; all are read"
            )
        elif flac.promised is not None and flac.there is not None and flac.there < flac.promised:
            missing = flac.promised - flac.there
            remarks.append(
                f"is truncated: its header promises {flac.promised} samples and {flac.there} are there; "
                f"the last {missing} are missing"
            )
        elif not flac.whole and flac.promised != flac.there:
            remarks.append("is truncated: it breaks off within a frame; how much is missing, it does not say")
    if len(flacs) > 1:
        remarks.append(f"holds {len(flacs)} recordings one after the other; they are read as one")
    if len(flacs) == 1 and not flacs[0].patches:
        return Contents((), tuple(remarks))
    return Contents(tuple(Part(each.start, each.end, b"", each.patches) for each in flacs), tuple(remarks))


def _of_ogg_flac(file: BinaryIO) -> Contents | None:
    found = taken_out(file)
    if found is None:
        return None
    flac, ended = found
    try:
        contents = _of_flacs(find_flacs(flac))
        remarks = contents.remarks
        if not ended and not remarks:
            remarks = (_NO_END,)
        return Contents(contents.parts or (Part(0, flac.seek(0, os.SEEK_END)),), remarks, flac)
    except BaseException:
        flac.close()
        raise


def _of_links(links: list[OggLink]) -> Contents:
    remarks = []
    whole = not links or links[-1].ended
    if not whole:
        remarks.append(_NO_END)
    if len(links) < 2 and whole:
        return Contents()
    if len(links) > 1:
        remarks.append(f"holds {len(links)} recordings one after the other; they are read as one")
    return Contents(tuple(Part(link.start, link.end) for link in links), tuple(remarks))


def _of_mp3(file: BinaryIO) -> Contents:
    try:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            counted = count_frames(data)  # type: ignore[arg-type]
    except (OSError, ValueError):
        return Contents()
    if counted is None or not counted.n_frames:
        return Contents()
    remarks = _remarks_about(counted)
    stretches = counted.stretches
    known = counted.n_said is not None and counted.n_said >= counted.n_frames - 1 and counted.n_said > 0
    if known and len(stretches) == 1:
        return Contents((), tuple(remarks))  # libsndfile takes away what the encoder put before and behind
    if not stretches[0].counting_frame:
        return Contents((), tuple(remarks))
    return Contents(tuple(Part(each.start, each.end, each.counting_frame) for each in stretches), tuple(remarks))


def _remarks_about(counted: Mp3Frames) -> list[str]:
    remarks = []
    seconds = counted.frame_samples / counted.sample_rate
    said = counted.n_said or 0
    there = counted.n_frames * seconds
    if said - counted.n_frames > (0 if counted.n_bytes_short else 1):  # some count the frame that says it
        remarks.append(
            f"is truncated: its header promises {said} frames and {counted.n_frames} are there; "
            f"{(said - counted.n_frames) * seconds:.2f} s are missing"
        )
    elif counted.missing_bytes:
        remarks.append("is truncated: its last frame breaks off; how much is missing behind it, it does not say")
    elif counted.n_bytes_short:
        remarks.append(f"is truncated: it is {counted.n_bytes_short} bytes shorter than its header says")
    elif counted.n_said is None and counted.said_seconds > there + _TITLE_TOLERANCE_SECONDS:
        remarks.append(
            f"may be truncated: its titles say {counted.said_seconds:.2f} s, and {there:.2f} s are there and read"
        )
    elif 0 < said < counted.n_frames - 1:
        remarks.append(
            f"holds more than its header says: {said} frames, and {counted.n_frames} are there; "
            f"all {there:.2f} s are read"
        )
    if counted.n_between:
        remarks.append(f"is damaged: {counted.n_between} bytes within it are no sound; they are left out")
    if counted.n_other:
        remarks.append(f"changes its sample rate: {counted.n_other} frames of another rate cannot be read with it")
    return remarks
