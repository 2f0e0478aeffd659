"""One pedalboard made safe for a stream: any block size, constant latency, no sample that is not finite.

What pedalboard does that a stream cannot bear, and the cure (all checked in ``tests/test_boards.py``):

- An effect forgets its state when a block is larger than every block before: the board is primed
  with zeros at the largest block, and larger blocks are cut.
- The layout is guessed from the shape, so that (2, 1) is read as two samples of one channel: a block
  without samples tells the number of channels.
- Some effects hold samples back, and nearly none says how many: they are counted. Others (Convolution)
  round differently for other block sizes. Both kinds get blocks of a constant size through queues.
- PitchShift and GSMFullRateCompressor (pedalboard 0.9.26) return silence or shreds when they are given
  block after block without a reset; a Mix around an effect with latency adds what belongs to different
  times. A board that does not stream what it gives for the whole signal is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bsep_stream.errors import ConfigError, StreamError
from bsep_stream.stream.samplequeue import SampleQueue

if TYPE_CHECKING:
    from pedalboard import Pedalboard, Plugin  # type: ignore[attr-defined]

MAX_BLOCK = 4096
"""Largest block that a board is given; larger ones are cut. The cost of priming grows with it."""

FIXED_BLOCK = 128
"""Block of boards that need a constant one: small, as it adds FIXED_BLOCK - 1 samples of latency."""

_PROBE_SECONDS = 1.0
_PROBE_LEVEL = 0.1  # -20 dBFS RMS: above any gate, below most limiters
_UNEVEN = (1, 2, 3, 5, 7, 31, 64, 127)  # block sizes that a board must not notice
_UNEVEN_SAMPLES = 6_000
_SAME = 1e-3  # of the peak: what streams right is within 1e-6, what does not is beyond 0.1

Audio = NDArray[np.float32]


class Board:
    """A pedalboard of one stem (or of the master) inside a stream.

    Parameters
    ----------
    board : Pedalboard
        Its parameters may be changed while it plays; its effects may not.
    sample_rate : int
        Hz.
    channels : int
    name : str
        Used in messages.

    Attributes
    ----------
    latency_samples : int
        Delay from in to out, constant.

    Raises
    ------
    ConfigError
        Effects that do not run at this rate or channel count, or that cannot stream.
    """

    def __init__(self, board: Pedalboard, sample_rate: int, channels: int, name: str = "board") -> None:
        self.name = name
        self._board = board
        self._sample_rate = sample_rate
        self._channels = channels
        self._empty = len(board) == 0
        self._fixed = False
        self._buffer_size = MAX_BLOCK
        self.latency_samples = 0
        if self._empty:
            return
        try:
            self._measure()
        except (ValueError, RuntimeError, TypeError) as error:
            if isinstance(error, ConfigError):
                raise
            raise ConfigError(
                f"the effects of {name} do not run at {sample_rate} Hz with {channels} channels: {error}"
            ) from error
        self._in = SampleQueue((channels,), capacity=MAX_BLOCK + FIXED_BLOCK)
        self._out = SampleQueue((channels,), self.latency_samples, capacity=MAX_BLOCK + FIXED_BLOCK)
        self._piece = np.zeros((channels, FIXED_BLOCK), dtype=np.float32)
        self._held_back = 0  # samples that the effects have taken and not yet returned
        self.reset()

    def process(self, block: Audio) -> Audio:
        """Effects on a block, delayed by ``latency_samples``.

        Parameters
        ----------
        block : ndarray, shape (channels, n), float32
            Any n from 0 up. Samples that are not finite count as 0: one of them would poison an effect
            for ever.

        Returns
        -------
        ndarray, shape (channels, n), float32
        """
        if self._empty or block.shape[1] == 0:
            return block
        block = only_finite(block)
        if not self._fixed:
            pieces = [self._call(block[:, i : i + MAX_BLOCK]) for i in range(0, block.shape[1], MAX_BLOCK)]
            out = pieces[0] if len(pieces) == 1 else np.concatenate(pieces, axis=1)
            if out.shape == block.shape:
                return out
        else:
            self._in.push(block)
            while len(self._in) >= FIXED_BLOCK:
                self._in.pop(self._piece)
                self._out.push(self._call(self._piece))
            if len(self._out) >= block.shape[1]:
                out = np.empty_like(block)
                self._out.pop(out)
                return out
        raise StreamError(
            f"the effects of {self.name} now hold back more samples than at the start; "
            "add or remove effects, and change a look-ahead, only before a stream begins"
        )

    @property
    def effect_names(self) -> list[str]:
        """Types of the effects, in their order."""
        return [type(effect).__name__ for effect in self._board]

    def reset(self) -> None:
        """Like new."""
        if self._empty:
            return
        self._rewind()
        self._in.reset()
        self._out.reset()
        self._held_back = 0

    def _call(self, block: Audio) -> Audio:
        out: Audio = self._board.process(block, self._sample_rate, buffer_size=self._buffer_size, reset=False)
        self._held_back += block.shape[1] - out.shape[1]
        if np.isfinite(out).all():
            return out
        # An effect has overflowed. It begins anew, and what it held back is lost but keeps its place.
        self._rewind()
        lost, self._held_back = self._held_back, 0
        return np.concatenate([only_finite(out), np.zeros((self._channels, max(lost, 0)), dtype=np.float32)], axis=1)

    def _rewind(self) -> None:
        """State of the effects like new, memory as it is: `.reset()` of an effect would undo the priming."""
        self._board.process(np.zeros((self._channels, 0), np.float32), self._sample_rate, reset=True)

    def _prime(self, size: int) -> None:
        zeros = np.zeros((self._channels, size), dtype=np.float32)
        self._buffer_size = size
        self._board.process(zeros, self._sample_rate, buffer_size=size, reset=True)
        self._rewind()

    def _run(self, signal: Audio, sizes: Sequence[int]) -> Iterator[Audio]:
        """Give the signal to the board in blocks of the given sizes, again and again."""
        start, turn = 0, 0
        while start < signal.shape[1]:
            end = min(start + sizes[turn % len(sizes)], signal.shape[1])
            yield self._board.process(
                signal[:, start:end], self._sample_rate, buffer_size=self._buffer_size, reset=False
            )
            start, turn = end, turn + 1

    def _measure(self) -> None:
        """Find out how the board must be called, and its latency."""
        rng = np.random.default_rng(0)
        n = int(_PROBE_SECONDS * self._sample_rate) // FIXED_BLOCK * FIXED_BLOCK
        probe = (_PROBE_LEVEL * rng.standard_normal((self._channels, n))).astype(np.float32)
        # Small blocks first: once primed with large ones, Convolution works in large steps for ever, 6 times slower.
        self._prime(FIXED_BLOCK)
        pieces = list(self._run(probe, [FIXED_BLOCK]))
        streamed = np.concatenate(pieces, axis=1)
        self._rewind()
        uneven = np.concatenate(list(self._run(probe[:, :_UNEVEN_SAMPLES], _UNEVEN)), axis=1)
        holds_back = streamed.shape[1] < n
        self._fixed = holds_back or not np.array_equal(uneven, streamed[:, :_UNEVEN_SAMPLES])
        self._refuse_mixed_latencies(self._board)
        if not holds_back and not np.isfinite(streamed).all():
            raise ConfigError(f"the effects of {self.name} overflow; check their parameters")
        if not self._fixed:
            self._prime(MAX_BLOCK)
            return
        whole = self._board.process(probe, self._sample_rate, buffer_size=FIXED_BLOCK, reset=True)
        self.latency_samples = _largest_shortage([piece.shape[1] for piece in pieces])
        m = streamed.shape[1]
        error = np.abs(streamed - whole[:, :m]).max() if m else np.inf
        if m < n // 2 or not error <= _SAME * np.abs(whole).max():
            raise ConfigError(
                f"the effects of {self.name} ({', '.join(type(effect).__name__ for effect in self._board)}) "
                "do not give in a stream what they give for a whole recording (pedalboard's PitchShift and "
                "GSMFullRateCompressor do not); leave that effect out or apply it to the written stem"
            )

    def _refuse_mixed_latencies(self, plugins: Iterable[Any]) -> None:
        from pedalboard import Chain, Mix, Pedalboard  # type: ignore[attr-defined]

        for plugin in plugins:
            if not isinstance(plugin, Chain | Mix | Pedalboard):
                continue
            if isinstance(plugin, Mix):
                for branch in plugin:
                    alone = Board(Pedalboard([branch]), self._sample_rate, self._channels, self.name)
                    if alone._fixed and alone.latency_samples >= FIXED_BLOCK:
                        raise ConfigError(
                            f"a Mix in the effects of {self.name} holds {type(branch).__name__}, which delays; "
                            "its branches would be out of step, so put that effect outside of the Mix"
                        )
            self._refuse_mixed_latencies(plugin)


def _largest_shortage(returned: Sequence[int]) -> int:
    """Zeros that must wait in the queue so that a reader who has put n samples in can always take n out.

    Just before block k + 1 is complete, (k + 1) * FIXED_BLOCK - 1 samples have come in and only
    those of k blocks have gone through.
    """
    given = np.arange(1, len(returned) + 1) * FIXED_BLOCK + FIXED_BLOCK - 1
    return int(max(FIXED_BLOCK - 1, np.max(given - np.cumsum(returned))))


def only_finite(block: Audio) -> Audio:
    """The block itself, or a copy in which samples that are not finite are 0."""
    finite = np.isfinite(block)
    return block if finite.all() else np.where(finite, block, np.float32(0.0))


def as_board(effects: Pedalboard | Plugin) -> Pedalboard:
    """A board as it is; of a single effect, a board with nothing else."""
    from pedalboard import Pedalboard  # type: ignore[attr-defined]

    board: Pedalboard = effects if isinstance(effects, Pedalboard) else Pedalboard([effects])
    return board


def refuse_shared(boards: Sequence[Pedalboard]) -> None:
    """An effect holds the sound of one stem; in two boards it would mix them up."""
    effects = [effect for board in boards for effect in board]  # kept: the id of what is gone is used again
    for effect, others in zip(effects, (effects[i + 1 :] for i in range(len(effects))), strict=True):
        if any(effect is other for other in others):
            raise ConfigError(f"one {type(effect).__name__} is in two places; make a new effect for each")
