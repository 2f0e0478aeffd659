"""Recordings on disk, block by block: any format that libsndfile reads; WAV and FLAC to write."""

from __future__ import annotations

import errno
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from bsep_stream.errors import AudioError
from bsep_stream.files.containers.contents import Part, look_into
from bsep_stream.files.containers.unseekable import readable_bytes
from bsep_stream.spoken import AudioWarning
from bsep_stream.words import LARGEST_SAMPLE

if TYPE_CHECKING:
    import soundfile

FORMATS = {"wav": ".wav", "flac": ".flac"}
"""What :class:`StemWriter` writes: name of the format and suffix of the file."""

BLOCK_SIZE = 16_384
"""Samples read at once: large enough that the calls cost nothing, small against a minute of audio."""

_WAV_LIMIT_BYTES = 2**32 - 2**20  # a WAV counts its bytes in 32 bits; leave room for the header
_FLAC_CHANNELS, _FLAC_RATE = 8, 655_350
# libsndfile accepts a header that promises more than the file holds and only notes it in its log. Sizes of
# 0x7FFFFFFF and more are what programs write that do not know the length yet: no truncation.
_PROMISE = re.compile(r"^\s*(?:data|SSND|riff|Riff size)\s*:\s*(\d+)\s+\(should be (\d+)\)", re.MULTILINE)
_UNKNOWN_LENGTH = 2**31 - 2**16
_NO_LENGTH = 2**62  # libsndfile says more where it does not know
_ESTIMATED = ("MP3",)  # formats of which libsndfile only guesses the length
_LAST_BLOCKS = (64, 1)  # samples read at once up to where a decoder gives up


class Recording:
    """A recording that is read block by block; a context manager.

    Parameters
    ----------
    path : str or Path

    Attributes
    ----------
    path : Path
    sample_rate : int
    channels : int

    Raises
    ------
    AudioError
        If the file is missing, empty, no audio or without samples; if it is a fifo into which nobody writes.

    Notes
    -----
    The length that a header claims is not believed: what is there is read, to the end, and :attr:`warnings` say where
    that differs. What can be read only once, such as a fifo, is copied to a temporary file first.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.exists():
            raise AudioError(f"there is no file {self.path}; give the path of a recording")
        if self.path.is_dir():
            raise AudioError(f"{self.path} is a folder; give the path of a recording")
        self._remarks: list[str] = []
        self._n_samples: int | None = None
        self._bytes = readable_bytes(self.path)
        self._open: soundfile.SoundFile | None = None
        try:
            if self._bytes.seek(0, os.SEEK_END) == 0:
                raise AudioError(f"{self.path} is empty (0 bytes); give a recording")
            contents = look_into(self._bytes)
            if contents.file is not None:
                self._bytes.close()
                self._bytes = contents.file
            self._parts: tuple[Part | None, ...] = contents.parts or (None,)
            self._remarks += contents.remarks
            first = self._open = self._open_part(self._parts[0])
            self.sample_rate, self.channels = int(first.samplerate), int(first.channels)
            self._format = str(first.format)
            if not contents.remarks:
                self._remarks += _broken_promises(first.extra_info)
            if int(first.frames) == 0 and len(self._parts) == 1:
                raise AudioError(f"{self.path} holds no samples; give a recording")
        except BaseException:
            self.close()
            raise

    @property
    def n_samples(self) -> int:
        """Samples that :meth:`blocks` will give, as far as can be told without reading them all."""
        if self._n_samples is None:
            lengths = [self._length(part) for part in self._parts]
            self._n_samples = sum(lengths)
        return self._n_samples

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences about what is missing, or other than the header says; complete when all has been read."""
        return tuple(f"{self.path} {remark}" for remark in self._remarks)

    def close(self) -> None:
        """Let the file go."""
        if self._open is not None:
            self._open.close()
            self._open = None
        self._bytes.close()

    def __enter__(self) -> Recording:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def blocks(self, block_size: int = BLOCK_SIZE) -> Iterator[NDArray[np.float32]]:
        """Blocks of the recording from its start.

        Yields
        ------
        ndarray, shape (channels, n), float32
            ``n = block_size``, less in the last block of a part.

        Raises
        ------
        AudioError
            If the recording holds samples that are not finite, or none at all.
        """
        done = 0
        for part in self._parts:
            for block in self._blocks_of(part, block_size):
                if not (np.abs(block) <= LARGEST_SAMPLE).all():
                    self._refuse_numbers(block, done)
                done += len(block)
                yield np.ascontiguousarray(block.T)
        if not done:
            raise AudioError(f"{self.path} is truncated or damaged: no sample of it can be read; copy it again")
        if done < self.n_samples and not self._remarks and self._format not in _ESTIMATED:
            missing = self.n_samples - done
            self._remarks.append(
                f"is truncated or damaged: its header promises {self.n_samples} samples and {done} are there; "
                f"{missing / self.sample_rate:.2f} s are missing"
            )
        self._n_samples = done

    def _refuse_numbers(self, block: NDArray[np.float32], done: int) -> NoReturn:
        """AudioError for a block, shape (n, channels), whose numbers are no sound."""
        finite = np.isfinite(block)
        bad = int(np.argmax((~finite if not finite.all() else np.abs(block) > LARGEST_SAMPLE).any(axis=1)))
        seconds = (done + bad) / self.sample_rate
        if finite.all():
            raise AudioError(
                f"{self.path} holds samples beyond {LARGEST_SAMPLE:g} at {seconds:.3f} s, where 1 is full scale; "
                "divide them by what full scale was"
            )
        raise AudioError(
            f"{self.path} holds NaN or Inf at {seconds:.3f} s; export it again from the program that made it"
        )

    def _blocks_of(self, part: Part | None, block_size: int) -> Iterator[NDArray[np.float32]]:
        """Blocks, shape (n, channels), of a part, up to its end or to where it is damaged."""
        import soundfile

        file = self._open or self._open_part(part)
        self._open = None  # not every format can be read from its start again
        done = 0
        try:
            if (file.samplerate, file.channels) != (self.sample_rate, self.channels):
                self._remark(
                    f"goes on at {file.samplerate} Hz with {file.channels} channel(s) after a part of "
                    f"{self.sample_rate} Hz with {self.channels}: that is left out; make two files of it"
                )
                return
            while True:
                try:
                    block = file.read(block_size, dtype="float32", always_2d=True)
                except (soundfile.LibsndfileError, OSError):
                    yield from self._up_to_the_damage(part, done)
                    return
                if not len(block):
                    return
                done += len(block)
                yield block
        finally:
            file.close()

    def _up_to_the_damage(self, part: Part | None, done: int) -> Iterator[NDArray[np.float32]]:
        """What can be read after so many samples, in ever smaller blocks: the decoder gives up with all of a block."""
        import soundfile

        missing = 0
        for size in _LAST_BLOCKS:
            with self._open_part(part) as file:
                missing = int(file.frames) - done
                try:
                    for start in range(0, done, BLOCK_SIZE):
                        file.read(min(BLOCK_SIZE, done - start), dtype="float32")
                    while len(block := file.read(size, dtype="float32", always_2d=True)):
                        done += len(block)
                        missing -= len(block)
                        yield block
                except (soundfile.LibsndfileError, OSError):
                    pass
        if missing == 0:  # behind the last sample there is something else
            if not self._remarks:
                self._remark("ends with bytes that are no sound; they are left out")
            return
        said = f", {missing / self.sample_rate:.2f} s are missing" if 0 < missing < _NO_LENGTH else ""
        self._remark(f"is truncated or damaged: reading fails after {done / self.sample_rate:.2f} s{said}")

    def _remark(self, text: str) -> None:
        if text not in self._remarks:  # it may be read several times
            self._remarks.append(text)

    def _open_part(self, part: Part | None) -> soundfile.SoundFile:
        import soundfile

        reader = _forward_reader()
        try:
            if part is not None:
                return reader(part.view(self._bytes))
            if self.path.is_file():
                return reader(file_name(self.path))
            return reader(Part(0, self._bytes.seek(0, os.SEEK_END)).view(self._bytes))
        except (soundfile.LibsndfileError, OSError, TypeError, UnicodeEncodeError) as error:
            raise AudioError(
                f"{self.path} cannot be read as audio ({_reason(error)}); "
                "give a WAV, FLAC, AIFF, OGG or MP3 file, or convert it to one"
            ) from error

    def _length(self, part: Part | None) -> int:
        """Samples of a part; read where the header does not know, or is known to be wrong."""
        with self._open_part(part) as file:
            known = int(file.frames)
            if known < _NO_LENGTH and (part is not None or not self._remarks):
                return known
        return sum(len(block) for block in self._counted(part))

    def _counted(self, part: Part | None) -> Iterator[NDArray[np.float32]]:
        first, self._open = self._open, None
        try:
            yield from self._blocks_of(part, BLOCK_SIZE)
        finally:
            self._open = first


def file_name(path: Path) -> str | bytes:
    """What libsndfile calls a file: its bytes where they are no text."""
    name = str(path)
    return name if name.isprintable() else os.fsencode(name)


@cache
def _forward_reader() -> Any:
    """A SoundFile that never seeks: some formats cannot, and none needs to that is read from its start."""
    import soundfile

    class ForwardReader(soundfile.SoundFile):  # type: ignore[misc]
        def seekable(self) -> bool:
            return False

    return ForwardReader


def _broken_promises(log: str) -> list[str]:
    for promised, found in _PROMISE.findall(log):
        if int(found) < int(promised) < _UNKNOWN_LENGTH:
            return [f"is truncated: its header promises {promised} bytes and {found} are there"]
    return []


def read_recording(path: str | Path) -> tuple[NDArray[np.float32], int]:
    """Read a whole recording.

    Parameters
    ----------
    path : str or Path
        Any format that libsndfile reads.

    Returns
    -------
    audio : ndarray, shape (channels, n_samples), float32
    sample_rate : int
        Samples per second.

    Raises
    ------
    AudioError
        If the recording cannot be read or used.

    Warns
    -----
    AudioWarning
        If something of it is missing, or other than its header says.

    Examples
    --------
    >>> from bsep_stream import read_recording
    >>> audio, sample_rate = read_recording("duet.wav")
    >>> audio.shape, str(audio.dtype), sample_rate
    ((1, 96000), 'float32', 48000)
    """
    with Recording(path) as recording:
        audio = np.concatenate(list(recording.blocks()), axis=1)
        for sentence in recording.warnings:
            warnings.warn(sentence, AudioWarning, stacklevel=2)
        return audio, recording.sample_rate


class StemWriter:
    """A WAV (float32; RF64 above 4 GB) or FLAC (24 bit) file that is written block by block.

    Parameters
    ----------
    path : Path
        File to write; its suffix does not matter.
    audio_format : {"wav", "flac"}
    sample_rate, channels : int
    n_samples : int
        Samples that will be written; decides between WAV and RF64.

    Attributes
    ----------
    n_clipped : int
        Samples beyond full scale so far. Only FLAC, which holds whole numbers, cuts them off.

    Raises
    ------
    AudioError
        If the format cannot hold such audio, or the disk is full.
    """

    def __init__(self, path: Path, audio_format: str, sample_rate: int, channels: int, n_samples: int) -> None:
        import soundfile

        if audio_format == "flac" and (channels > _FLAC_CHANNELS or sample_rate > _FLAC_RATE):
            raise AudioError(
                f"FLAC holds at most {_FLAC_CHANNELS} channels and {_FLAC_RATE} Hz, "
                f"got {channels} channels at {sample_rate} Hz; write WAV"
            )
        container = "FLAC" if audio_format == "flac" else wav_container(n_samples, channels)
        subtype = "PCM_24" if audio_format == "flac" else "FLOAT"
        self.n_clipped = 0
        self._clips = audio_format == "flac"
        self._errors = (soundfile.LibsndfileError, OSError, AssertionError)
        self._path = path
        with self._writing():
            self._file = soundfile.SoundFile(file_name(path), "w", sample_rate, channels, subtype, format=container)

    def write(self, block: NDArray[np.float32]) -> None:
        """Append samples, shape (channels, n)."""
        if self._clips:
            self.n_clipped += int(np.count_nonzero(np.abs(block) > 1.0))
        with self._writing():
            self._file.write(np.ascontiguousarray(block.T))

    def keep(self, n_samples: int) -> None:
        """Finish the file with its first samples only: the disk had no room for more."""
        with suppress(*self._errors):
            self._file.truncate(n_samples)
        with suppress(*self._errors):
            self._file.close()

    def close(self) -> None:
        """Finish the file; the header gets its final length here."""
        with self._writing():
            self._file.close()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except self._errors as error:
            raise cannot_write(self._path.parent, error) from error


def wav_container(n_samples: int, channels: int) -> str:
    """``"WAV"``, or ``"RF64"`` where float32 samples would not fit into the 4 GB of a WAV."""
    return "WAV" if 4 * n_samples * channels < _WAV_LIMIT_BYTES else "RF64"


def cannot_write(folder: Path, error: BaseException) -> AudioError:
    """The sentence for a failed write; libsndfile itself says only "System error"."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        reason = "the disk is full"
    else:
        reason = _reason(error) or "fewer samples than given"
        reason = f"{reason}: is the disk full?"
    return AudioError(f"cannot write to {folder} ({reason}); make room or give another --output")


def _reason(error: BaseException) -> str:
    text = str(error).strip().rstrip(".")
    if "File does not exist" in text:  # so libsndfile says that it found no frame of an MP3
        return "no sound was found in it"
    return text.rsplit(": ", 1)[-1] if text.startswith("Error opening") else text
