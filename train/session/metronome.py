"""Finds a metronome in a recording, by what no player does: strikes that are always alike, at even times.

Nothing of what follows knows tones. The recording is folded over every period there could be: what strikes with a
period adds up, what is played does not. Each of the best periods gives the frames of its beats, and a low quantile over
beats that should be alike gives what strikes there. How strong that is in every frame of the recording is a low
quantile over its bins, which other sounds only raise: where they do not, a metronome has short peaks with the same
strength each time, and it is never weaker on one of its beats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bsep_stream.masks.metronome import AROUND_SIGMAS, LOW_SHARE, SMOOTH_HZ
from bsep_stream.model.geometry import FrameGeometry
from bsep_stream.model.strikes import Strike
from bsep_stream.train.session.labels import frames_at
from bsep_stream.train.session.recording import Session

LISTEN_SECONDS = 60.0
"""Of every take: a metronome that does not strike in the first minute is none."""
MOST_STRIKES = 4
"""Sounds of one metronome: the first of a bar, the others, and those in between."""
FASTEST_SECONDS, SLOWEST_SECONDS = 0.23, 4.0
"""Between strikes that are alike: eighths at 130 beats a minute, four beats at 60."""

_LOWEST_HZ = 100.0
_EVERY = 3  # bins: powers are smoothed, and the search is that much faster
_BAND = 10  # of those bins, for folding
_STANDS_OUT = 2.0  # powers, against the frames around
_DRIFT_FRAMES = 1.5  # from one period to the next, over the whole recording
_MOST_PERIODS, _APART = 12, 0.02  # of a period
_BARS = (1, 2, 3, 4, 6, 8)  # every so many beats, strikes are alike
_SHORT = 4.0  # powers: a peak of the strength, against the strength around it
_NEAR_DB = (6.0, 3.0, 2.0)  # of its usual strength is what strikes, in the rounds of the refinement
_ALIKE_DB = 0.65  # mean deviation of the strengths: a machine has 0.0 to 0.5 dB, music on a grid 0.4 to 1.5 dB
_AT_FIRST, _TYPICAL = 0.2, 0.3  # quantiles over beats, and over hits: other sounds only add to them
_PROMINENT, _MOST_PROMINENT = 0.05, 0.99  # of what it is, against the music, in its most prominent bins
_FEWEST_HITS, _SURE_HITS = 4, 7  # that are alike: of any of its sounds, and of one of them
_ALIKE, _PRESENT, _SPAN = 0.5, 0.9, 0.6  # shares: of the beats, those and all others that have it; of the recording
_ABSENT_DB = -3.0
_LAGS = (-2, -1, 0, 1, 2)  # frames: so far from its beat may a hit be


@dataclass(frozen=True)
class _Sound:
    """Something that struck on all of some beats: those that are alike, and the period, in frames."""

    hits: NDArray[np.int64]
    period: float
    spread_db: float


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

    def strikes(self) -> tuple[Strike, ...]:
        """What strikes evenly and alike, the most frequent first."""
        metronomes = [self._sounds(period, first) for period, first in self._periods()]
        best = max(metronomes, key=lambda sounds: sum(len(sound.hits) for sound in sounds), default=[])
        return tuple(self._strike(sound) for sound in best)

    def _periods(self) -> list[tuple[float, float]]:
        """The periods that add up to most, and a time at which something strikes with each; both in frames."""
        n_frames, n_bins = self._beyond.shape
        if n_frames * self._hop_seconds < _SURE_HITS * FASTEST_SECONDS:
            return []
        bands = np.log1p(self._beyond / self._usual)[:, : n_bins // _BAND * _BAND]
        bands = bands.reshape(n_frames, -1, _BAND).mean(axis=2)
        bands = (bands - bands.mean(axis=0)) / (bands.std(axis=0) + 1e-6)
        ratio, fastest = 1.0 + _DRIFT_FRAMES / n_frames, FASTEST_SECONDS / self._hop_seconds
        longest = min(SLOWEST_SECONDS / self._hop_seconds, n_frames / _SURE_HITS)
        n_periods = int(np.log(longest / fastest) / np.log(ratio)) + 1
        found = [_folded(bands, fastest * ratio**step) for step in range(n_periods)]
        best: list[tuple[float, float]] = []
        for _, period, first in sorted(found, reverse=True):
            if len(best) < _MOST_PERIODS and all(abs(period - other) > _APART * other for other, _ in best):
                best.append((period, first))
        return best

    def _sounds(self, period: float, first: float) -> list[_Sound]:
        """What strikes on every beat of a period, or on every second, third and so on; none if nothing is sure."""
        found = []
        for bar in _BARS:
            if bar * period * self._hop_seconds <= SLOWEST_SECONDS:
                found += [self._sound(first + beat * period, bar * period) for beat in range(bar)]
        sounds = sorted(filter(None, found), key=lambda sound: -len(sound.hits) / (sound.spread_db + 0.2))
        if not any(len(sound.hits) >= _SURE_HITS for sound in sounds):
            return []
        chosen: list[_Sound] = []
        for sound in sounds:
            same = next((place for place, other in enumerate(chosen) if self._same(other, sound)), None)
            if same is not None:
                hits = np.union1d(chosen[same].hits, sound.hits)
                chosen[same] = replace(chosen[same], hits=hits, period=_shortest_period(hits))
            elif len(chosen) < MOST_STRIKES:
                chosen.append(sound)
        return sorted(chosen, key=lambda sound: -len(sound.hits))

    def _same(self, one: _Sound, other: _Sound) -> bool:
        """Whether what strikes at the hits of the one strikes at those of the other, as strong."""
        strength = self._strength(self._typical(one.hits), self._powers[other.hits])
        return bool((np.abs(_decibels(strength)) < _NEAR_DB[-1]).mean() > 0.5)

    def _sound(self, first: float, period: float) -> _Sound | None:
        """What strikes with a period, if it is always alike; a metronome may start late, or stop early."""
        reach, n_frames = AROUND_SIGMAS[1], len(self._powers)
        steps = np.arange(np.ceil((reach - first) / period), (n_frames - 1 - reach - first) / period)
        beats = np.round(first + steps * period).astype(np.int64)
        part = round(_SPAN * len(beats))
        for some in (beats, beats[:part], beats[-part:]):
            sound = self._refined(beats, some, period)
            if sound is not None:
                return sound
        return None

    def _refined(self, beats: NDArray[np.int64], some: NDArray[np.int64], period: float) -> _Sound | None:
        """What is on ``some`` of the beats, and the hits on all of them; None if it is not always alike."""
        if len(some) < _FEWEST_HITS:
            return None
        near = np.max([self._powers[some + lag] for lag in (-1, 0, 1)], axis=0)
        powers = np.quantile(near, _AT_FIRST, axis=0).astype(np.float32)
        for near_db, lags in zip(_NEAR_DB, (_LAGS, _LAGS, _LAGS[1:-1]), strict=True):
            strength = self._strength(powers, self._powers)
            hits = beats + np.array(lags)[np.argmax([strength[beats + lag] for lag in lags], axis=0)]
            hits = hits[np.isin(hits, _short_peaks(strength))]
            usual = np.median(_decibels(strength[hits])) if len(hits) else 0.0
            hits = hits[np.abs(_decibels(strength[hits]) - usual) < near_db]
            if len(hits) < _FEWEST_HITS:
                return None
            powers = self._typical(hits)
        beats = beats[(beats >= hits[0] - 1) & (beats <= hits[-1] + 1)]
        strength = self._strength(powers, self._powers)
        present = _decibels(np.max([strength[beats + lag] for lag in _LAGS[1:-1]], axis=0)) > _ABSENT_DB
        alike = _spread(_decibels(strength[hits]))
        if len(hits) < _ALIKE * len(beats) or present.mean() < _PRESENT or alike > _ALIKE_DB:
            return None
        return _Sound(hits, period, alike) if np.ptp(hits) + period > _SPAN * len(self._powers) else None

    def _typical(self, hits: NDArray[np.int64]) -> NDArray[np.float32]:
        powers: NDArray[np.float32] = np.quantile(self._powers[hits], _TYPICAL, axis=0).astype(np.float32)
        return powers

    def _strike(self, sound: _Sound) -> Strike:
        powers = np.quantile(self._all[sound.hits], _TYPICAL, axis=0).astype(np.float32)
        bins = np.flatnonzero(self._bins(powers[::_EVERY])) * _EVERY
        return Strike(np.sqrt(powers), bins[powers[bins] > 0.0], sound.period * self._hop_seconds)

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


def _folded(bands: NDArray[np.float32], period: float) -> tuple[float, float, float]:
    """How much adds up over a period, the period, and when in it, from 0 on.

    ``bands``, shape (n_frames, n_bands), have mean 0 and variance 1; sums over n frames are divided by the root of n.
    """
    n_places = round(period)
    places = np.floor(np.arange(len(bands)) / period % 1.0 * n_places).astype(np.int64)
    order, counts = np.argsort(places, kind="stable"), np.bincount(places, minlength=n_places)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    sums = np.add.reduceat(bands[order], starts, axis=0) / np.sqrt(counts)[:, None]
    scores = np.square(np.maximum(sums, 0.0)).sum(axis=1)
    place = int(scores.argmax())
    return float(scores[place]), period, (place + 0.5) / n_places * period


def _shortest_period(hits: NDArray[np.int64]) -> float:
    """Of the beats that some hits are on, some of them twice, a frame apart."""
    apart = np.diff(hits)
    steps = np.round(apart / apart[apart > _LAGS[-1]].min())
    return float(np.ptp(hits) / steps.sum())


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


def _spread(decibels: NDArray[np.float64]) -> float:
    return float(np.abs(decibels - np.median(decibels)).mean())


def _decibels(powers: NDArray[np.float32]) -> NDArray[np.float64]:
    decibels: NDArray[np.float64] = 10.0 * np.log10(powers.astype(np.float64) + 1e-20)
    return decibels
