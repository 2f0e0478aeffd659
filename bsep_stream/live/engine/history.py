"""The past of a signal, addressed by position: what the threads of the live engine share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Audio = NDArray[np.float32]


class History:
    """The last samples of an endless signal. One thread writes, any number read, nobody waits.

    The memory is a ring, allocated once. A reader names the positions that it wants and learns whether it got
    them; it can be too early, or so late that the writer has come round, but it never gets torn samples.

    Parameters
    ----------
    channels : int
    capacity : int
        Samples that are kept.
    largest_write : int
        No write is longer: so many of the oldest samples may be overwritten at any moment.
    end : int
        Position of the first sample to be written. Before it lies silence.

    Notes
    -----
    The span is one tuple, replaced after the samples are in place: under the interpreter's lock a reader sees the old
    span or the new one.
    """

    def __init__(self, channels: int, capacity: int, largest_write: int, end: int = 0) -> None:
        if capacity < 2 * largest_write:
            raise AssertionError("a reader needs room that the writer does not touch")
        self._data: Audio = np.zeros((channels, capacity), dtype=np.float32)
        self._capacity = capacity
        self._largest_write = largest_write
        self._span = (end - capacity, end)

    @property
    def end(self) -> int:
        """Position after the last sample."""
        return self._span[1]

    @property
    def span(self) -> tuple[int, int]:
        """First position that may be read, and the position after the last."""
        start, end = self._span
        return max(start, end - self._capacity + self._largest_write), end

    def write(self, samples: Audio) -> None:
        """Append samples, shape (channels, n), n at most ``largest_write``."""
        n = samples.shape[1]
        start, end = self._span
        at = end % self._capacity
        first = min(n, self._capacity - at)
        self._data[:, at : at + first] = samples[:, :first]
        self._data[:, : n - first] = samples[:, first:]
        self._span = (start, end + n)

    def leave_hole(self, position: int) -> None:
        """Go on at a later position; what lies before can no longer be read."""
        self._span = (position, position)

    def read(self, position: int, out: Audio) -> bool:
        """Copy the samples from a position on into ``out``, shape (channels, n).

        Returns
        -------
        bool
            False if some of them are not there (yet, or any more); ``out`` is then not to be used.
        """
        n = out.shape[1]
        if position + n > self.end:
            return False
        at = position % self._capacity
        first = min(n, self._capacity - at)
        out[:, :first] = self._data[:, at : at + first]
        out[:, first:] = self._data[:, : n - first]
        return position >= self.span[0]  # looked up after the copy: has the writer come round meanwhile?
