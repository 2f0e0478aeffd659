"""Spectra of the stems, frame by frame: which tones they are made of, and how.

A frame of the mixture is masked by its own tones (``quality``), by those of another frame of the network (all other
latency settings), or its tones are the stems (``direct`` and ``dictionary``).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bsep_stream.errors import ConfigError
from bsep_stream.masks.maskoutput import MaskOutput, mean_of_channels
from bsep_stream.masks.masksettings import MaskSettings
from bsep_stream.masks.outputs import Listener, ToneOutput
from bsep_stream.model.geometry import FrameGeometry
from bsep_stream.model.separation_model import OUTPUT_KINDS, SeparationModel, Tones
from bsep_stream.stream.latency import LatencySetting
from bsep_stream.stream.transform import Analysis
from bsep_stream.stream.windows import spread_bins, stream_windows

_Spectra = NDArray[np.complex64]


def spectra_maker(
    model: SeparationModel, setting: LatencySetting, channels: int, output: str, mask: MaskSettings | None = None
) -> OwnFrame | CentredTones | CutFrame:
    """Who makes an output with a latency setting.

    Raises
    ------
    ConfigError
        An output that is none, or that the setting does not have; masks that do not fit the model.
    """
    if output not in OUTPUT_KINDS:
        raise ConfigError(f"output must be one of {', '.join(OUTPUT_KINDS)}, got {output!r}")
    window = stream_windows(model.geometry, setting).network
    if output == "mask":
        if window is None:
            return OwnFrame(model, mask, channels)
        return CutFrame(model, mask, channels, window, setting)
    if window is not None:
        raise ConfigError(
            f"the output {output!r} has the latency 'quality' only, got {setting.name}; take the output 'mask'"
        )
    return CentredTones(model, output, channels)


class OwnFrame:
    """Masks from the tones of the frame itself."""

    def __init__(self, model: SeparationModel, mask: MaskSettings | None, channels: int) -> None:
        self._output = MaskOutput(model, mask, channels)
        self._ear = _MonoEar(Listener(model), model.geometry)
        self.tones: Tones | None = None

    def reset(self) -> None:
        self._output.forget()
        self._ear.listener.reset()

    def want_whole_tones(self, wanted: bool) -> None:
        """Whether tones must have spectra, amplitudes and coefficients, which masks do without; else those are 0."""
        self._ear.listener.want_spectra(wanted)

    def spectra(self, mixture: _Spectra, recent: NDArray[np.float32]) -> _Spectra:
        del recent
        self.tones = self._ear.hear(mixture)
        self._output.hear(self.tones, self._ear.listener.level)
        return self._output.spectra(mixture)


class CentredTones:
    """The tones of the frame themselves: their phases are referred to its centre, those of a transform to its start."""

    def __init__(self, model: SeparationModel, kind: str, channels: int) -> None:
        self._output = ToneOutput(model, kind, channels)
        self._centring = model.geometry.centring
        self._centred: _Spectra = np.zeros((channels, len(self._centring)), dtype=np.complex64)

    def reset(self) -> None:
        self._output.forget()

    def want_whole_tones(self, wanted: bool) -> None:
        """They always are: the spectra are the output."""

    @property
    def tones(self) -> Tones | None:
        return self._output.tones

    def spectra(self, mixture: _Spectra, recent: NDArray[np.float32]) -> _Spectra:
        del recent
        np.multiply(mixture, self._centring, out=self._centred)
        spectra = self._output.spectra(self._centred)
        spectra *= self._centring[: spectra.shape[-1]]
        return spectra


class CutFrame:
    """Masks from the tones of another frame: that of the network, cut after its centre, every few hops."""

    def __init__(
        self,
        model: SeparationModel,
        mask: MaskSettings | None,
        channels: int,
        window: NDArray[np.float32],
        setting: LatencySetting,
    ) -> None:
        # Above older tones is what is new, not what is foreign; they are late enough without a ring that nobody heard;
        # and strikes are known as they are in the window of the network.
        mask = mask or MaskSettings()
        ring = None if mask.ring is None and model.decay_seconds else 0.0
        mask = replace(mask, excess_db=None, ring=ring, metronome=False)
        spread = spread_bins(model.geometry, setting)
        self._output = MaskOutput(model, mask, channels, spread, setting.hop_samples, setting.network_hop_samples)
        seconds = setting.network_hop_samples / model.geometry.sample_rate
        self._ear = _MonoEar(Listener(model, window, seconds), model.geometry)
        self._analysis = Analysis(window, model.geometry.n_fft, channels)
        self._reach = len(window)
        self._every = setting.network_hop_samples // setting.hop_samples
        self.reset()

    def reset(self) -> None:
        self._output.forget()
        self._ear.listener.reset()
        self._turn = 0
        self.tones: Tones | None = None

    def want_whole_tones(self, wanted: bool) -> None:
        """Whether tones must have spectra, amplitudes and coefficients, which masks do without; else those are 0."""
        self._ear.listener.want_spectra(wanted)

    def spectra(self, mixture: _Spectra, recent: NDArray[np.float32]) -> _Spectra:
        self.tones = None
        if self._turn == 0:
            self.tones = self._ear.hear(self._analysis(recent[:, -self._reach :]))
            self._output.hear(self.tones, self._ear.listener.level)
        self._turn = (self._turn + 1) % self._every
        return self._output.spectra(mixture)


class _MonoEar:
    """The network hears the mean of the channels, with the phase of the middle of the frame."""

    def __init__(self, listener: Listener, geometry: FrameGeometry) -> None:
        self.listener = listener
        self._centring = geometry.centring[: geometry.n_bins]
        self._mono: _Spectra = np.zeros(len(self._centring), dtype=np.complex64)
        self._centred: _Spectra = np.zeros(len(self._centring), dtype=np.complex64)

    def hear(self, spectra: _Spectra) -> Tones:
        mono = mean_of_channels(spectra[:, : len(self._mono)], self._mono)
        np.multiply(mono, self._centring, out=self._centred)
        return self.listener.hear(self._centred)
