"""What no instrument of the session makes: strikes above the tones of a frame, the noise below all, a metronome.

All are found in the moduli of the mixture, frame by frame, from what has been heard so far, in memory that is
allocated once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bsep_stream.masks.metronome import Metronome
from bsep_stream.masks.smoothing import BoxMean, lowest_around
from bsep_stream.model.geometry import FrameGeometry
from bsep_stream.model.strikes import Strike

_Row = NDArray[np.float32]

_STRIKE_REACH_HZ = 70.0
"""To both sides of a bin, over which the mixture is compared with the tones: more than one harmonic is wide, so that a
tone a little out of its place does not count, less than a woodblock is."""
_STRICT_DB = 10.0
"""What is left of the tolerance where something strikes: in single bins tones are that far out everywhere."""
_STEPS = 8.0
"""Decibels of tolerance that a decibel beyond the threshold takes away: a soft switch."""
_LOW_HZ, _LOW_DB_PER_OCTAVE, _LOW_OCTAVES = 1000.0, 4.0, 3.0
"""Below this the threshold rises: hammers and bodies sound there, which belong to their instrument."""
_SILENT_DB = -100.0
"""Against the peak of the tones; what is below is equal to all else that is."""

_FLOOR_SECONDS = 3.0
_SLOTS = 4
"""The minimum of the last seconds is that of so many pieces of them, and of the one that is going on."""
_MEAN_HZ = 50.0
"""Single bins of noise are often near 0: so much of it is averaged before minima are taken."""
_VALLEY_HZ = 95.0
"""To both sides of a bin: however long a tone is held, between its harmonics there is only noise."""


class Strikes:
    """How far the mixture may be above its tones, bin by bin.

    A tone that is out of place or too soft leaves a few bins unexplained. Where the mean of the logarithms, over all
    bins around, is far above the tones, something else sounds: a click, a chair, a woodblock.

    Parameters
    ----------
    geometry : FrameGeometry
    exponent : float
        Of the powers that are compared.
    excess_db : float
        How far the mixture may be above its tones where nothing strikes.
    strike_db : float or None
        From where on something does. None: nothing ever does.
    """

    def __init__(self, geometry: FrameGeometry, exponent: float, excess_db: float, strike_db: float | None) -> None:
        n_bins = geometry.n_bins
        nats = exponent * np.log(10.0) / 20.0  # of a decibel
        self._usual = np.float32(np.exp(nats * excess_db))
        self._excess = np.zeros(n_bins, dtype=np.float32)
        self._threshold: _Row | None = None
        if strike_db is None or excess_db <= _STRICT_DB:
            return
        hz = np.maximum(np.arange(n_bins), 1) * geometry.bin_hz
        octaves_below = np.clip(np.log2(_LOW_HZ / hz), 0.0, _LOW_OCTAVES)
        self._threshold = (nats * (strike_db + _LOW_DB_PER_OCTAVE * octaves_below)).astype(np.float32)
        self._most, self._least = np.float32(nats * excess_db), np.float32(nats * _STRICT_DB)
        self._silent = np.float32(np.exp(nats * _SILENT_DB))
        self._mean = BoxMean(max(1, round(_STRIKE_REACH_HZ / geometry.bin_hz)), n_bins)
        self._above = np.zeros(n_bins, dtype=np.float32)
        self._logarithm = np.zeros(n_bins, dtype=np.float32)

    def excess(self, mixture: _Row, explained: _Row) -> _Row:
        """What stays in the residual of powers (n_bins,), scaled so that those of the tones have the peak 1.

        Returns
        -------
        ndarray, shape (n_bins,), float32
            Valid until the next call.
        """
        excess = self._excess
        if self._threshold is None:
            np.multiply(explained, self._usual, out=excess)
        else:
            np.multiply(self._tolerance(mixture, explained, self._threshold), explained, out=excess)
        np.subtract(mixture, excess, out=excess)
        np.maximum(excess, 0.0, out=excess)
        return excess

    def _tolerance(self, mixture: _Row, explained: _Row, threshold: _Row) -> _Row:
        above, logarithm = self._above, self._logarithm
        np.add(mixture, self._silent, out=above)
        np.log(above, out=above)
        np.add(explained, self._silent, out=logarithm)
        np.log(logarithm, out=logarithm)
        above -= logarithm
        self._mean(above)
        above -= threshold
        np.maximum(above, 0.0, out=above)
        above *= np.float32(-_STEPS)
        above += self._most
        np.maximum(above, self._least, out=above)
        return np.exp(above, out=above)


class NoiseFloor:
    """The noise that is always there: minima of the mixture over frequency and time.

    Over frequency, as there is nothing else between the harmonics of a tone that is held; over time, as notes begin and
    end (minimum statistics: Martin 2001). It is 0 until it has heard long enough.

    Parameters
    ----------
    geometry : FrameGeometry
    hop_samples : int
        Between frames.
    """

    def __init__(self, geometry: FrameGeometry, hop_samples: int) -> None:
        n_bins = geometry.n_bins
        self._frames_a_slot = max(1, round(_FLOOR_SECONDS / _SLOTS * geometry.sample_rate / hop_samples))
        self._mean = BoxMean(max(1, round(0.5 * _MEAN_HZ / geometry.bin_hz)), n_bins)
        self._reach = min(max(1, round(_VALLEY_HZ / geometry.bin_hz)), n_bins - 1)
        self._valley = np.zeros(n_bins, dtype=np.float32)
        self._spare = np.zeros(n_bins, dtype=np.float32)
        self._slots = np.zeros((_SLOTS + 1, n_bins), dtype=np.float32)
        self._floor = np.zeros(n_bins, dtype=np.float32)
        self.reset()

    def reset(self) -> None:
        """Like new: nothing has been heard."""
        self._slots[...] = 0.0
        self._slot = self._frame = 0

    def hear(self, moduli: _Row) -> _Row:
        """The floor below a frame, in the units of its moduli.

        Parameters
        ----------
        moduli : ndarray, shape (n_bins,), float32

        Returns
        -------
        ndarray, shape (n_bins,), float32
            Valid until the next call.
        """
        valley = self.valley(moduli)
        now = self._slots[self._slot]
        if self._frame == 0:
            np.copyto(now, valley)
        else:
            np.minimum(now, valley, out=now)
        self._frame += 1
        if self._frame == self._frames_a_slot:
            self._frame, self._slot = 0, (self._slot + 1) % len(self._slots)
        return np.minimum.reduce(self._slots, axis=0, out=self._floor)

    def valley(self, moduli: _Row) -> _Row:
        """What is between the tones of a frame alone: its minima over frequency; shapes as for :meth:`hear`."""
        np.copyto(self._valley, moduli)
        self._mean(self._valley)
        np.maximum(self._valley, 0.0, out=self._valley)  # rounding
        lowest_around(self._valley, self._reach, self._spare)
        return self._valley


class Foreign:
    """What of every frame is nobody's however loud the tones are: the noise that is always there, and a metronome.

    Parameters
    ----------
    geometry : FrameGeometry
    hop_samples : int
        Between frames.
    noise_db : float or None
        So far above the noise floor is noise. None: there is none.
    strikes : sequence of Strike
        Of the metronome; empty: there is none.
    """

    def __init__(
        self, geometry: FrameGeometry, hop_samples: int, noise_db: float | None, strikes: Sequence[Strike]
    ) -> None:
        self._floor = None if noise_db is None else NoiseFloor(geometry, hop_samples)
        self._above_floor = np.float32(10.0 ** ((noise_db or 0.0) / 20.0))
        self._metronome = Metronome(strikes, geometry, hop_samples) if strikes else None
        self._moduli = np.zeros((1, geometry.n_bins), dtype=np.float32)

    def reset(self) -> None:
        """As if nothing had been heard."""
        for part in (self._floor, self._metronome):
            if part is not None:
                part.reset()

    def hear(self, moduli: _Row) -> NDArray[np.float32] | None:
        """Foreign sound in the next frame.

        Parameters
        ----------
        moduli : ndarray, shape (n_bins,), float32
            Of the mixture.

        Returns
        -------
        ndarray, shape (1, n_bins), float32, or None
            Moduli; they may be overwritten, and are valid until the next call. None if there is never any.
        """
        if self._floor is None and self._metronome is None:
            return None
        foreign = self._moduli[0]
        foreign[...] = 0.0
        if self._floor is not None:
            np.multiply(self._floor.hear(moduli), self._above_floor, out=foreign)
        if self._metronome is not None:
            np.maximum(foreign, self._metronome.hear(moduli), out=foreign)
        return self._moduli
