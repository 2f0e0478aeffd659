"""Recordings on disk, read block by block: any format that libsndfile reads."""

from __future__ import annotations

import errno
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn

import numpy as np
from numpy.typing import NDArray

from bsep_stream.errors import AudioError
from bsep_stream.files.containers.contents import Part, look_into
from bsep_stream.files.containers.unseekable import readable_bytes
from bsep_stream.files.libsndfile import broken_promises, file_name, forward_reader, reason
from bsep_stream.files.stemwriter import StemWriter as StemWriter
from bsep_stream.files.stemwriter import wav_container as wav_container
from bsep_stream.spoken import AudioWarning
from bsep_stream.words import LARGEST_SAMPLE

if TYPE_CHECKING:
    import soundfile

BLOCK_SIZE = 16_384
"""Samples read at once: large enough that the calls cost nothing, small against a minute of audio."""

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
                self._remarks += broken_promises(first.extra_info)
            if int(first.frames) == 0 and len(self._parts) == 1:
                raise AudioError(f"{self.path} holds no samples; give a recording")
        except OSError as error:
            self.close()
            if error.errno not in (errno.EINVAL, errno.EIO):  # of a full disk, say, where it is kept for a while
                raise
            raise AudioError(f"{self.path} cannot be read ({error.strerror}); give a recording") from error
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

        reader = forward_reader()
        try:
            if part is not None:
                return reader(part.view(self._bytes))
            if self.path.is_file():
                return reader(file_name(self.path))
            return reader(Part(0, self._bytes.seek(0, os.SEEK_END)).view(self._bytes))
        except (soundfile.LibsndfileError, OSError, TypeError, UnicodeEncodeError) as error:
            raise AudioError(
                f"{self.path} cannot be read as audio ({reason(error)}); "
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
