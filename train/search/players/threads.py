"""Threads: tones of one pitch after another in one row, whichever voices the search has put them into."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_SAME_SEMITONES = 0.6
_TINY = 1e-12


def threaded(
    f0_bin: NDArray[np.float64], amplitude: NDArray[np.float64], cuts: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Tones in rows such that what goes on at its pitch stays in its row.

    A search of several voices may hand a tone from one to another wherever it likes; a note is only to be seen when it
    is in one piece. From frame to frame the nearest pitches are joined, each at most once; what begins takes any row
    that is free.

    Parameters
    ----------
    f0_bin, amplitude : ndarray, shape (n_voices, n_frames)
        0: silent.
    cuts : ndarray, shape (n_frames,), bool
        True where a frame does not continue the one before.

    Returns
    -------
    f0_bin, amplitude : ndarray, shape (n_voices, n_frames)
    """
    n_voices, n_frames = f0_bin.shape
    pitch = np.where(f0_bin > 0, 12 * np.log2(np.maximum(f0_bin, _TINY)), np.nan)
    order = np.tile(np.arange(n_voices)[:, None], n_frames)
    for frame in range(1, n_frames):
        before, now = pitch[order[:, frame - 1], frame - 1], pitch[:, frame]
        step = np.abs(before[:, None] - now)
        step[~(step < _SAME_SEMITONES)] = np.inf
        row = np.full(n_voices, -1)
        while not cuts[frame] and np.isfinite(step).any():
            place, voice = np.unravel_index(int(step.argmin()), step.shape)
            row[place] = voice
            step[place], step[:, voice] = np.inf, np.inf
        left = [voice for voice in range(n_voices) if voice not in row]
        # What begins takes a row that was silent: a row that has just ended is no continuation.
        left.sort(key=lambda voice: not np.isfinite(now[voice]))
        free = sorted(np.flatnonzero(row < 0), key=lambda place: bool(np.isfinite(before[place])))
        row[free] = left
        order[:, frame] = row
    frames = np.arange(n_frames)
    return f0_bin[order, frames], amplitude[order, frames]
