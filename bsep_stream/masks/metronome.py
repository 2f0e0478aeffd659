"""A metronome, or the click track in somebody's headphones: strikes that are known, found again in every frame.

Training finds them in its recording (``train/session/metronome.py``): machines strike at even times, always alike, and
nothing that is played does both.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bsep_stream.masks.smoothing import BoxMean
from bsep_stream.model.geometry import FrameGeometry
from bsep_stream.model.strikes import Strike

SMOOTH_HZ = 20.0
"""To both sides of a bin: powers are means over so much, as those of single bins depend on phases."""
LOW_SHARE = 0.25
"""Of the bins of a strike, those with the least of it say how strong it is: in the others something else may sound."""
AROUND_SIGMAS = (3, 5)
"""Standard deviations of the window, before and after a strike: from here on it is not in the frame, and up to there
what is around it is heard."""

_LARGEST = 2.0  # against the strike that is known: more of it is something else
_FAINTEST_DB, _FADE_DB = -24.0, 6.0  # from here on, and over so much, a strike is believed
_SAFETY = 3.0  # powers: what is left of a strike in a stem is heard, what a stem loses in this moment is not


class Metronome:
    """How much of the known strikes is in every frame of a stream.

    Parameters
    ----------
    strikes : sequence of Strike
    geometry : FrameGeometry
    hop_samples : int
        Between frames.
    """

    def __init__(self, strikes: Sequence[Strike], geometry: FrameGeometry, hop_samples: int) -> None:
        n_bins, sigma = geometry.n_bins, geometry.sigma_samples
        self._mean = BoxMean(max(1, round(SMOOTH_HZ / geometry.bin_hz)), n_bins)
        self._power = np.zeros(n_bins, dtype=np.float32)
        self._term = np.zeros(n_bins, dtype=np.float32)
        self._found = np.zeros(n_bins, dtype=np.float32)
        self._strikes = [(strike, 1.0 / np.square(strike.moduli[strike.bins])) for strike in strikes]
        self._ratios = [np.zeros(strike.bins.size, dtype=np.float32) for strike in strikes]
        nearest, farthest = (round(sigmas * sigma / hop_samples) for sigmas in AROUND_SIGMAS)
        self._history = np.zeros((len(strikes), max(1, farthest)))
        self._gap = max(0, nearest - 1)
        self._frame = 0

    def reset(self) -> None:
        """As if nothing had been heard."""
        self._history[...] = 0.0
        self._frame = 0

    def hear(self, moduli: NDArray[np.float32]) -> NDArray[np.float32]:
        """What strikes in the next frame.

        Parameters
        ----------
        moduli : ndarray, shape (n_bins,), float32
            Of the mixture.

        Returns
        -------
        ndarray, shape (n_bins,), float32
            Moduli; valid until the next call.
        """
        np.multiply(moduli, moduli, out=self._power)
        self._mean(self._power)
        self._found[...] = 0.0
        place = self._frame % self._history.shape[1]
        for (strike, inverse), ratio, history in zip(self._strikes, self._ratios, self._history, strict=True):
            np.take(self._power, strike.bins, out=ratio, mode="clip")
            ratio *= inverse
            now = _lowest_share(ratio)
            before = self._before(history, place)
            history[place] = now
            share = believed(now - before)  # what seemed to strike before is a tone that is there all the time
            if share > 0.0:
                np.multiply(strike.moduli, np.float32(np.sqrt(_SAFETY * share)), out=self._term)
                np.maximum(self._found, self._term, out=self._found)
        self._frame += 1
        return self._found

    def _before(self, history: NDArray[np.float64], place: int) -> float:
        """The most that was there before a strike of this frame could be; ``place`` has the oldest frame."""
        return max(float(history[(place + age) % history.size]) for age in range(history.size - self._gap))


def periods_text(seconds: Sequence[float]) -> str:
    """When a metronome strikes, in words."""
    periods = dict.fromkeys(f"{period:.2f} s" for period in seconds)  # its sounds may share one
    return "strikes every " + " and every ".join(periods)


def _lowest_share(ratios: NDArray[np.float32]) -> float:
    """The quantile :data:`LOW_SHARE`; the ratios are put in another order."""
    rank = int(LOW_SHARE * ratios.size)
    ratios.partition(rank)
    return float(ratios[rank])


def believed(power: float) -> float:
    """Of the power of a strike, against the known one, what is taken for it."""
    if power <= 0.0:
        return 0.0
    fade = (10.0 * np.log10(power) - _FAINTEST_DB) / _FADE_DB
    return min(power, _LARGEST) * min(max(float(fade), 0.0), 1.0)
