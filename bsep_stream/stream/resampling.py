"""Streaming sample rate conversion whose result and latency do not depend on the blocks.

Measured against the two libraries at hand (44.1 to 48 kHz and back): the resampler of pedalboard has
64 samples of latency, but its output is shifted by a fraction of a sample and could never be
aligned; soxr's is aligned to 1e-5 and ten times faster, but holds back 900 to 1850 samples, a number
that only measurement tells. This one is aligned and holds back exactly 64 samples of the lower rate.

From one output to the next the input moves on by a fraction. All the same an output is one product of a window and a
filter, and hundreds of them are one call: windows of a *piece* of the outputs lie a whole number of samples (`step`)
apart, and where that is beside the true time, the filter is shifted within a row of zeros instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, gcd

import numpy as np
from numpy.typing import NDArray

HALF_TAPS = 64
"""Samples, at the lower of the two rates, that an output sample needs after its own time. More is a
steeper filter and more latency; 64 passes 20 kHz of 44.1 kHz at -1 dB."""

_BETA = 10.0  # Kaiser window: stop band near -100 dB
_CUTOFF = 0.955  # -6 dB point over half the lower rate: the transition ends near half the rate
_ROWS = 512  # filters that are made at once: bounds what making them takes
_PIECE = 256  # outputs that are computed at once, at most
_DRIFT = 32  # samples by which windows of a piece may lie beside their outputs: zeros that its filters are longer by


class StreamResampler:
    """From one sample rate to another, block by block.

    Output sample ``m`` is the band-limited input at exactly the time ``m / to_rate``; nothing is
    shifted. It is there as soon as the input has passed it by :attr:`lookahead_samples`. Each
    sample is computed alone, so the bits do not depend on how the input is cut into blocks.

    Parameters
    ----------
    from_rate, to_rate : int
        Samples per second.
    shape : tuple of int
        Shape of one sample, for example ``(channels,)``; time is the last axis.
    largest_block : int
        Memory is taken for blocks of up to so many input samples, and again when a longer one comes.

    Attributes
    ----------
    lookahead_samples : int
        After ``n`` input samples all outputs earlier than ``n - lookahead_samples`` (in input
        samples) have been returned, and no others.
    """

    def __init__(self, from_rate: int, to_rate: int, shape: tuple[int, ...] = (1,), largest_block: int = 1024) -> None:
        self._filters = _polyphase(from_rate, to_rate)
        self.lookahead_samples = self._filters.lookahead
        self._shape = shape
        self._take_memory(largest_block)
        self.reset()

    def reset(self) -> None:
        """Like new."""
        # The input before the first sample is silence; `_first` is the time of the oldest sample in memory.
        self._first, self._end = -self._filters.width, self._filters.width
        self._data[...] = 0.0
        self._n_in = 0
        self._n_out = 0

    def process(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Outputs that have become possible.

        Parameters
        ----------
        samples : ndarray, shape (*shape, n), float32

        Returns
        -------
        ndarray, shape (*shape, m), float32
            Valid until the next call: it lies in memory that is used again.
        """
        self._append(samples)
        # Output m needs input up to floor(m down / up) + lookahead, which must be at most n_in - 1.
        up, down = self._filters.up, self._filters.down
        until = max(self._n_out, -(-(self._n_in - self.lookahead_samples) * up // down))
        out = self._out[..., : until - self._n_out]
        done = 0
        while self._n_out < until:
            first_window, row, n = self._filters.piece(self._n_out, until)
            at, step = first_window - self._first, self._filters.step
            windows = self._windows[..., at : at + step * (n - 1) + 1 : max(step, 1), :]
            np.vecdot(windows, self._filters.table[row : row + n], out=out[..., done : done + n])
            done += n
            self._n_out += n
        return out

    def _append(self, samples: NDArray[np.float32]) -> None:
        n = samples.shape[-1]
        if n > self._largest_block or self._end + n + self._filters.width > self._data.shape[-1]:
            self._make_room(n)
        self._data[..., self._end : self._end + n] = samples
        self._end += n
        self._n_in += n

    def _make_room(self, n: int) -> None:
        """Move what is still needed to the front, in longer memory for a longer block than ever."""
        width, old = self._filters.width, self._data.reshape(-1, self._data.shape[-1])
        if n > self._largest_block:
            self._take_memory(n)
        # Source and target lie apart; row by row numpy sees that, and needs no copy.
        for target, source in zip(self._data.reshape(-1, self._data.shape[-1]), old, strict=True):
            target[:width] = source[self._end - width : self._end]
            target[width:] = 0.0
        self._first += self._end - width
        self._end = width

    def _take_memory(self, largest_block: int) -> None:
        """So much that moving is seldom, and that what is moved to the front comes from behind it."""
        filters = self._filters
        self._largest_block = largest_block
        # A window may reach beyond the newest sample where its filter is 0: there lie zeros, too.
        self._data: NDArray[np.float32] = np.zeros(
            (*self._shape, 3 * filters.width + 2 * largest_block), dtype=np.float32
        )
        self._windows = np.lib.stride_tricks.sliding_window_view(self._data, filters.width, axis=-1)
        self._out = np.empty((*self._shape, -(-largest_block * filters.up // filters.down) + 1), dtype=np.float32)


@dataclass(frozen=True)
class _Filters:
    """One filter per output of a cycle, after which positions between two inputs come again."""

    table: NDArray[np.float32]  # (cycle, width)
    up: int
    down: int
    lookahead: int
    step: int  # samples from one window to the next
    piece_size: int
    lead: int  # samples by which the windows begin before those of the first output of a piece need to

    @property
    def width(self) -> int:
        """Samples in a window."""
        return int(self.table.shape[1])

    def piece(self, m: int, until: int) -> tuple[int, int, int]:
        """Of the outputs from m on: time where the first window begins, row of its filter, number of outputs."""
        cycle = len(self.table)
        row = m % cycle
        begin = m - row % self.piece_size
        n = min(until, begin + self.piece_size, m - row + cycle) - m
        window = begin * self.down // self.up + 1 - self.lookahead - self.lead + self.step * (m - begin)
        return window, row, n


@lru_cache(maxsize=4)  # in and out of one stream; a table for rates without common factor has tens of MB
def _polyphase(from_rate: int, to_rate: int) -> _Filters:
    """Windowed sinc, every row scaled to sum 1, and shifted to where its output lies in the window.

    ``h(t) = c sinc(c t) kaiser(t / lookahead)`` at ``t = j - phase / up`` for the inputs
    ``j = 1 - lookahead .. lookahead`` around the output.
    """
    common = gcd(from_rate, to_rate)
    up, down = to_rate // common, from_rate // common
    lookahead = ceil(HALF_TAPS * max(1.0, from_rate / to_rate))
    cutoff = _CUTOFF * min(1.0, to_rate / from_rate)
    step = round(down / up)
    beside = abs(down / up - step)
    piece_size = _PIECE if beside * _PIECE <= _DRIFT else int(_DRIFT / beside)
    row = np.arange(up * ceil(_PIECE / up))
    in_piece = row % piece_size
    time, phase = np.divmod(row * down, up)
    shift = time - (row - in_piece) * down // up - step * in_piece
    lead = -int(shift.min())
    j = np.arange(1 - lookahead, lookahead + 1)
    table = np.zeros((len(row), len(j) + lead + int(shift.max())), dtype=np.float32)
    for first in range(0, len(row), _ROWS):  # in parts: the whole table in float64 would be far larger for a moment
        part = slice(first, first + _ROWS)
        t = j - phase[part, None] / up
        rows = np.sinc(cutoff * t) * np.i0(_BETA * np.sqrt(np.maximum(0.0, 1.0 - (t / lookahead) ** 2)))
        rows /= rows.sum(axis=1, keepdims=True)
        columns = lead + shift[part, None] + np.arange(len(j))
        np.put_along_axis(table[part], columns, rows.astype(np.float32), axis=1)
    table.flags.writeable = False
    return _Filters(table, up, down, lookahead, step, piece_size, lead)
