"""First in, first out for audio: the delay line and the adapter between block sizes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class SampleQueue:
    """Samples waiting to be taken, oldest first.

    Memory is allocated ahead and moves only when the end is reached; it grows only when more
    samples wait than ever before.

    Parameters
    ----------
    shape : tuple of int
        Shape of one sample, for example ``(channels,)`` or ``(n_stems, channels)``; time is the last axis.
    delay_samples : int
        Zeros that wait at the start and after :meth:`reset`: the delay from in to out.
    capacity : int
        Samples for which memory is allocated ahead, beside the delay.
    """

    def __init__(self, shape: tuple[int, ...], delay_samples: int = 0, capacity: int = 8192) -> None:
        self._delay = delay_samples
        # Twice what waits: then a move happens at most once per `capacity` samples.
        self._data: NDArray[np.float32] = np.zeros((*shape, 2 * (delay_samples + capacity)), dtype=np.float32)
        self.reset()

    def __len__(self) -> int:
        return self._end - self._start

    def reset(self) -> None:
        """Like new: ``delay_samples`` zeros wait, nothing else."""
        self._start, self._end = 0, self._delay
        self._data[..., : self._delay] = 0.0

    def push(self, samples: NDArray[np.float32]) -> None:
        """Append samples, shape (*shape, n)."""
        n = samples.shape[-1]
        if self._end + n > self._data.shape[-1]:
            self._make_room(n)
        self._data[..., self._end : self._end + n] = samples
        self._end += n

    def push_silence(self, n: int) -> None:
        """Append ``n`` zeros."""
        if self._end + n > self._data.shape[-1]:
            self._make_room(n)
        self._data[..., self._end : self._end + n] = 0.0
        self._end += n

    def newest(self, n: int) -> NDArray[np.float32]:
        """The newest ``n`` samples, shape (*shape, n), in place, until the next push; so many must be waiting."""
        assert n <= len(self), "there are fewer samples to look at"
        return self._data[..., self._end - n : self._end]

    def add(self, samples: NDArray[np.float32]) -> None:
        """Add samples, shape (*shape, n), to the newest ``n``."""
        newest = self.newest(samples.shape[-1])
        for index in np.ndindex(newest.shape[:-1]):  # row by row, or numpy takes memory for what does not lie together
            newest[index] += samples[index]

    def pop(self, out: NDArray[np.float32]) -> None:
        """Take the oldest ``n`` samples into ``out``, shape (*shape, n); so many must be waiting."""
        n = out.shape[-1]
        assert n <= len(self), "the declared latency is too small for what the parts hold back"
        out[...] = self._data[..., self._start : self._start + n]
        self._start += n

    def drop(self, n: int) -> None:
        """Throw away the oldest ``n`` samples; so many must be waiting."""
        assert n <= len(self), "there are fewer samples to drop"
        self._start += n

    def _make_room(self, n: int) -> None:
        waiting = len(self)
        old = self._data
        if 2 * (waiting + n) > old.shape[-1]:
            self._data = np.zeros((*old.shape[:-1], 2 * (waiting + n)), dtype=np.float32)
        # Source and target lie apart, as the memory is twice what waits; row by row numpy sees that, and needs no copy.
        for target, source in zip(_rows(self._data), _rows(old), strict=True):
            target[:waiting] = source[self._start : self._end]
        self._start, self._end = 0, waiting


def _rows(data: NDArray[np.float32]) -> NDArray[np.float32]:
    """All channels as rows, in place."""
    return data.reshape(-1, data.shape[-1])
