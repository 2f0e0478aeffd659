"""Recordings on disk, block by block: any format that libsndfile reads; WAV and FLAC to write."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bsep_stream.errors import AudioError

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
_EXACT_LENGTH = ("WAV", "WAVEX", "RF64", "W64", "AIFF", "FLAC", "CAF", "AU")


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
    n_samples : int
        Length as the file's header says.

    Raises
    ------
    AudioError
        If the file is missing, empty, no audio, truncated or without samples.
    """

    def __init__(self, path: str | Path) -> None:
        import soundfile

        self.path = Path(path)
        if not self.path.exists():
            raise AudioError(f"there is no file {self.path}; give the path of a recording")
        if self.path.is_dir():
            raise AudioError(f"{self.path} is a folder; give the path of a recording")
        if self.path.is_file() and self.path.stat().st_size == 0:
            raise AudioError(f"{self.path} is empty (0 bytes); give a recording")
        try:
            self._file: soundfile.SoundFile = soundfile.SoundFile(str(self.path))
        except (soundfile.LibsndfileError, OSError, TypeError, UnicodeEncodeError) as error:
            raise AudioError(
                f"{self.path} cannot be read as audio ({_reason(error)}); "
                "give a WAV, FLAC, AIFF, OGG or MP3 file, or convert it to one"
            ) from error
        self.sample_rate = int(self._file.samplerate)
        self.channels = int(self._file.channels)
        self.n_samples = int(self._file.frames)
        try:
            if self.n_samples == 0:
                raise AudioError(f"{self.path} holds no samples; give a recording")
            for promised, found in _PROMISE.findall(self._file.extra_info):
                if int(found) < int(promised) < _UNKNOWN_LENGTH:
                    raise _truncated(self.path, f"its header promises {promised} bytes and {found} are there")
        except AudioError:
            self._file.close()
            raise

    def __enter__(self) -> Recording:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def blocks(self, block_size: int = BLOCK_SIZE) -> Iterator[NDArray[np.float32]]:
        """Blocks of the recording from its start.

        Yields
        ------
        ndarray, shape (channels, n), float32
            ``n = block_size``, less in the last block.

        Raises
        ------
        AudioError
            If the recording breaks off early or holds samples that are not finite.
        """
        import soundfile

        self._file.seek(0)
        done = 0
        while True:
            try:
                block = self._file.read(block_size, dtype="float32", always_2d=True)
            except (soundfile.LibsndfileError, OSError) as error:
                raise _truncated(self.path, f"reading fails after {done / self.sample_rate:.2f} s") from error
            if not len(block):
                break
            if not np.isfinite(block).all():
                bad = int(np.argmin(np.isfinite(block).all(axis=1)))
                raise AudioError(
                    f"{self.path} holds NaN or Inf at {(done + bad) / self.sample_rate:.3f} s; "
                    "export it again from the program that made it"
                )
            done += len(block)
            yield np.ascontiguousarray(block.T)
        # The header of an MP3 may be off by some padding; the others mean what they say.
        if done < self.n_samples and self._file.format in _EXACT_LENGTH:
            raise _truncated(self.path, f"its header promises {self.n_samples} samples and {done} are there")


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

    Examples
    --------
    >>> from bsep_stream import read_recording
    >>> audio, sample_rate = read_recording("duet.wav")
    >>> audio.shape, str(audio.dtype), sample_rate
    ((1, 96000), 'float32', 48000)
    """
    with Recording(path) as recording:
        return np.concatenate(list(recording.blocks()), axis=1), recording.sample_rate


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
            self._file = soundfile.SoundFile(str(path), "w", sample_rate, channels, subtype, format=container)

    def write(self, block: NDArray[np.float32]) -> None:
        """Append samples, shape (channels, n)."""
        if self._clips:
            self.n_clipped += int(np.count_nonzero(np.abs(block) > 1.0))
        with self._writing():
            self._file.write(np.ascontiguousarray(block.T))

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
    return text.rsplit(": ", 1)[-1] if text.startswith("Error opening") else text


def _truncated(path: Path, what: str) -> AudioError:
    return AudioError(f"{path} is truncated or damaged: {what}; copy it again, or repair it with an audio editor")
