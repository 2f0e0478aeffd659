"""From stems to a remix, block by block: a board, a fader and a delay per stem, then a master board.

stem -> board -> delay to the slowest board -> fader -+-> sum -> master board -> master fader -> remix
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from bsep_stream.effects.boards import Audio, Board, as_board, only_finite, refuse_shared
from bsep_stream.effects.fader import RAMP_SECONDS, Fader, amplitude
from bsep_stream.errors import ConfigError, StreamError
from bsep_stream.stream.samplequeue import SampleQueue
from bsep_stream.words import MASTER, nearest

if TYPE_CHECKING:
    from pedalboard import Pedalboard, Plugin  # type: ignore[attr-defined]


@dataclass(frozen=True)
class MixerLatency:
    """Where the latency of a mixer comes from, in samples."""

    boards_samples: int
    """The slowest board; the other stems wait for it."""
    master_samples: int

    @property
    def total_samples(self) -> int:
        """Sum of the parts."""
        return self.boards_samples + self.master_samples


class Mixer:
    """Takes blocks of stems and gives blocks of the remix, ``latency_samples`` later.

    The result is the same, bit for bit, however the stems are cut into blocks.

    Parameters
    ----------
    stem_names : sequence of str
        Names of the stems, in the order of the blocks.
    sample_rate : int
        Hz.
    channels : int
    boards : mapping of str to Pedalboard or Plugin, optional
        Effects of a stem; stems without one pass unchanged.
    gains_db : mapping of str to float, optional
        Level of a stem after its effects, ``-inf`` for mute; 0 for stems that are not named.
    master : Pedalboard or Plugin, optional
        Effects on the sum.
    master_gain_db : float
        Level of the remix after the effects of the master.

    Raises
    ------
    ConfigError
        Unknown stems, gains above ``HIGHEST_GAIN_DB``, effects that cannot run in a stream.
    """

    def __init__(
        self,
        stem_names: Sequence[str],
        sample_rate: int,
        channels: int,
        *,
        boards: Mapping[str, Pedalboard | Plugin] | None = None,
        gains_db: Mapping[str, float] | None = None,
        master: Pedalboard | Plugin | None = None,
        master_gain_db: float = 0.0,
    ) -> None:
        self.stem_names = tuple(stem_names)
        self.sample_rate = sample_rate
        self.channels = channels
        whole = {name: as_board(board) for name, board in (boards or {}).items()}
        whole_master = None if master is None else as_board(master)
        gains_db = gains_db or {}
        for name in (*whole, *gains_db):
            self._index(name)
        refuse_shared([*whole.values(), *([] if whole_master is None else [whole_master])])
        ramp = max(1, round(RAMP_SECONDS * sample_rate))
        self._boards = [
            Board(whole[name], sample_rate, channels, name) if name in whole else None for name in self.stem_names
        ]
        self._master = Board(whole_master, sample_rate, channels, MASTER) if whole_master is not None else None
        late = [board.latency_samples if board else 0 for board in self._boards]
        slowest = max(late, default=0)
        self.latency = MixerLatency(slowest, self._master.latency_samples if self._master else 0)
        self._delays = [SampleQueue((channels,), slowest - each) if each < slowest else None for each in late]
        self._faders = [Fader(amplitude(gains_db.get(name, 0.0), name), ramp) for name in self.stem_names]
        self._master_fader = Fader(amplitude(master_gain_db, MASTER), ramp)

    def __repr__(self) -> str:
        late = 1000.0 * self.latency_samples / self.sample_rate
        return f"<Mixer of {self.described()} at {self.sample_rate} Hz, {late:.1f} ms late>"

    def described(self) -> str:
        """Stems with their effects, in one line."""
        strips = [
            name if board is None else f"{name} [{', '.join(board.effect_names)}]"
            for name, board in zip(self.stem_names, self._boards, strict=True)
        ]
        master = [] if self._master is None else [f"{MASTER} [{', '.join(self._master.effect_names)}]"]
        return ", ".join(strips + master)

    @property
    def latency_samples(self) -> int:
        """Delay from stems to remix, constant: the slowest board and the master board."""
        return self.latency.total_samples

    def set_gain_db(self, name: str, gain_db: float) -> None:
        """Move a fader, in ``RAMP_SECONDS`` from the next sample on.

        Parameters
        ----------
        name : str
            A stem, or ``master``.
        gain_db : float
            ``-inf`` mutes.
        """
        fader = self._master_fader if name == MASTER else self._faders[self._index(name)]
        fader.move_to(amplitude(gain_db, name))

    def process(self, stems: ArrayLike) -> Audio:
        """Remix of a block.

        Parameters
        ----------
        stems : array_like, shape (n_stems, channels, n), float
            Any n from 0 up, changing at will. It is not modified. Samples that are not finite count as 0.

        Returns
        -------
        ndarray, shape (channels, n), float32

        Raises
        ------
        StreamError
            A block of another shape; the stream is unharmed.
        """
        block = np.asarray(stems)
        if block.ndim != 3 or block.shape[:2] != (len(self.stem_names), self.channels) or block.dtype.kind != "f":
            raise StreamError(
                f"expected stems of shape ({len(self.stem_names)}, {self.channels}, n) of floating point samples, "
                f"got {block.shape} of {block.dtype}"
            )
        mix = np.zeros(block.shape[1:], dtype=np.float32)
        if not mix.size:
            return mix
        block = only_finite(block.astype(np.float32, copy=False))
        for stem, board, delay, fader in zip(block, self._boards, self._delays, self._faders, strict=True):
            sound = board.process(stem) if board else stem
            if delay is not None:
                delay.push(sound)
                sound = np.empty_like(mix)
                delay.pop(sound)
            mix += fader.apply(sound)
        if self._master:
            mix = self._master.process(mix)
        return self._master_fader.apply(mix)

    def flush(self) -> Audio:
        """The last ``latency_samples`` samples of the remix; then the mixer is like new."""
        rest = self.process(np.zeros((len(self.stem_names), self.channels, self.latency_samples), dtype=np.float32))
        self.reset()
        return rest

    def reset(self) -> None:
        """Forget all audio; faders are where they were sent."""
        for part in (*self._boards, *self._delays, *self._faders, self._master, self._master_fader):
            if part is not None:
                part.reset()

    def _index(self, name: str) -> int:
        if name not in self.stem_names:
            raise ConfigError(f"there is no stem {name!r}{nearest(name, self.stem_names)}")
        return self.stem_names.index(name)
