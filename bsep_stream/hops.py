"""The heart of a stream: a hop of the mixture in, a hop of every source out, later by what its latency setting says.

Every hop the newest samples are analysed, made into spectra of the sources, and overlap-added by a window for which the
sum over all frames is 1. Frames over the silence before the stream count as well, so the steady state holds from the
first sample on.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bsep_stream.errors import ConfigError
from bsep_stream.latency import LatencySetting
from bsep_stream.masks import MaskOutput, MaskSettings, mean_of_channels
from bsep_stream.model import OUTPUT_KINDS, SeparationModel, Tones
from bsep_stream.outputs import Listener, ToneOutput
from bsep_stream.samplequeue import SampleQueue
from bsep_stream.transform import Analysis, Synthesis
from bsep_stream.windows import spread_bins, stream_windows

_Spectra = NDArray[np.complex64]


class HopEngine:
    """``hop_samples`` in, the same number out, ``setting.algorithmic_samples`` late.

    Parameters
    ----------
    model : SeparationModel
    setting : LatencySetting
    channels : int
    output : {"direct", "dictionary", "mask"}
    mask : MaskSettings or None

    Attributes
    ----------
    tones : Tones or None
        What the network heard in the last hop; None if it was not its turn. Valid until the next.

    Raises
    ------
    ConfigError
        An output that is none, or that the setting does not have.
    """

    def __init__(
        self,
        model: SeparationModel,
        setting: LatencySetting,
        channels: int,
        output: str,
        mask: MaskSettings | None = None,
    ) -> None:
        if output not in OUTPUT_KINDS:
            raise ConfigError(f"output must be one of {', '.join(OUTPUT_KINDS)}, got {output!r}")
        geometry, n_sources = model.geometry, model.n_sources
        windows = stream_windows(geometry, setting)
        self._n_fft, self._hop, self._length = geometry.n_fft, setting.hop_samples, setting.synthesis_samples
        self._recent = SampleQueue((channels,), self._n_fft - self._hop, 4 * self._n_fft)
        self._sum = SampleQueue((n_sources, channels), self._length - self._hop, 4 * self._n_fft)
        self._done = np.zeros((n_sources, channels, self._hop), dtype=np.float32)
        self._analysis = Analysis(windows.analysis, self._n_fft, channels)
        self._synthesis = Synthesis(windows.synthesis, self._n_fft, (n_sources, channels))
        self._maker: _OwnFrame | _CentredTones | _CutFrame
        if output != "mask":
            if windows.network is not None:
                raise ConfigError(
                    f"the output {output!r} has the latency 'quality' only, got {setting.name}; take the output 'mask'"
                )
            self._maker = _CentredTones(model, output, channels)
        elif windows.network is None:
            self._maker = _OwnFrame(model, mask, channels)
        else:
            spread = spread_bins(geometry, setting)
            every = setting.network_hop_samples // self._hop
            self._maker = _CutFrame(model, mask, channels, windows.network, every, spread)
        self.tones: Tones | None = None

    def reset(self) -> None:
        """Like new."""
        self._recent.reset()
        self._sum.reset()
        self._maker.reset()
        self.tones = None

    def process(self, hop: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take (channels, hop_samples) in, give (n_sources, channels, hop_samples) out: valid until the next call."""
        self._recent.push(hop)
        recent = self._recent.newest(self._n_fft)
        spectra = self._maker.spectra(self._analysis(recent), recent)
        self.tones = self._maker.tones
        self._recent.drop(self._hop)
        self._sum.push_silence(self._hop)
        end = self._sum.newest(self._length)
        end += self._synthesis(spectra)
        self._sum.pop(self._done)
        return self._done


class _OwnFrame:
    """Masks from the tones of the frame itself."""

    def __init__(self, model: SeparationModel, mask: MaskSettings | None, channels: int) -> None:
        self._output = MaskOutput(model, mask, channels)
        self._ear = _MonoEar(model)
        self.tones: Tones | None = None

    def reset(self) -> None:
        self._output.forget()

    def spectra(self, mixture: _Spectra, recent: NDArray[np.float32]) -> _Spectra:
        del recent
        self.tones = self._ear.hear(mixture)
        self._output.hear(self.tones)
        return self._output.spectra(mixture)


class _CentredTones:
    """The tones of the frame themselves: their phases are referred to its centre, those of a transform to its start."""

    def __init__(self, model: SeparationModel, kind: str, channels: int) -> None:
        self._output = ToneOutput(model, kind, channels)
        self._centring = model.geometry.centring
        self._centred: _Spectra = np.zeros((channels, len(self._centring)), dtype=np.complex64)

    def reset(self) -> None:
        pass

    @property
    def tones(self) -> Tones | None:
        return self._output.tones

    def spectra(self, mixture: _Spectra, recent: NDArray[np.float32]) -> _Spectra:
        del recent
        np.multiply(mixture, self._centring, out=self._centred)
        spectra = self._output.spectra(self._centred)
        spectra *= self._centring[: spectra.shape[-1]]
        return spectra


class _CutFrame:
    """Masks from the tones of another frame: that of the network, cut after its centre, every few hops."""

    def __init__(
        self,
        model: SeparationModel,
        mask: MaskSettings | None,
        channels: int,
        window: NDArray[np.float32],
        every: int,
        spread: float,
    ) -> None:
        self._output = MaskOutput(model, mask, channels, spread)
        self._ear = _MonoEar(model)
        self._analysis = Analysis(window, model.geometry.n_fft, channels)
        self._reach = len(window)
        self._every = every
        self.reset()

    def reset(self) -> None:
        self._output.forget()
        self._turn = 0
        self.tones: Tones | None = None

    def spectra(self, mixture: _Spectra, recent: NDArray[np.float32]) -> _Spectra:
        self.tones = None
        if self._turn == 0:
            self.tones = self._ear.hear(self._analysis(recent[:, -self._reach :]))
            self._output.hear(self.tones)
        self._turn = (self._turn + 1) % self._every
        return self._output.spectra(mixture)


class _MonoEar:
    """The network hears the mean of the channels, with the phase of the middle of the frame."""

    def __init__(self, model: SeparationModel) -> None:
        self._listener = Listener(model)
        self._centring = model.geometry.centring[: model.geometry.n_bins]
        self._mono: _Spectra = np.zeros(len(self._centring), dtype=np.complex64)
        self._centred: _Spectra = np.zeros(len(self._centring), dtype=np.complex64)

    def hear(self, spectra: _Spectra) -> Tones:
        mono = mean_of_channels(spectra[:, : len(self._mono)], self._mono)
        np.multiply(mono, self._centring, out=self._centred)
        return self._listener.hear(self._centred)
