"""The mixture shared out by masks that are made from the timbre of its tones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bsep_stream.errors import ConfigError
from bsep_stream.masks.foreign import Foreign, Strikes
from bsep_stream.masks.masksettings import DEFAULT_RING
from bsep_stream.masks.masksettings import FOREIGN_TO_STEMS as FOREIGN_TO_STEMS
from bsep_stream.masks.masksettings import FOREIGN_TO_STEMS_NEVER as FOREIGN_TO_STEMS_NEVER
from bsep_stream.masks.masksettings import MaskSettings as MaskSettings
from bsep_stream.masks.places import CHANNELS, StereoPlaces
from bsep_stream.masks.smoothing import BinSmoother
from bsep_stream.model.separation_model import SeparationModel, Tones

_TINY = np.float32(1e-30)  # keeps 0 / 0 at 0; far below any power of tones that are scaled to peak 1
_FADED = 1e3  # how far a peak may be below what rings on: more than that is another sound, and powers would overflow
_LOUDEST = np.float32(1e9)  # of a mixture over its tones: the powers stay finite
_SILENT_RING = np.float32(1e-9)  # power below which nothing rings on any more, of a peak of 1
_AUDIBLE = 1e-6  # peak of the tones, at the level of the network: what is below says nothing of places


class MaskOutput:
    """The mixture, shared out by the timbre of its tones: breath, attack and room follow their source.

    The tones are found once, in the mean of the channels. Source ``i`` gets, of every channel,

        timbre_i**p / (sum_j timbre_j**p + floor * |mixture|**p + excess + foreign**p)

    where the excess is what ``|mixture|**p`` has above a multiple of the sum, and foreign is the larger of a multiple
    of the noise that is always there (:mod:`bsep_stream.masks.foreign`) and the strikes of a metronome
    (:mod:`bsep_stream.masks.metronome`), all of it smoothed over frequency if wished. Above ``n_bins`` the network
    is deaf: there every source keeps the share of the power that it has in the upper half of the bins below. Of a
    tone that has ended each source keeps what the model says that it rings on (``decay_seconds``), or a share that is
    the same for all (``ring``). Where no tone is on and nothing is known to ring on all masks are 0: the sound belongs
    to nobody, and ``residual`` has it. In stereo the masks are what
    :mod:`bsep_stream.masks.places` makes a filter of.

    Parameters
    ----------
    model : SeparationModel
    settings : MaskSettings, optional
    channels : int
    spread_bins : float
        What the peaks of the mixture's frames are wider than those of the network's, as a standard deviation.
    hop_samples : int, optional
        Between frames of the mixture; by default the model's.
    hear_samples : int, optional
        Between tones; by default as many.
    """

    def __init__(
        self,
        model: SeparationModel,
        settings: MaskSettings | None = None,
        channels: int = 1,
        spread_bins: float = 0.0,
        hop_samples: int | None = None,
        hear_samples: int | None = None,
    ) -> None:
        settings, geometry = settings or MaskSettings(), model.geometry
        n_sources, n_bins, all_bins = model.n_sources, model.geometry.n_bins, model.geometry.n_fft // 2 + 1
        self._n_bins = n_bins
        self._gain = model.gain
        self._exponent = np.float32(settings.exponent)
        self._floor = np.float32(10.0 ** (settings.floor_db * settings.exponent / 20.0))
        self._strikes = None
        if settings.excess_db is not None:
            self._strikes = Strikes(geometry, settings.exponent, settings.excess_db, settings.strike_db)
        strikes = model.metronome if settings.metronome else ()
        self._foreign = Foreign(geometry, hop_samples or geometry.hop_length, settings.noise_db, strikes)
        widest = (n_bins - 1) // 6
        if settings.smoothing_bins > widest:
            raise ConfigError(
                f"smoothing_bins must be at most {widest} for a model with {n_bins} bins, got {settings.smoothing_bins}"
            )
        smoothing = min(float(np.hypot(settings.smoothing_bins, spread_bins)), float(widest))
        self._smoother = BinSmoother(smoothing, n_bins) if smoothing else None
        self._powers = np.zeros((n_sources, n_bins), dtype=np.float32)
        # A decay that was heard is that of a sound that has ended; the share of models without one smooths all of them.
        decays = model.decay_seconds if settings.ring is None else ()
        seconds = (hear_samples or hop_samples or geometry.hop_length) / geometry.sample_rate
        self._rings = tuple(10.0 ** (-3.0 * settings.exponent * seconds / decay) for decay in decays)
        self._ring = DEFAULT_RING if settings.ring is None else settings.ring
        self._loudest_ring = np.float32(_FADED**settings.exponent)
        self._before = np.zeros((n_sources, n_bins), dtype=np.float32)
        self._explained = np.zeros(n_bins, dtype=np.float32)
        self._masks = np.zeros((n_sources, n_bins), dtype=np.float32)
        self._level = np.zeros((1, n_bins), dtype=np.float32)
        self._mono: NDArray[np.complex64] = np.zeros(all_bins, dtype=np.complex64)
        self._places = None
        if settings.places and channels == CHANNELS:
            seconds = (hop_samples or geometry.hop_length) / geometry.sample_rate
            self._places = StereoPlaces(n_sources, n_bins, seconds)
        self._stems: NDArray[np.complex64] = np.zeros((n_sources, channels, all_bins), dtype=np.complex64)
        self.forget()

    def forget(self) -> None:
        """As if nothing had been heard."""
        self._sounding = False
        self._peak = 0.0
        self._foreign.reset()
        if self._places is not None:
            self._places.forget()

    def hear(self, tones: Tones, level: float = 1.0) -> None:
        """Take the tones that the next frames are shared out by; they are copied.

        Parameters
        ----------
        tones : Tones
        level : float
            What their frame was multiplied by beside the model's gain.
        """
        peak = float(tones.timbre.max())
        # Silence, nobody plays, or a network that failed: everything but what rings on stays in the residual.
        self._sounding = bool(_TINY < peak < np.inf and tones.on.any())
        if not self._sounding:
            self._sounding = self._ring_out()
            return
        # Scaled to peak 1 the powers cannot overflow, and the masks do not depend on the level.
        np.multiply(tones.timbre, np.float32(1.0 / peak), out=self._powers)
        self._scale = np.float32(min(self._gain * level / peak, float(1.0 / _TINY)))
        peak /= level
        self._raise(self._powers)
        faded = min(self._peak / peak, _FADED) ** float(self._exponent)
        if self._rings:
            self._fade(faded)
            np.maximum(self._powers, self._before, out=self._powers)
        elif self._ring:
            self._before *= np.float32(self._ring * faded)
            np.minimum(self._before, self._loudest_ring, out=self._before)
            self._powers += self._before
        if self._rings or self._ring:
            np.copyto(self._before, self._powers)
            self._peak = peak
        self._explain()

    def _ring_out(self) -> bool:
        """Take what is left of the last frame in place of tones, as nobody plays; False if that is nothing."""
        if self._rings and self._peak:
            self._fade(1.0)
            if float(self._before.max()) > _SILENT_RING:
                np.copyto(self._powers, self._before)
                self._scale = np.float32(min(self._gain / self._peak, float(1.0 / _TINY)))
                self._explain()
                return True
        self._peak = 0.0
        return False

    def _fade(self, faded: float) -> None:
        """What rings on of every source, a frame later, in units of a peak that has fallen by ``1 / faded``."""
        for before, ring in zip(self._before, self._rings, strict=True):
            before *= np.float32(ring * faded)
        np.minimum(self._before, self._loudest_ring, out=self._before)

    def _explain(self) -> None:
        np.add.reduce(self._powers, axis=0, out=self._explained)
        self._explained += _TINY

    def masks(self, frame: NDArray[np.complex64]) -> NDArray[np.float32]:
        """Masks of the next frame for the bins that the network sees, shape (n_sources, n_bins), sum at most 1.

        Parameters
        ----------
        frame : ndarray, shape (n_bins,), complex64
            Mean of the channels of the mixture.

        Returns
        -------
        ndarray, shape (n_sources, n_bins), float32
            Valid until the next call.
        """
        level = self._level
        np.abs(frame, out=level[0])
        foreign = self._foreign.hear(level[0])
        if not self._sounding:
            self._masks[...] = 0.0
            return self._masks
        self._to_power(level)
        excess = None if self._strikes is None else self._strikes.excess(level[0], self._explained)
        level *= self._floor
        level += self._explained
        if excess is not None:
            level += excess
        if foreign is not None:
            self._to_power(foreign)
            level += foreign
        for power, mask in zip(self._powers, self._masks, strict=True):  # row by row: see spectra()
            np.divide(power, level[0], out=mask)
        return self._masks

    def spectra(self, mixture: NDArray[np.complex64]) -> NDArray[np.complex64]:
        """Spectra of the stems of one frame.

        Parameters
        ----------
        mixture : ndarray, shape (channels, n_fft // 2 + 1), complex64

        Returns
        -------
        ndarray, shape (n_sources, channels, n_fft // 2 + 1), complex64
            Valid until the next call.
        """
        n_bins, stems = self._n_bins, self._stems
        mono = mean_of_channels(mixture, self._mono)
        masks = self.masks(mono[:n_bins])
        placed = self._places is not None and self._sounding
        if self._places is not None and placed:
            self._separate_by_place(self._places, masks, mixture)
        shares = self._shares_above(mono)
        # Row by row and part by part: numpy would take memory of its own to cast or to broadcast.
        for mask, share, stem in zip(masks, shares, stems, strict=True):
            for spectrum, out in zip(mixture, stem, strict=True):
                for part, result in ((spectrum.real, out.real), (spectrum.imag, out.imag)):
                    if not placed:
                        np.multiply(part[:n_bins], mask, out=result[:n_bins])
                    np.multiply(part[n_bins:], share, out=result[n_bins:])
        return stems

    def _separate_by_place(
        self, places: StereoPlaces, masks: NDArray[np.float32], mixture: NDArray[np.complex64]
    ) -> None:
        n_bins, expected = self._n_bins, self._level[0]
        places.separate(masks, mixture[:, :n_bins], self._stems[..., :n_bins])
        if self._scale * _AUDIBLE >= 1.0:
            return
        if self._exponent != 2.0:
            np.power(expected, np.float32(2.0) / self._exponent, out=expected)
        places.learn(masks, expected, float(self._scale))

    def _to_power(self, moduli: NDArray[np.float32]) -> None:
        """Moduli of the mixture, comparable with those of the tones."""
        moduli *= self._scale
        np.minimum(moduli, _LOUDEST, out=moduli)
        self._raise(moduli)

    def _raise(self, moduli: NDArray[np.float32]) -> None:
        """To the exponent, smoothed."""
        if self._exponent == 2.0:
            np.multiply(moduli, moduli, out=moduli)
        elif self._exponent != 1.0:
            np.power(moduli, self._exponent, out=moduli)
        if self._smoother is not None:
            self._smoother(moduli)

    def _shares_above(self, mono: NDArray[np.complex64]) -> NDArray[np.float32]:
        half = self._n_bins // 2
        power = self._level[0, half:]
        np.abs(mono[half : self._n_bins], out=power)
        power *= power
        shares: NDArray[np.float32] = (self._masks[:, half:] @ power) / (power.sum() + _TINY)
        return shares


def mean_of_channels(spectra: NDArray[np.complex64], out: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """Mean of (channels, n) in ``out``, shape (n,); with one channel that channel itself."""
    if len(spectra) == 1:
        only: NDArray[np.complex64] = spectra[0]
        return only
    np.add.reduce(spectra, axis=0, out=out)
    out *= np.complex64(1.0 / len(spectra))
    return out
