"""Audio from a pipe, given out as it comes."""

from __future__ import annotations

from collections.abc import Iterator
from io import BufferedIOBase

import numpy as np
from numpy.typing import NDArray

from bsep_stream.errors import AudioError
from bsep_stream.files.pipes.wavheader import PipeFormat, read_wav_header

_MOST_BYTES = 2**16  # at once: what a pipe holds on Linux


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
        while data := self._pipe.read1(_MOST_BYTES):
            if form.n_bytes is not None:
                data = data[: form.n_bytes - self._n_taken]  # behind the samples there may be titles and the like
            self._n_taken += len(data)
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

    def check_end(self) -> None:
        """Whether all has come that should have; to be asked after the last block, when that has been written.

        Raises
        ------
        AudioError
            If nothing came, or less than the header promises.
        """
        if self._n_taken < self.format.frame_bytes:
            raise AudioError("no samples came from standard input; look at what writes it")
        if self.format.n_bytes is not None and self._n_taken < self.format.n_bytes:
            raise AudioError(
                f"standard input broke off: its header promises {self.format.n_bytes} bytes and {self._n_taken} came; "
                "what came has been written"
            )
