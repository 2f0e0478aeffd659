"""Separation of a stream: blocks of any size in, stems of the same size out, a constant time later."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bsep_stream.errors import ConfigError, StreamError
from bsep_stream.masks.masksettings import MaskSettings
from bsep_stream.masks.stemspectra import spectra_maker
from bsep_stream.model.geometry import RATES
from bsep_stream.model.separation_model import SeparationModel, Tones
from bsep_stream.stream.hops import HopEngine
from bsep_stream.stream.latency import QUALITY, LatencySetting, choose_setting
from bsep_stream.stream.ledger import LatencyLedger
from bsep_stream.stream.resampling import StreamResampler
from bsep_stream.stream.samplequeue import SampleQueue
from bsep_stream.words import LARGEST_SAMPLE, MOST_CHANNELS, RESIDUAL

MOST_WAITING_BYTES = 1e9
"""What a stream may hold back, all stems and channels: a slow model in a fast stream waits for many samples."""
_RESAMPLED_AT_ONCE = 1024  # samples


class StreamingSeparator:
    """Pulls a stream of audio apart, block by block.

    ``process`` returns as many samples as it got; sample ``n`` of the stems belongs to sample
    ``n - latency_samples`` of the mixture. The result is the same, bit for bit, however the audio is cut
    into blocks.

    Parameters
    ----------
    model : SeparationModel or str or Path
        A model, or the path of its ONNX file. Streams may share a model.
    sample_rate : int, optional
        Samples per second of the stream; the model's if not given. Another rate is resampled on
        the way in and out (see :attr:`latency`).
    channels : int
        Channels of every block.
    output : {"direct", "dictionary", "mask"}, optional
        What to make of the tones (see :mod:`bsep_stream.masks.outputs`); if not given, the model's default with the
        latency ``quality``, else ``mask``.
    residual : bool
        Whether the last stem is ``residual``: the delayed mixture minus the sum of the other stems.
    mask : MaskSettings
        How masks are made; without effect on ``direct`` and ``dictionary``.
    latency : {"quality", "balanced", "live"} or float
        The later, the better: ``quality``, at most 75 ms, at most 23 ms (both plus the resamplers), or the best that is
        not later than a number of milliseconds (with everything). All but ``quality`` need the output ``mask``.

    Attributes
    ----------
    latency : LatencyLedger
    latency_samples : int
    setting : LatencySetting
        What was chosen.

    Raises
    ------
    ModelError
        If the file is not a model.
    ConfigError
        If a parameter makes no sense.

    Examples
    --------
    >>> import numpy as np
    >>> from bsep_stream import StreamingSeparator
    >>> separator = StreamingSeparator("duet.onnx", sample_rate=48_000, channels=2, latency="live")
    >>> separator
    <StreamingSeparator of flute, oboe, residual: 2 channels at 48000 Hz, 21.3 ms late>
    >>> block = np.zeros((2, 256), dtype=np.float32)
    >>> separator.process(block).shape
    (3, 2, 256)
    >>> separator.flush().shape == (3, 2, separator.latency_samples)
    True
    """

    def __init__(
        self,
        model: SeparationModel | str | Path,
        *,
        sample_rate: int | None = None,
        channels: int = 1,
        output: str | None = None,
        residual: bool = True,
        mask: MaskSettings | None = None,
        latency: str | float = QUALITY,
    ) -> None:
        self.model = model if isinstance(model, SeparationModel) else SeparationModel(model)
        geometry = self.model.geometry
        self.sample_rate = int(geometry.sample_rate if sample_rate is None else sample_rate)
        self.channels = int(channels)
        if not RATES[0] <= self.sample_rate <= RATES[1] or sample_rate not in (None, self.sample_rate):
            raise ConfigError(f"sample_rate must be a whole number from {RATES[0]} to {RATES[1]}, got {sample_rate}")
        if self.channels < 1 or self.channels != channels:
            raise ConfigError(f"a stream needs at least one channel, got {channels}")
        if self.channels > MOST_CHANNELS:
            raise ConfigError(
                f"a stream has at most {MOST_CHANNELS} channels, got {channels}; if these are samples, give audio of "
                "shape (channels, samples): the .T of what soundfile reads"
            )
        self.stem_names = (*self.model.source_names, *([RESIDUAL] if residual else []))
        self._residual = residual

        n_sources = self.model.n_sources
        self._resample_in = self._resample_out = None
        if self.sample_rate != geometry.sample_rate:
            self._resample_in = StreamResampler(
                self.sample_rate, geometry.sample_rate, (self.channels,), _RESAMPLED_AT_ONCE
            )
            self._resample_out = StreamResampler(
                geometry.sample_rate, self.sample_rate, (n_sources, self.channels), geometry.hop_length
            )
        self.setting = self._choose(latency)
        usual = self.model.output if self.setting.name == QUALITY else "mask"
        self.output = usual if output is None else output
        self.latency = self._ledger(self.setting)
        self.latency_samples = self.latency.total_samples

        waiting = 4.0 * self.latency_samples * (n_sources + 1) * self.channels
        if waiting > MOST_WAITING_BYTES:
            raise ConfigError(
                f"{self.channels} channels at {self.sample_rate} Hz would wait for {waiting / 1e6:.0f} MB of sound; "
                "use fewer channels or a lower rate"
            )
        self._maker = spectra_maker(self.model, self.setting, self.channels, self.output, mask)
        self._engine = HopEngine(geometry, self.setting, n_sources, self.channels, self._maker)
        self._hop = np.zeros((self.channels, self.setting.hop_samples), dtype=np.float32)
        self._sources = SampleQueue((n_sources, self.channels), self.latency_samples)
        self._mixture = SampleQueue((self.channels,), self.latency_samples)
        self.on_tones: Callable[[Tones], object] | None = None
        """Called with the tones of every frame, which are valid only meanwhile; it must not raise. (With the output
        `direct` or `dictionary` those of the first channel.)"""
        self.reset()

    def __repr__(self) -> str:
        many = "" if self.channels == 1 else "s"
        late = 1000.0 * self.latency_samples / self.sample_rate
        return (
            f"<StreamingSeparator of {', '.join(self.stem_names)}: {self.channels} channel{many} at "
            f"{self.sample_rate} Hz, {late:.1f} ms late>"
        )

    @property
    def n_stems(self) -> int:
        """Number of stems, with the residual."""
        return len(self.stem_names)

    @property
    def tones_hop_seconds(self) -> float:
        """Time from one frame of tones to the next."""
        return self.setting.network_hop_samples / self.model.geometry.sample_rate

    @property
    def tones_hop_samples(self) -> int:
        """The same in whole samples of the stream, rounded up: what a worker does at a time."""
        return ceil(self.setting.network_hop_samples * self.sample_rate / self.model.geometry.sample_rate)

    def reset(self) -> None:
        """Forget all audio: the next block is the first of a new stream."""
        for part in (self._engine, self._sources, self._mixture, self._resample_in, self._resample_out):
            if part is not None:
                part.reset()
        self._hop_fill = 0
        # The engine is late. That is part of latency_samples, so the queue already holds it.
        self._to_drop = self.setting.algorithmic_samples

    def process(self, block: ArrayLike) -> NDArray[np.float32]:
        """Stems of the stream, ``latency_samples`` later.

        Parameters
        ----------
        block : array_like, shape (channels, n) or, with one channel, (n,); float
            Any ``n`` from 0 on, changing at will. It is not modified.

        Returns
        -------
        ndarray, shape (n_stems, channels, n), float32
            In the order of :attr:`stem_names`.

        Raises
        ------
        StreamError
            If the block does not fit the stream. The stream is unharmed and goes on with the next block.
        """
        audio = self._checked(block)
        n = audio.shape[-1]
        stems = np.empty((self.n_stems, self.channels, n), dtype=np.float32)
        if self._resample_in is None:
            self._separate(audio)
        else:  # in pieces, so that a long block takes no more memory than a short one
            for start in range(0, n, _RESAMPLED_AT_ONCE):
                self._separate(self._resample_in.process(audio[:, start : start + _RESAMPLED_AT_ONCE]))
        sources = stems[: self.model.n_sources]
        self._sources.pop(sources)
        if self._residual:
            residual = stems[-1]
            self._mixture.push(audio)
            self._mixture.pop(residual)
            for source in sources:
                residual -= source
        return stems

    def flush(self) -> NDArray[np.float32]:
        """The last ``latency_samples`` samples of the stems; then the stream is like new.

        Returns
        -------
        ndarray, shape (n_stems, channels, latency_samples), float32
            With them, everything that was returned minus the first ``latency_samples`` is as long as the input.
        """
        rest = self.process(np.zeros((self.channels, self.latency_samples), dtype=np.float32))
        self.reset()
        return rest

    def _checked(self, block: ArrayLike) -> NDArray[np.float32]:
        audio = np.asarray(block)
        if audio.dtype.kind != "f":
            raise StreamError(f"a block must be of floating point samples (full scale 1), got {audio.dtype}")
        if audio.ndim == 1 and self.channels == 1:
            audio = audio[None]
        if audio.ndim != 2 or len(audio) != self.channels:
            how = f"make the stream with channels={len(audio) if audio.ndim == 2 else 1}"
            if audio.ndim == 2 and (audio.shape[1] == self.channels or len(audio) > MOST_CHANNELS):
                how = "this looks like (samples, channels), as soundfile reads it: give its .T"
            raise StreamError(
                f"a block must have the shape ({self.channels}, n) for a stream with {self.channels} channel(s), "
                f"got {audio.shape}; {how}"
            )
        if audio.dtype.itemsize < 4:  # in float16, a limit of 1e6 is Inf, and Inf not beyond it
            audio = audio.astype(np.float32)
        # One comparison finds NaN, Inf and samples that are no audio: min and max carry NaN along.
        if audio.size and not (audio.min() >= -LARGEST_SAMPLE and audio.max() <= LARGEST_SAMPLE):
            raise StreamError(
                "a block must be finite and near full scale 1, got NaN, Inf or a sample beyond "
                f"{LARGEST_SAMPLE:g}; the block was left out"
            )
        return audio.astype(np.float32, copy=False)

    def _separate(self, audio: NDArray[np.float32]) -> None:
        """Cut audio at the model's rate into hops and queue what comes of them."""
        hop, done, n = self._hop.shape[1], 0, audio.shape[1]
        while done < n:
            count = min(hop - self._hop_fill, n - done)
            self._hop[:, self._hop_fill : self._hop_fill + count] = audio[:, done : done + count]
            self._hop_fill += count
            done += count
            if self._hop_fill < hop:
                return
            self._hop_fill = 0
            self._maker.want_whole_tones(self.on_tones is not None)
            sources = self._engine.process(self._hop)
            if self.on_tones is not None and self._engine.tones is not None:
                self.on_tones(self._engine.tones)
            drop = min(self._to_drop, hop)
            self._to_drop -= drop
            sources = sources[..., drop:]
            self._sources.push(sources if self._resample_out is None else self._resample_out.process(sources))

    def _choose(self, latency: str | float) -> LatencySetting:
        def total_ms(setting: LatencySetting) -> float:
            return 1000.0 * self._ledger(setting).total_samples / self.sample_rate

        return choose_setting(latency, self.model.geometry, total_ms)

    def _ledger(self, setting: LatencySetting) -> LatencyLedger:
        """Each part is late by at most so many samples, whatever the blocks; the sum is then safe and constant."""
        algorithmic, adaptation = setting.algorithmic_samples, setting.adaptation_samples
        if self._resample_in is None or self._resample_out is None:
            return LatencyLedger(algorithmic, adaptation)
        ratio = self.sample_rate / self.model.geometry.sample_rate
        total = self._resample_in.lookahead_samples + ceil(
            (algorithmic + adaptation + self._resample_out.lookahead_samples)
            * self.sample_rate
            / self.model.geometry.sample_rate
        )
        parts = int(algorithmic * ratio), int(adaptation * ratio)
        return LatencyLedger(*parts, resampler_samples=total - sum(parts))
