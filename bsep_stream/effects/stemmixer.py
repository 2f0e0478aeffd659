"""From the mixture to a remix: a separator and a mixer, called like a plugin of pedalboard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import ArrayLike

from bsep_stream.effects.boards import Audio
from bsep_stream.effects.mixer import Mixer
from bsep_stream.effects.rack import Rack
from bsep_stream.errors import ConfigError, StreamError

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


class StemMixer:
    """A separator with effects, called like a plugin of pedalboard: mixture in, remix out.

    Parameters
    ----------
    separator : StreamingSeparator
        Used by nobody else.
    boards, gains_db, master, master_gain_db
        As for :class:`Mixer`.
    rack : Rack, optional
        Effects and levels, in place of these.
    allow_plugins : bool
        Whether the VST3 plugins that the rack names may be loaded: native code, which can do whatever you can.

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
        *,
        rack: Rack | None = None,
        allow_plugins: bool = False,
    ) -> None:
        self.separator = separator
        if rack is not None:
            if boards or gains_db or master is not None or master_gain_db:
                raise ConfigError("a StemMixer gets a rack, or boards and gains, got both; leave one of them out")
            rack = rack.allowing_plugins() if allow_plugins else rack
            self.mixer = rack.mixer(separator.stem_names, separator.sample_rate, separator.channels)
            return
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
            turned = audio.ndim == 2 and audio.shape[1] == channels
            raise StreamError(
                f"expected floating point audio of shape ({channels}, samples), got {audio.shape} of {audio.dtype}"
                + ("; this looks like (samples, channels), as soundfile reads it: give its .T" if turned else "")
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
