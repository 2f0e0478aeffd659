"""Frames of a session for training: drawn at random, reproducibly, from all takes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bsep_stream.geometry import FrameGeometry
from bsep_stream.train.labels import Labels
from bsep_stream.train.recording import Session

PARITY_FRAMES = 256
"""Frames that are kept for the comparison at export, which asks for at least 200."""

CANDIDATES_PER_FRAME = 4
ANALYSED_AT_ONCE = 64
SILENCE_DB = -60.0

SILENT_WEIGHT = 0.1
"""How often a labelled frame without a tone is drawn, next to 1.1 for one with a tone."""

JITTER_HOPS = 0.375
"""A label holds for frames so far from its own: less than half way to the next label."""


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
        half = geometry.n_fft // 2
        self._geometry = geometry
        self._hop_length = hop_length
        self._generator = np.random.default_rng(seed)
        self._padded = [np.pad(take.samples, (half, half)) for take in session.takes]
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
        self, labels: Labels, batch_size: int, level_db: float
    ) -> tuple[NDArray[np.complex64], NDArray[np.float32]]:
        """A batch of random frames near labelled ones, at random levels.

        Parameters
        ----------
        labels : Labels
            Of this session. Frames in which a source sounds are drawn more often.
        batch_size : int
        level_db : float
            Largest change of level.

        Returns
        -------
        frames : ndarray, shape (batch_size, n_bins), complex64
        f0_bin : ndarray, shape (batch_size, n_sources), float32
        """
        sounding = np.atleast_1d((labels.f0_bin > 0).any(axis=1))  # numpy's types allow for a scalar
        weights = SILENT_WEIGHT + sounding
        chosen = self._generator.choice(len(sounding), batch_size, p=weights / weights.sum())
        reach = int(JITTER_HOPS * labels.hop_length)
        starts = labels.centre[chosen] + self._generator.integers(-reach, reach + 1, size=batch_size)
        gains = 10 ** (self._generator.uniform(-level_db, level_db, (batch_size, 1)) / 20)
        frames = self._cut(labels.take[chosen], starts.clip(0)) * gains.astype(np.float32)
        return frames, labels.f0_bin[chosen]

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
        """Inverse of :meth:`state`."""
        values: dict[str, Any] = json.loads(state)
        self._generator.bit_generator.state = values

    def _frames(self, indices: NDArray[np.int64]) -> NDArray[np.complex64]:
        takes = np.searchsorted(self._ends, indices, side="right")
        return self._cut(takes, (indices - np.concatenate(([0], self._ends))[takes]) * self._hop_length)

    def _cut(self, takes: NDArray[np.int64], centres: NDArray[np.int64]) -> NDArray[np.complex64]:
        """Frames around samples of takes; a centre beyond the end of its take is moved to the end."""
        n_fft = self._geometry.n_fft
        segments = np.stack(
            [
                self._padded[take][(start := min(int(centre), self._padded[take].size - n_fft)) : start + n_fft]
                for take, centre in zip(takes, centres, strict=True)
            ]
        )
        return self._geometry.analyse(segments)[:, : self._geometry.n_bins]
