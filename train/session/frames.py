"""Frames of a session for training: drawn at random, reproducibly, from all takes."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bsep_stream.errors import RunError
from bsep_stream.model.geometry import FrameGeometry
from bsep_stream.train.config.policy_config import pitch_range
from bsep_stream.train.config.trainconfig import TrainConfig
from bsep_stream.train.session.labels import Labels
from bsep_stream.train.session.recording import Session

_LONGEST_STATE = 2_000  # characters of the state of a random generator

PARITY_FRAMES = 256
"""Frames that are kept for the comparison at export, which asks for at least 200."""

CANDIDATES_PER_FRAME = 4
ANALYSED_AT_ONCE = 64
SILENCE_DB = -60.0

SILENT_WEIGHT = 0.1
"""How often a labelled frame without a tone is drawn, next to 1.1 for one with a tone."""

JITTER_HOPS = 0.375
"""A label holds for frames so far from its own: less than half way to the next label."""

LENGTH_STEP = 64
"""Lengths of transposed frames are multiples of this: 13 cents apart at 8192 samples, and quickly transformed."""


@dataclass(frozen=True)
class Transposition:
    """How many of the labelled frames are transposed, and how far.

    A session has few pitches. A network that hears nothing else learns them by heart, and fails on the others of the
    next take (docs/laboratory.md, "Trained on the first half").

    Parameters
    ----------
    share : float
        Of the frames.
    semitones : float
        Up or down, at most; at most an octave. All lengths of a frame in between are equally likely.
    lowest_bin, highest_bin : float
        Frames stay as they are if a tone would leave this range of f0.
    """

    share: float = 0.0
    semitones: float = 0.0
    lowest_bin: float = 0.0
    highest_bin: float = float("inf")

    @classmethod
    def of(cls, config: TrainConfig) -> Transposition:
        """That of a run's imitation, within the range of its policy."""
        lowest, end = pitch_range(config.policy, config.geometry.n_bins)
        return cls(config.imitation.transposed_share, config.imitation.transposed_semitones, lowest, end - 1)


@dataclass(frozen=True)
class Overview:
    """Frames of a whole session in their order.

    Parameters
    ----------
    take : ndarray, shape (n_frames,), int64
    seconds : ndarray, shape (n_frames,), float64
        Middle of the frame, from the beginning of its take.
    frames : ndarray, shape (n_frames, n_bins), complex64
    """

    take: NDArray[np.int64]
    seconds: NDArray[np.float64]
    frames: NDArray[np.complex64]


class FrameSource:
    """Draws frames of a session.

    A frame may be centred on every ``hop_length``-th sample of every take, from its first to its last
    (the take is continued by silence on both sides); all are equally likely, independent of their energy.

    Parameters
    ----------
    session : Session
    geometry : FrameGeometry
    hop_length : int
        Samples between neighbouring frames (``TrainConfig.training_hop_length``).
    seed : int
    """

    def __init__(self, session: Session, geometry: FrameGeometry, hop_length: int, seed: int) -> None:
        self._geometry = geometry
        self._hop_length = hop_length
        self._generator = np.random.default_rng(seed)
        self._padding = geometry.n_fft  # half of a frame that is transposed by an octave
        self._padded = [np.pad(take.samples, self._padding) for take in session.takes]
        n_frames = [-(-take.samples.size // hop_length) for take in session.takes]
        self._ends = np.cumsum(n_frames)  # frame i belongs to the first take whose end is above i

    @property
    def n_frames(self) -> int:
        """Number of different frames."""
        return int(self._ends[-1])

    def draw(self, batch_size: int) -> NDArray[np.complex64]:
        """A batch of random frames.

        Returns
        -------
        ndarray, shape (batch_size, n_bins), complex64
            Spectra of the gained mixture.
        """
        return self._frames(self._generator.integers(self.n_frames, size=batch_size))

    def draw_labelled(
        self, labels: Labels, batch_size: int, level_db: float, transposition: Transposition | None = None
    ) -> tuple[NDArray[np.complex64], NDArray[np.float32]]:
        """A batch of random frames near labelled ones, at random levels and pitches.

        Parameters
        ----------
        labels : Labels
            Of this session. Frames in which a source sounds are drawn more often.
        batch_size : int
        level_db : float
            Largest change of level.
        transposition : Transposition or None
            None: all frames keep their pitches.

        Returns
        -------
        frames : ndarray, shape (batch_size, n_bins), complex64
        f0_bin : ndarray, shape (batch_size, n_sources), float32
        """
        sounding = np.atleast_1d((labels.f0_bin > 0).any(axis=1))  # numpy's types allow for a scalar
        weights = SILENT_WEIGHT + sounding
        chosen = self._generator.choice(len(sounding), batch_size, p=weights / weights.sum())
        reach = int(JITTER_HOPS * labels.hop_length)
        centres = labels.centre[chosen] + self._generator.integers(-reach, reach + 1, size=batch_size)
        gains = 10 ** (self._generator.uniform(-level_db, level_db, (batch_size, 1)) / 20)
        f0_bin = labels.f0_bin[chosen]
        lengths = np.full(batch_size, self._geometry.n_fft)
        if transposition is not None:
            lengths = self._transposed_lengths(f0_bin, transposition)
        frames = self._cut(labels.take[chosen], centres.clip(0), lengths) * gains.astype(np.float32)
        return frames, f0_bin * (lengths / self._geometry.n_fft).astype(np.float32)[:, None]

    def spread(self, count: int = PARITY_FRAMES) -> NDArray[np.complex64]:
        """Frames spread evenly over the session, silent ones left out where there are enough others.

        Returns
        -------
        ndarray, shape (count, n_bins), complex64
            Does not touch the random generator.
        """
        candidates = np.linspace(0, self.n_frames - 1, count * CANDIDATES_PER_FRAME).round().astype(np.int64)
        parts = np.array_split(candidates, -(-candidates.size // ANALYSED_AT_ONCE))
        peaks = np.concatenate([np.abs(self._frames(part)).max(axis=1) for part in parts])
        loud = candidates[peaks > peaks.max() * 10 ** (SILENCE_DB / 20)]
        if loud.size < count:
            loud = np.sort(candidates[np.argsort(peaks)[-count:]])
        return self._frames(loud[np.linspace(0, loud.size - 1, count).round().astype(np.int64)])

    def overview(self, most: int) -> Overview:
        """Frames of the whole session, evenly apart: every ``geometry.hop_length``, or at most so many.

        Does not touch the random generator.
        """
        step = max(self._geometry.hop_length / self._hop_length, self.n_frames / most)
        indices = np.arange(0, self.n_frames, step).astype(np.int64)[:most]
        parts = np.array_split(indices, -(-indices.size // ANALYSED_AT_ONCE))
        takes = np.searchsorted(self._ends, indices, side="right")
        centres = (indices - np.concatenate(([0], self._ends))[takes]) * self._hop_length
        frames = np.concatenate([self._frames(part) for part in parts])
        return Overview(takes, centres / self._geometry.sample_rate, frames)

    def state(self) -> str:
        """State of the random generator as JSON."""
        return json.dumps(self._generator.bit_generator.state)

    def restore(self, state: str) -> None:
        """Inverse of :meth:`state`; RunError if that is none."""
        try:
            values: dict[str, Any] = json.loads(state[:_LONGEST_STATE])
            self._generator.bit_generator.state = values
        except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
            raise RunError("the checkpoint is damaged (its random generator): restore it or train anew") from error

    def _frames(self, indices: NDArray[np.int64]) -> NDArray[np.complex64]:
        takes = np.searchsorted(self._ends, indices, side="right")
        return self._cut(takes, (indices - np.concatenate(([0], self._ends))[takes]) * self._hop_length)

    def _transposed_lengths(self, f0_bin: NDArray[np.float32], transposition: Transposition) -> NDArray[np.int64]:
        """Lengths of frames that are transposed to the pitches that the geometry's bins then mean, shape (batch,)."""
        n_fft = self._geometry.n_fft
        factor = 2.0 ** (transposition.semitones / 12)
        shortest = max(n_fft / factor, 2 * (self._geometry.n_bins - 1))  # a shorter one has too few bins
        first, last = int(np.ceil(shortest / LENGTH_STEP)), int(n_fft * factor / LENGTH_STEP)
        lengths = LENGTH_STEP * self._generator.integers(min(first, last), last + 1, size=len(f0_bin))
        moved = f0_bin * (lengths / n_fft)[:, None]
        outside = (f0_bin > 0) & ((moved < transposition.lowest_bin) | (moved > transposition.highest_bin))
        stays = outside.any(axis=1) | (self._generator.random(len(f0_bin)) >= transposition.share)
        return np.where(stays, n_fft, lengths)

    def _cut(
        self, takes: NDArray[np.int64], centres: NDArray[np.int64], lengths: NDArray[np.int64] | None = None
    ) -> NDArray[np.complex64]:
        """Frames around samples of takes; a centre beyond the end of its take is moved to the end."""
        if lengths is None:
            lengths = np.full(len(centres), self._geometry.n_fft)
        frames = np.empty((len(centres), self._geometry.n_bins), np.complex64)
        for length in np.unique(lengths):
            place = lengths == length
            segments = np.stack(
                [self._segment(take, centre, length) for take, centre in zip(takes[place], centres[place], strict=True)]
            )
            frames[place] = transposed(self._geometry, int(length)).analyse(segments)[:, : self._geometry.n_bins]
        return frames

    def _segment(self, take: int, centre: int, length: int) -> NDArray[np.float32]:
        padded = self._padded[take]
        start = self._padding + min(int(centre), padded.size - 2 * self._padding) - length // 2
        return padded[start : start + length]


@lru_cache(maxsize=256)
def transposed(geometry: FrameGeometry, n_fft: int) -> FrameGeometry:
    """The same window over longer or shorter frames: bin k is then what bin ``k * n_fft / geometry.n_fft`` was.

    A tone's peaks have the width that they always have, so that the frame looks like one of the same session, played
    ``n_fft / geometry.n_fft`` times as high (and its instruments' bodies made as much smaller).
    """
    return replace(geometry, n_fft=n_fft, sigma_samples=geometry.sigma_samples * n_fft / geometry.n_fft)
