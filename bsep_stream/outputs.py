"""Spectra of the stems, made from the tones of one frame: ``direct``, ``dictionary`` (as published) or ``mask``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bsep_stream.errors import ConfigError
from bsep_stream.model import OUTPUT_KINDS, SeparationModel, Tones

TONE_KINDS = ("direct", "dictionary")
"""The two spectra that the network gives of every source."""

_TINY = np.float32(1e-30)  # keeps 0 / 0 at 0; far below any power of a frame that is scaled to peak 1


@dataclass(frozen=True)
class MaskSettings:
    """How masks are made from the spectra of the tones.

    Parameters
    ----------
    exponent : float
        ``p`` in ``timbre**p``. 2 gives Wiener masks (shares of power), 1 shares of modulus; larger
        is harder: the louder source takes the bin, with less leakage and more artefacts.
    smoothing_bins : float
        Standard deviation of the Gaussian that smooths ``timbre**p`` and ``|mixture|**p`` over
        frequency. Larger gives more of what lies between the harmonics (breath, attack, room) to
        the source nearby; 0 switches it off.
    floor_db : float
        Level, against the mixture in the same bin, of what no tone explains and ``residual``
        keeps. Where the tones are weaker than this, the bin stays in ``residual``.

    Notes
    -----
    By measurement (docs/benchmarks.md): the timbre makes better masks than the tones of the frame itself. A larger
    exponent trades SAR for SIR; smoothing trades SIR for SAR.
    """

    exponent: float = 2.0
    smoothing_bins: float = 0.0
    floor_db: float = -60.0

    def __post_init__(self) -> None:
        if not 0.5 <= self.exponent <= 4.0:
            raise ConfigError(f"the exponent of a mask must be 0.5 to 4, got {self.exponent}")
        if not 0.0 <= self.smoothing_bins <= 50.0:
            raise ConfigError(f"smoothing_bins must be 0 to 50, got {self.smoothing_bins}")
        if not -300.0 <= self.floor_db <= 0.0:
            raise ConfigError(f"floor_db must be -300 to 0, got {self.floor_db}")


class ToneOutput:
    """The published outputs: the direct or the dictionary tones themselves.

    Each channel is its own frame to the network, one step per channel, so that amplitude and phase
    of the tones keep the place in the room. Above ``n_bins`` a stem is silent.

    Parameters
    ----------
    model : SeparationModel
    kind : {"direct", "dictionary"}
    """

    def __init__(self, model: SeparationModel, kind: str) -> None:
        if kind not in TONE_KINDS:
            raise ConfigError(f"the kind of tones must be one of {', '.join(TONE_KINDS)}, got {kind!r}")
        self._model = model
        self._kind = kind
        self.tones: Tones | None = None
        """Of the first channel of the last frame."""

    def spectra(self, mixture: NDArray[np.complex64]) -> NDArray[np.complex64]:
        """Spectra of the stems of one frame.

        Parameters
        ----------
        mixture : ndarray, shape (channels, n_fft // 2 + 1), complex64

        Returns
        -------
        ndarray, shape (n_sources, channels, n_bins), complex64
        """
        model = self._model
        stems = np.empty((model.n_sources, len(mixture), model.geometry.n_bins), dtype=np.complex64)
        for channel, spectrum in enumerate(mixture):
            tones = network_step(model, spectrum)
            stems[:, channel] = tone_spectra(tones, self._kind)
            if channel == 0:
                self.tones = tones
        stems *= np.float32(1.0 / model.gain)
        return silent_unless_finite(stems)


class MaskOutput:
    """The mixture, shared out by the timbre of its tones: breath, attack and room follow their source.

    The tones are found once, in the mean of the channels. Source ``i`` gets, of every channel,

        timbre_i**p / (sum_j timbre_j**p + floor * |mixture|**p)

    smoothed over frequency if wished. Above ``n_bins`` the network is deaf: there
    every source keeps the share of the power that it has in the upper half of the bins below.
    In a frame where no tone is on all masks are 0: the sound belongs to nobody, and ``residual`` has it.
    """

    def __init__(self, model: SeparationModel, settings: MaskSettings | None = None) -> None:
        self._model = model
        self.tones: Tones | None = None
        """Of the last frame."""
        self._settings = settings or MaskSettings()
        self._exponent = np.float32(self._settings.exponent)
        self._floor = np.float32(10.0 ** (self._settings.floor_db * self._settings.exponent / 20.0))
        reach = int(np.ceil(3.0 * self._settings.smoothing_bins))
        if 2 * reach + 1 > model.geometry.n_bins:
            raise ConfigError(
                f"smoothing_bins must be at most {(model.geometry.n_bins - 1) // 6} for a model with "
                f"{model.geometry.n_bins} bins, got {self._settings.smoothing_bins}"
            )
        bins = np.arange(-reach, reach + 1)
        kernel = np.exp(-0.5 * (bins / max(self._settings.smoothing_bins, 1e-9)) ** 2)
        self._kernel = (kernel / kernel.sum()).astype(np.float32)

    def spectra(self, mixture: NDArray[np.complex64]) -> NDArray[np.complex64]:
        """Spectra of the stems of one frame.

        Parameters
        ----------
        mixture : ndarray, shape (channels, n_fft // 2 + 1), complex64

        Returns
        -------
        ndarray, shape (n_sources, channels, n_fft // 2 + 1), complex64
        """
        model = self._model
        mono = mixture[0] if len(mixture) == 1 else mixture.mean(axis=0)
        tones = self.tones = network_step(model, mono)
        below = self.masks(mono[: model.geometry.n_bins] * np.float32(model.gain), tones)
        shares = self._shares_above(mono, below)
        stems = np.empty((model.n_sources, *mixture.shape), dtype=np.complex64)
        n_bins = model.geometry.n_bins
        np.multiply(mixture[:, :n_bins], below[:, None, :], out=stems[..., :n_bins])
        np.multiply(mixture[:, n_bins:], shares[:, None, None], out=stems[..., n_bins:])
        return stems

    def masks(self, frame: NDArray[np.complex64], tones: Tones) -> NDArray[np.float32]:
        """Masks for the bins that the network sees, shape (n_sources, n_bins), sum at most 1.

        Parameters
        ----------
        frame : ndarray, shape (n_bins,), complex64
            What the tones were found in.
        tones : Tones
        """
        moduli = np.concatenate([tones.timbre, np.abs(frame[None])])
        peak = moduli.max()
        # Silence, nobody plays, or a network that failed: everything stays in the residual.
        if not (0.0 < peak < np.inf and tones.on.any()):
            return np.zeros(tones.timbre.shape, dtype=np.float32)
        # Scaled to peak 1 the powers cannot overflow, and the masks do not depend on the level.
        moduli *= np.float32(1.0) / peak
        powers = moduli if self._exponent == 1.0 else moduli**self._exponent
        if len(self._kernel) > 1:
            for row in powers:
                row[:] = np.convolve(row, self._kernel, mode="same")
        shared = powers[:-1].sum(axis=0) + self._floor * powers[-1] + _TINY
        masks: NDArray[np.float32] = powers[:-1] / shared
        return masks

    def _shares_above(self, mono: NDArray[np.complex64], masks: NDArray[np.float32]) -> NDArray[np.float32]:
        n_bins = masks.shape[1]
        upper = mono[n_bins // 2 : n_bins]
        power = (upper * upper.conj()).real
        shares: NDArray[np.float32] = (masks[:, n_bins // 2 :] * power).sum(axis=1) / (power.sum() + _TINY)
        return shares


def make_output(model: SeparationModel, kind: str, mask: MaskSettings | None = None) -> ToneOutput | MaskOutput:
    """The output of a kind, one of :data:`~bsep_stream.model.OUTPUT_KINDS`.

    Raises
    ------
    ConfigError
        If there is no such kind, or the mask does not fit the model.
    """
    if kind not in OUTPUT_KINDS:
        raise ConfigError(f"output must be one of {', '.join(OUTPUT_KINDS)}, got {kind!r}")
    return MaskOutput(model, mask) if kind == "mask" else ToneOutput(model, kind)


def tone_spectra(tones: Tones, kind: str) -> NDArray[np.complex64]:
    """Spectra of the sources, shape (n_sources, n_bins); ``kind`` is one of :data:`TONE_KINDS`."""
    return tones.dictionary if kind == "dictionary" else tones.direct


def network_step(model: SeparationModel, spectrum: NDArray[np.complex64]) -> Tones:
    """Tones of a spectrum of any length from ``n_bins`` on, with the model's gain applied."""
    seen = spectrum[: model.geometry.n_bins]
    frame = np.empty((2, len(seen)), dtype=np.float32)
    np.multiply(seen.real, np.float32(model.gain), out=frame[0])
    np.multiply(seen.imag, np.float32(model.gain), out=frame[1])
    return model.step(frame)


def silent_unless_finite(stems: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """``stems`` with every source silenced (in place) whose spectrum is not finite.

    One NaN would stay in the overlap-add for a whole window and in an effect for ever.
    """
    for stem in stems:
        if not np.isfinite(stem.sum()):
            stem[...] = 0.0
    return stems
