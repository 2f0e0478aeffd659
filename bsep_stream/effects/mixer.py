"""From stems to a remix, block by block: a board, a fader and a delay per stem, then a master board.

stem -> board -> delay to the slowest board -> fader -+-> sum -> master board -> master fader -> remix
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import ArrayLike

from bsep_stream.effects.boards import Audio, Board, as_board, only_finite, refuse_shared
from bsep_stream.effects.fader import RAMP_SECONDS, Fader, amplitude
from bsep_stream.errors import ConfigError, StreamError
from bsep_stream.stream.samplequeue import SampleQueue
from bsep_stream.words import MASTER, nearest

if TYPE_CHECKING:
    from pedalboard import Pedalboard, Plugin  # type: ignore[attr-defined]


class Separator(Protocol):
    """What :class:`StemMixer` needs of a :class:`~bsep_stream.separator.StreamingSeparator`."""

    sample_rate: int
    channels: int
    latency_samples: int

    @property
    def stem_names(self) -> Sequence[str]: ...
    def process(self, block: Audio) -> Audio: ...
    def flush(self) -> Audio: ...
    def reset(self) -> None: ...


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


class StemMixer:
    """A separator with effects, called like a plugin of pedalboard: mixture in, remix out.

    Parameters
    ----------
    separator : StreamingSeparator
        Used by nobody else.
    boards, gains_db, master, master_gain_db
        As for :class:`Mixer`.

    Attributes
    ----------
    mixer : Mixer
        ``mixer.set_gain_db("violin", -6.0)`` moves a fader while the stream runs.

    Examples
    --------
    >>> from pedalboard import Chorus, Pedalboard, Reverb
    >>> from bsep_stream import StemMixer, StreamingSeparator, read_recording
    >>> audio, sample_rate = read_recording("duet.wav")
    >>> separator = StreamingSeparator("duet.onnx", sample_rate=sample_rate, channels=len(audio))
    >>> mixer = StemMixer(separator, boards={"flute": Pedalboard([Reverb(room_size=0.4)]), "oboe": Chorus()})
    >>> mixer
    <StemMixer of flute [Reverb], oboe [Chorus], residual at 48000 Hz, 170.6 ms late>
    >>> remix = mixer(audio, sample_rate)  # where a plugin or a Pedalboard would be called
    >>> remix.shape == audio.shape
    True
    """

    def __init__(
        self,
        separator: Separator,
        boards: Mapping[str, Pedalboard | Plugin] | None = None,
        gains_db: Mapping[str, float] | None = None,
        master: Pedalboard | Plugin | None = None,
        master_gain_db: float = 0.0,
    ) -> None:
        self.separator = separator
        self.mixer = Mixer(
            separator.stem_names,
            separator.sample_rate,
            separator.channels,
            boards=boards,
            gains_db=gains_db,
            master=master,
            master_gain_db=master_gain_db,
        )

    def __repr__(self) -> str:
        rate = self.separator.sample_rate
        late = 1000.0 * self.latency_samples / rate
        return f"<StemMixer of {self.mixer.described()} at {rate} Hz, {late:.1f} ms late>"

    @property
    def stem_names(self) -> tuple[str, ...]:
        """Stems that boards and gains may name."""
        return self.mixer.stem_names

    @property
    def latency_samples(self) -> int:
        """Delay of the stream from mixture to remix."""
        return self.separator.latency_samples + self.mixer.latency_samples

    def process(self, input_array: ArrayLike, sample_rate: float, buffer_size: int = 8192, reset: bool = True) -> Audio:
        """Separate, apply the effects, mix.

        Parameters
        ----------
        input_array : array_like, shape (channels, n) or, with one channel, (n,); float
            The mixture.
        sample_rate : float
            Hz; that of the separator.
        buffer_size : int
            Samples that are processed at a time. The result does not depend on it.
        reset : bool
            True, as with pedalboard's plugins: the array is a whole recording, and the remix is aligned with
            it. False: it is the next block of a stream, and the remix is ``latency_samples`` late.

        Returns
        -------
        ndarray of the shape of ``input_array``, float32

        Raises
        ------
        StreamError
            Another rate, shape or type, samples that are not finite; the stream is unharmed.
        """
        audio = np.asarray(input_array)
        if sample_rate != self.separator.sample_rate:
            raise StreamError(
                f"this stream runs at {self.separator.sample_rate} Hz, got audio at {sample_rate:g} Hz; "
                "make the separator with that sample rate"
            )
        if buffer_size < 1:
            raise StreamError(f"buffer_size must be at least 1, got {buffer_size}")
        channels = self.separator.channels
        block = audio[None] if audio.ndim == 1 and channels == 1 else audio
        if block.ndim != 2 or block.shape[0] != channels or block.dtype.kind != "f":
            raise StreamError(
                f"expected floating point audio of shape ({channels}, samples), got {audio.shape} of {audio.dtype}"
            )
        block = block.astype(np.float32, copy=False)
        if not np.isfinite(block).all():
            raise StreamError("expected finite samples, got NaN or Inf; the block was left out")
        if reset:
            self.reset()
        pieces = (block[:, i : i + buffer_size] for i in range(0, block.shape[1], buffer_size))
        parts = [self.mixer.process(self.separator.process(piece)) for piece in pieces]
        if reset:
            parts.append(self.flush())
        out = np.concatenate(parts, axis=1) if parts else np.zeros((channels, 0), dtype=np.float32)
        if reset:
            out = out[:, self.latency_samples :]
        return out[0] if audio.ndim == 1 else out

    __call__ = process

    def flush(self) -> Audio:
        """The last ``latency_samples`` samples of the remix, shape (channels, n); then all is like new."""
        rest = self.mixer.process(self.separator.flush())
        return np.concatenate([rest, self.mixer.flush()], axis=1)

    def reset(self) -> None:
        """Forget all audio."""
        self.separator.reset()
        self.mixer.reset()
