"""A file of sound that is written block by block: WAV or FLAC."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bsep_stream.errors import AudioError
from bsep_stream.files.libsndfile import file_name, reason

FORMATS = {"wav": ".wav", "flac": ".flac"}
"""What :class:`StemWriter` writes: name of the format and suffix of the file."""

_WAV_LIMIT_BYTES = 2**32 - 2**20  # a WAV counts its bytes in 32 bits; leave room for the header
_FLAC_CHANNELS, _FLAC_RATE = 8, 655_350


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
        why = "the disk is full"
    elif isinstance(error, OSError) and error.errno is not None:
        return AudioError(f"cannot write to {folder} ({error.strerror}); give another --output")
    else:
        why = reason(error) or "fewer samples than given"
        why = f"{why}: is the disk full?"
    return AudioError(f"cannot write to {folder} ({why}); make room or give another --output")
