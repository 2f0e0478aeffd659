"""Finds a metronome in a recording, by what no player does: strikes that are always alike, at even times.

Nothing of what follows knows tones. A candidate is what a frame has beyond the frames before and after it. How strong
it is in every frame of the recording is a low quantile over its bins, which other sounds hardly raise. Where that
strength has a short peak, it struck; a machine strikes with the same strength each time, and on a grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bsep_stream.geometry import FrameGeometry
from bsep_stream.metronome import AROUND_SIGMAS, LOW_SHARE, SMOOTH_HZ, Strike
from bsep_stream.train.labels import frames_at
from bsep_stream.train.recording import Session

LISTEN_SECONDS = 60.0
"""Of every take: a metronome that does not strike in the first minute is none."""
MOST_STRIKES = 4
"""Sounds of one metronome: the first of a bar, the others, and those in between."""
FASTEST_SECONDS, SLOWEST_SECONDS = 0.23, 4.0
"""Between strikes that are alike: eighths at 130 beats a minute, four beats at 60."""

_MOST_CANDIDATES = 250
_FEWEST_HITS = 5
_LOWEST_HZ = 100.0
_EVERY = 3  # bins: powers are smoothed, and the search is that much faster
_STANDS_OUT = 2.0  # powers, against the frames around
_SHORT = 4.0  # powers: a peak of the strength, against the strength around it
_NEAR_DB = (3.0, 3.0, 2.0)  # of its usual strength is what strikes, in the rounds of the refinement
_ALIKE_DB = 0.9  # mean deviation of the strengths: music has 0.7 to 2.5 dB, and is not even; a machine has 0.2 to 0.5
_TYPICAL = 0.3  # quantile over its hits: other sounds only add to it
_PROMINENT, _MOST_PROMINENT = 0.05, 0.99  # of what it is, against the music, in its most prominent bins
_ON_GRID_FRAMES, _ON_GRID_SHARE, _GRID_FILLED, _GRID_SPAN = 1.6, 0.75, 0.7, 0.6
_COHERENT = 0.6  # mean of the phases of the hits in a period, below which it is none


@dataclass(frozen=True)
class _Sound:
    """Something that struck more than once."""

    hits: NDArray[np.int64]
    spread_db: float
    powers: NDArray[np.float32]


@dataclass(frozen=True)
class _Grid:
    """Even times, in frames."""

    period: float
    first: float
    hits: NDArray[np.int64]
    filled: float


def find_metronome(session: Session, geometry: FrameGeometry) -> tuple[Strike, ...]:
    """The strikes of a metronome in the longest take that has one; none if there is none.

    Parameters
    ----------
    session : Session
    geometry : FrameGeometry

    Returns
    -------
    tuple of Strike
        At most :data:`MOST_STRIKES`, at the level of the recording.
    """
    hop = round(geometry.sigma_samples)
    for take in sorted(session.takes, key=lambda take: -take.samples.size):
        samples = take.samples[: round(LISTEN_SECONDS * geometry.sample_rate)]
        centres = np.arange(0, samples.size, hop, dtype=np.int64)
        powers = np.square(np.abs(frames_at(samples, centres, geometry)))
        powers /= session.gain**2
        strikes = Listener(powers, geometry.bin_hz, hop / geometry.sample_rate).strikes()
        if strikes:
            return strikes
    return ()


class Listener:
    """Listens for strikes in the frames of a take.

    Parameters
    ----------
    powers : ndarray, shape (n_frames, n_bins), float32
        A standard deviation of the window apart.
    bin_hz : float
    hop_seconds : float
    """

    def __init__(self, powers: NDArray[np.float32], bin_hz: float, hop_seconds: float) -> None:
        self._hop_seconds = hop_seconds
        self._all = _smoothed(powers, max(1, round(SMOOTH_HZ / bin_hz)))
        self._all[:, : round(_LOWEST_HZ / bin_hz)] = 0.0
        self._powers = np.ascontiguousarray(self._all[:, ::_EVERY])
        peak = float(self._powers.max(initial=0.0))
        self._tiny = 1e-12 * peak + 1e-30
        around = _STANDS_OUT * _wider(_most_around(self._powers))
        self._beyond = np.maximum(self._powers - around, 0.0)
        self._usual = _wider(np.median(self._powers, axis=0)[None])[0] + self._tiny
        share = self._beyond.sum(axis=1) / (self._powers.sum(axis=1) + self._tiny)
        rise = np.maximum(np.log((self._powers + self._tiny) / (around + self._tiny)), 0.0).mean(axis=1)
        self._prominence = np.maximum(share / 0.1, rise / 0.2)  # a pitched strike has energy, a click is broad

    def strikes(self) -> tuple[Strike, ...]:
        """What strikes evenly and alike, the surest first."""
        found = [sound for sound in map(self._refined, self._beyond[self._candidates()]) if sound is not None]
        even = [(sound, grid) for sound in found if (grid := _even(sound.hits, len(self._powers), self._hop_seconds))]
        even.sort(key=lambda pair: -len(pair[1].hits) / (pair[0].spread_db + 0.2))
        taken = np.zeros(len(self._powers), dtype=np.bool_)
        chosen: list[tuple[NDArray[np.int64], float]] = []
        for _, grid in even:
            if len(chosen) < MOST_STRIKES and taken[grid.hits].mean() <= 0.5:
                chosen.append((grid.hits, grid.period))
                _take(taken, grid.hits)
        if chosen and len(chosen) < MOST_STRIKES:
            rest = self._between(even[0][1], taken)
            if rest is not None:
                chosen.append((rest, even[0][1].period))
        return tuple(self._strike(hits, period) for hits, period in chosen)

    def _candidates(self) -> NDArray[np.int64]:
        """Frames with something that is not there before and after, the most prominent first."""
        energy = self._beyond.sum(axis=1)
        reach = AROUND_SIGMAS[1]
        frames = np.flatnonzero((energy >= _local_maximum(energy, range(-2, 3))) & (energy > 0.0))
        frames = frames[(frames >= reach) & (frames < len(energy) - reach) & (self._prominence[frames] > 0.25)]
        best: NDArray[np.int64] = frames[np.argsort(-self._prominence[frames], kind="stable")][:_MOST_CANDIDATES]
        return best

    def _refined(self, powers: NDArray[np.float32]) -> _Sound | None:
        """Where something struck, and what it is by all of its hits; None if it is not always alike."""
        for near_db in _NEAR_DB:
            strength = self._strength(powers, self._powers)
            hits = _short_peaks(strength)
            hits = hits[np.abs(_decibels(strength[hits])) < near_db]
            if len(hits) < _FEWEST_HITS:
                return None
            powers = np.quantile(self._powers[hits], _TYPICAL, axis=0).astype(np.float32)
        spread = self._spread_db(powers, hits)
        return _Sound(hits, spread, powers) if spread < _ALIKE_DB else None

    def _between(self, grid: _Grid, taken: NDArray[np.bool_]) -> NDArray[np.int64] | None:
        """Hits of what strikes on the rest of a grid, if it is always alike."""
        steps = np.arange(np.ceil(-grid.first / grid.period), (len(taken) - 1 - grid.first) / grid.period)
        frames = np.round(grid.first + steps * grid.period).astype(np.int64)
        reach = AROUND_SIGMAS[1]
        frames = frames[(frames >= reach) & (frames < len(taken) - reach)]
        frames = np.array([frame for frame in frames if not taken[frame - 2 : frame + 3].any()], dtype=np.int64)
        if len(frames) < _FEWEST_HITS - 1:
            return None
        beyond = np.max([self._beyond[frames + lag] for lag in (-1, 0, 1)], axis=0)
        strength = self._strength(np.quantile(beyond, _TYPICAL, axis=0).astype(np.float32), self._powers)
        hits = frames - 1 + np.argmax([strength[frames + lag] for lag in (-1, 0, 1)], axis=0)
        powers = np.quantile(self._powers[hits], _TYPICAL, axis=0).astype(np.float32)
        alike = self._bins(powers).any() and self._spread_db(powers, hits) < _ALIKE_DB
        short = np.isin(hits, _short_peaks(self._strength(powers, self._powers))).mean() >= _ON_GRID_SHARE
        return hits if alike and short else None

    def _strike(self, hits: NDArray[np.int64], period: float) -> Strike:
        powers = np.quantile(self._all[hits], _TYPICAL, axis=0).astype(np.float32)
        bins = np.flatnonzero(self._bins(powers[::_EVERY])) * _EVERY
        return Strike(np.sqrt(powers), bins[powers[bins] > 0.0], period * self._hop_seconds)

    def _bins(self, powers: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Where it stands out from what usually sounds."""
        prominence = powers / self._usual
        most = np.quantile(prominence, _MOST_PROMINENT)
        prominent: NDArray[np.bool_] = (prominence > _PROMINENT * most) & (prominence > 0.5)
        return prominent

    def _strength(self, powers: NDArray[np.float32], frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """How much of something is in each of some frames, as a power against its own."""
        bins = self._bins(powers)
        if bins.sum() < 8:
            return np.zeros(len(frames), dtype=np.float32)
        rank = int(LOW_SHARE * bins.sum())
        strength: NDArray[np.float32] = np.partition(frames[:, bins] / powers[bins], rank, axis=1)[:, rank]
        return strength

    def _spread_db(self, powers: NDArray[np.float32], hits: NDArray[np.int64]) -> float:
        strength = _decibels(self._strength(powers, self._powers[hits]))
        return float(np.abs(strength - np.median(strength)).mean())


def _even(hits: NDArray[np.int64], n_frames: int, hop_seconds: float) -> _Grid | None:
    """The even times on which nearly all hits are, and which nearly all have a hit, through most of the recording."""
    times = np.sort(hits).astype(np.float64)
    span = times[-1] - times[0]
    if span < _GRID_SPAN * n_frames:
        return None
    rates = np.arange(hop_seconds / SLOWEST_SECONDS, hop_seconds / FASTEST_SECONDS, 0.05 / span)
    phases = np.exp(2j * np.pi * np.outer(rates, times)).mean(axis=1)
    coherence = np.abs(phases)
    best: _Grid | None = None
    for index in np.flatnonzero((coherence > _COHERENT) & (coherence >= _local_maximum(coherence, (-1, 1)))):
        period = 1.0 / rates[index]
        first = float(np.angle(phases[index])) * period / (2 * np.pi)
        steps = np.round((times - first) / period)
        if len(np.unique(steps)) < 3:
            continue
        period, first = np.polyfit(steps, times, 1)
        on = np.abs(times - first - steps * period) < _ON_GRID_FRAMES
        if on.mean() < _ON_GRID_SHARE or np.ptp(times[on]) < _GRID_SPAN * n_frames:
            continue
        filled = float(on.mean() * len(np.unique(steps[on])) / (np.ptp(steps[on]) + 1))
        if on.sum() >= _FEWEST_HITS and filled >= _GRID_FILLED * on.mean() and (best is None or filled > best.filled):
            best = _Grid(float(period), float(first), times[on].astype(np.int64), filled)
    return best


def _short_peaks(strength: NDArray[np.float32]) -> NDArray[np.int64]:
    """Frames that are the strongest around, and far stronger than what comes before and after."""
    near = strength >= _local_maximum(strength, range(-2, 3))
    short = strength > _SHORT * _local_maximum(strength, _around())
    return np.flatnonzero(near & short & (strength > 0.0))


def _around() -> list[int]:
    nearest, farthest = AROUND_SIGMAS
    lags = list(range(nearest, farthest + 1))
    return [-lag for lag in lags] + lags


def _most_around(powers: NDArray[np.float32]) -> NDArray[np.float32]:
    """The most of every bin in the frames before and after."""
    most: NDArray[np.float32] = np.max([np.roll(powers, lag, axis=0) for lag in _around()], axis=0)
    return most


def _local_maximum(values: NDArray[np.float32] | NDArray[np.float64], lags: Sequence[int]) -> NDArray[np.float64]:
    """The largest of the values at some lags, those at the ends held on, shape of ``values``."""
    reach = max(abs(lag) for lag in lags)
    held = np.pad(values, reach, mode="edge").astype(np.float64)
    largest: NDArray[np.float64] = np.max([held[reach + lag : reach + lag + len(values)] for lag in lags], axis=0)
    return largest


def _smoothed(powers: NDArray[np.float32], reach: int) -> NDArray[np.float32]:
    """Means over the bins around, shape (n_frames, n_bins); at the edges over those that there are."""
    n_bins = powers.shape[1]
    sums = np.zeros((len(powers), n_bins + 1))
    np.cumsum(powers, axis=1, dtype=np.float64, out=sums[:, 1:])
    bins = np.arange(n_bins)
    above, below = np.minimum(bins + reach + 1, n_bins), np.maximum(bins - reach, 0)
    means: NDArray[np.float32] = np.maximum((sums[:, above] - sums[:, below]) / (above - below), 0.0).astype(np.float32)
    return means


def _wider(powers: NDArray[np.float32]) -> NDArray[np.float32]:
    """The most of every bin and its neighbours, shape (n, n_bins): pitches waver."""
    wide = powers.copy()
    np.maximum(wide[:, 1:], powers[:, :-1], out=wide[:, 1:])
    np.maximum(wide[:, :-1], powers[:, 1:], out=wide[:, :-1])
    return wide


def _take(taken: NDArray[np.bool_], frames: NDArray[np.int64]) -> None:
    for lag in (-1, 0, 1):
        taken[np.clip(frames + lag, 0, len(taken) - 1)] = True


def _decibels(powers: NDArray[np.float32]) -> NDArray[np.float64]:
    decibels: NDArray[np.float64] = 10.0 * np.log10(powers.astype(np.float64) + 1e-20)
    return decibels
