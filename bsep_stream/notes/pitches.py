"""Pitch of every source over time, as a model finds it in a folder of stems."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bsep_stream.files.stemfolder import StemFolder
from bsep_stream.masks.outputs import network_step
from bsep_stream.model.separation_model import SeparationModel

_QUIET_DB = -45.0  # a source this far below its loudest frame has no pitch to show


@dataclass(frozen=True)
class Pitches:
    """Pitch of every source over time.

    Parameters
    ----------
    times : ndarray, shape (n_frames,), float64
        Seconds.
    f0_hz : ndarray, shape (n_tones, n_frames), float64
        NaN where the tone is silent.
    tone_sources : tuple of int
        Source of every tone.
    """

    times: NDArray[np.float64]
    f0_hz: NDArray[np.float64]
    tone_sources: tuple[int, ...]


def find_pitches(
    model: SeparationModel,
    stems: StemFolder,
    *,
    start_seconds: float = 0.0,
    seconds: float | None = None,
    max_frames: int = 1000,
) -> Pitches:
    """Pitches that a model finds in the sum of stems.

    Parameters
    ----------
    model : SeparationModel
    stems : StemFolder
    start_seconds, seconds : float
        Which part of the stems; the whole, if not given.
    max_frames : int
        A step of the network each: where the part has more frames, some are left out.
    """
    geometry = model.geometry
    if seconds is None:
        seconds = stems.seconds - start_seconds
    hop_seconds = max(geometry.hop_length / geometry.sample_rate, seconds / max_frames)
    times = start_seconds + np.arange(0.0, seconds, hop_seconds)
    f0_hz = np.empty((len(model.tone_sources), len(times)))
    level = np.empty((model.n_sources, len(times)))
    silent = np.empty((len(model.tone_sources), len(times)), dtype=bool)
    segments = stems.segments(times, geometry.n_fft / geometry.sample_rate)
    for i, segment in enumerate(segments):
        tones = network_step(model, geometry.analyse(_of_length(segment, geometry.n_fft)))
        f0_hz[:, i] = tones.f0_bin * geometry.bin_hz
        level[:, i] = np.linalg.norm(tones.direct, axis=1)
        silent[:, i] = tones.on < 0.5
    loudest = level.max(axis=1, keepdims=True, initial=0.0)
    quiet = level <= 10.0 ** (_QUIET_DB / 20.0) * loudest
    f0_hz[silent | quiet[list(model.tone_sources)]] = np.nan
    return Pitches(times, f0_hz, model.tone_sources)


def _of_length(segment: NDArray[np.float32], n: int) -> NDArray[np.float32]:
    """The segment at another sample rate, such that it has n samples; its ends are under the window's tails."""
    if len(segment) == n:
        return segment
    import soxr

    resampled: NDArray[np.float32] = soxr.resample(segment, len(segment), n)
    return np.resize(np.pad(resampled, (0, max(0, n - len(resampled)))), n)
