"""Audio from a pipe, given out as it comes."""

from __future__ import annotations

from collections.abc import Iterator
from io import BufferedIOBase

import numpy as np
from numpy.typing import NDArray

from bsep_stream.errors import AudioError
from bsep_stream.files.pipes.wavheader import PipeFormat, read_wav_header

_MOST_BYTES = 2**16  # at once: what a pipe holds on Linux
_CHUNK_HEAD = 9  # name and size, perhaps at the next even place


class ArrivingAudio:
    """Audio that comes out of a pipe.

    Parameters
    ----------
    pipe : binary file
        Such as ``sys.stdin.buffer``.
    raw : PipeFormat, optional
        What comes, if it is no WAV.

    Attributes
    ----------
    format : PipeFormat

    Raises
    ------
    AudioError
        If it is no WAV.
    """

    def __init__(self, pipe: BufferedIOBase, raw: PipeFormat | None = None) -> None:
        self._pipe = pipe
        self._n_taken = 0
        self._went_on = False
        self.format = raw if raw is not None else read_wav_header(pipe.read)

    @property
    def n_samples(self) -> int | None:
        """Length, if the header knows it."""
        n_bytes = self.format.n_bytes
        return None if n_bytes is None else n_bytes // self.format.frame_bytes

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Blocks of any length, as soon as they are there.

        Yields
        ------
        ndarray, shape (channels, n), float32

        Raises
        ------
        AudioError
            If samples are not finite.
        """
        form = self.format
        done, rest = 0, b""
        for data in self._sample_bytes():
            data = rest + data
            whole = len(data) - len(data) % form.frame_bytes
            rest = data[whole:]
            if not whole:
                continue
            block = form.samples.decode(data[:whole], form.channels)
            if not np.isfinite(block).all():
                bad = done + int(np.argmin(np.isfinite(block).all(axis=0)))
                raise AudioError(
                    f"standard input holds NaN or Inf at {bad / form.sample_rate:.3f} s; look at what writes it"
                )
            done += block.shape[1]
            yield block

    def _sample_bytes(self) -> Iterator[bytes]:
        """What comes, up to what is behind the samples: titles and the like."""
        promised = self.format.n_bytes
        behind = b""
        while data := self._pipe.read1(_MOST_BYTES):
            if promised is None or self._went_on:
                samples = data
            else:
                samples, beyond = data[: promised - self._n_taken], data[promised - self._n_taken :]
                behind += beyond
                if len(behind) > _CHUNK_HEAD and not _begins_a_chunk(behind, promised % 2):
                    self._went_on = True  # the size is wrong: 32 bits were too few for it
                    samples, behind = samples + behind, b""
                elif len(behind) > 2 * _CHUNK_HEAD:
                    behind = behind[: 2 * _CHUNK_HEAD]  # a chunk: no matter what is in it
            self._n_taken += len(samples)
            if samples:
                yield samples

    def check_end(self) -> None:
        """Whether all has come that should have; to be asked after the last block, when that has been written.

        Raises
        ------
        AudioError
            If nothing came, or less than the header promises.
        """
        if self._n_taken < self.format.frame_bytes:
            raise AudioError("no samples came from standard input; look at what writes it")
        if self._went_on:
            raise AudioError(
                f"standard input went on behind the {self.format.n_bytes} bytes that its header promises: "
                f"{self._n_taken} came and have been separated, but the header that was written says less; "
                "use --format raw"
            )
        if self.format.n_bytes is not None and self._n_taken < self.format.n_bytes:
            raise AudioError(
                f"standard input broke off: its header promises {self.format.n_bytes} bytes and {self._n_taken} came; "
                "what came has been written"
            )


def _begins_a_chunk(data: bytes, odd: int) -> bool:
    """Whether a name stands there, as the chunks of a WAV have it, or titles as an MP3 has them."""
    return any(all(32 <= letter < 127 for letter in data[at : at + 4]) for at in {0, odd}) or data[:3] == b"TAG"
