"""The published outputs, made of the tones of a frame, and the network's ear, which finds them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bsep_stream.errors import ConfigError
from bsep_stream.masks.level import LevelFollower, frame_power, reference_power
from bsep_stream.model.separation_model import SeparationModel, Tones

TONE_KINDS = ("direct", "dictionary")
"""The two spectra that the network gives of every source."""

LOWEST_PITCH_HZ = {"fast": 40.0, "scratch": 40.0, "policy": 40.0, "paper": 0.0}
"""By the preset of a training: what lies below is no tone."""


class ToneOutput:
    """The published outputs: the direct or the dictionary tones themselves.

    Each channel is its own frame to the network, one step per channel, so that amplitude and phase
    of the tones keep the place in the room. Above ``n_bins`` a stem is silent.

    Parameters
    ----------
    model : SeparationModel
    kind : {"direct", "dictionary"}
    channels : int

    Attributes
    ----------
    tones : Tones or None
        Of the first channel of the last frame, valid until the next.
    """

    def __init__(self, model: SeparationModel, kind: str, channels: int = 1) -> None:
        if kind not in TONE_KINDS:
            raise ConfigError(f"the kind of tones must be one of {', '.join(TONE_KINDS)}, got {kind!r}")
        self._listener = Listener(model)
        self._scale = np.complex64(1.0 / model.gain)
        self._kind = kind
        self._stems: NDArray[np.complex64] = np.zeros(
            (model.n_sources, channels, model.geometry.n_bins), dtype=np.complex64
        )
        self.tones: Tones | None = None

    def forget(self) -> None:
        """As if nothing had been heard."""
        self._listener.reset()

    def spectra(self, mixture: NDArray[np.complex64]) -> NDArray[np.complex64]:
        """Spectra of the stems of one frame.

        Parameters
        ----------
        mixture : ndarray, shape (channels, n_fft // 2 + 1), complex64
            The phase is that in the middle of the frame, as in those that are returned.

        Returns
        -------
        ndarray, shape (n_sources, channels, n_bins), complex64
            Valid until the next call.
        """
        stems = self._stems
        # The first channel comes last, so that its tones are those that are kept.
        for channel in reversed(range(len(mixture))):
            self.tones = self._listener.hear(mixture[channel])
            stems[:, channel] = self.tones.dictionary if self._kind == "dictionary" else self.tones.direct
            if self._listener.level != 1.0:
                stems[:, channel] *= np.complex64(1.0 / self._listener.level)
        stems *= self._scale
        return _silent_unless_finite(stems)


class Listener:
    """The network's ear: spectra of any length from ``n_bins`` on, with the model's gain applied.

    Of a model that was trained on sound it gets nothing from below the lowest pitch, where an offset or the rumble of
    a stage takes the place of tones, and what is far from the level of the training is brought near to it.

    Parameters
    ----------
    model : SeparationModel
    window : ndarray, shape (m,), optional
        Of the frames; the model's own if not given.
    frame_seconds : float, optional
        Time from one frame to the next; a hop of the model if not given.
    """

    def __init__(
        self, model: SeparationModel, window: NDArray[np.float32] | None = None, frame_seconds: float | None = None
    ) -> None:
        geometry = model.geometry
        self._step = model.stepper()
        self._gain = np.float32(model.gain)
        self._frame = np.zeros((2, geometry.n_bins), dtype=np.float32)
        self._flat = self._frame.reshape(-1)
        preset = model.training.get("preset")
        lowest_hz = LOWEST_PITCH_HZ.get(preset, 0.0) if isinstance(preset, str) else 0.0
        self._lowest = min(round(lowest_hz / geometry.bin_hz), geometry.n_bins)
        self._follower = None
        if isinstance(preset, str) and preset in LOWEST_PITCH_HZ:
            self._follower = LevelFollower(frame_seconds or geometry.hop_length / geometry.sample_rate)
        self._reference = reference_power(geometry.window if window is None else window, geometry.n_fft)
        self.level = 1.0
        """What the last frame was multiplied by beside the gain: its tones are as much larger."""

    def reset(self) -> None:
        """As if nothing had been heard."""
        self.level = 1.0
        if self._follower is not None:
            self._follower.reset()

    def want_spectra(self, wanted: bool) -> None:
        """See :meth:`bsep_stream.model.step.Stepper.want_spectra`."""
        self._step.want_spectra(wanted)

    def hear(self, spectrum: NDArray[np.complex64]) -> Tones:
        """Tones of a spectrum whose phase is that in the middle of its frame, valid until the next call."""
        seen = spectrum[: self._frame.shape[1]]
        np.multiply(seen.real, self._gain, out=self._frame[0])
        np.multiply(seen.imag, self._gain, out=self._frame[1])
        self._frame[:, : self._lowest] = 0.0
        if self._follower is not None:
            self.level = self._follower.factor(frame_power(self._flat, self._reference))
            if self.level != 1.0:
                self._frame *= np.float32(self.level)
        return self._step(self._frame)


def network_step(model: SeparationModel, spectrum: NDArray[np.complex64]) -> Tones:
    """Tones of one spectrum; a stream keeps a :class:`Listener`."""
    return Listener(model).hear(spectrum)


def _silent_unless_finite(stems: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """``stems`` with every source silenced (in place) whose spectrum is not finite.

    One NaN would stay in the overlap-add for a whole window and in an effect for ever.
    """
    for stem in stems:
        if not np.isfinite(stem.sum()):
            stem[...] = 0.0
    return stems
