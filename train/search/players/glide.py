"""How the pitch of notes moves: vibrato and glides of voices, bows and winds; struck strings and pipes stand."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bsep_stream.train.search.players.harmonics import ToneHarmonics
from bsep_stream.train.search.players.notes import Notes

_EDGE_FRAMES = 1
"""Left out at both ends, where the window hears other notes."""

_SHORTEST_FRAMES = 5
_HIGHEST = 8
"""Harmonic: higher ones are weak."""

_REACH_BINS = 2
_LARGEST_CENTS = 100.0
_TINY = 1e-9
_ERROR_CENT_BINS = 80.0
"""Cents by which the motion of a note is in doubt, times its bin: what leaks in from other tones moves every peak by
some hundredths of a bin, and a low note by more cents than a high one."""


def motion_error(notes: Notes) -> NDArray[np.float64]:
    """Standard error of :func:`note_motion` in cents, shape (n_notes,)."""
    error: NDArray[np.float64] = _ERROR_CENT_BINS * 2 ** (-notes.pitch / 12)
    return error


def note_motion(notes: Notes, tones: ToneHarmonics, moduli: NDArray[np.float32]) -> NDArray[np.float64]:
    """Standard deviation of the pitch within every note, in cents, from harmonics that nothing else covers.

    Every harmonic counts around its own mean, as strings are stiff, and higher ones for more, as they tell more.

    Parameters
    ----------
    notes : Notes
    tones : ToneHarmonics
    moduli : ndarray, shape (n_frames, n_bins)

    Returns
    -------
    ndarray, shape (n_notes,)
        NaN where too little is heard.
    """
    place, height = harmonic_peaks(notes, tones, moduli, _HIGHEST)
    motion = np.full(len(notes), np.nan)
    for note, own in enumerate(tones.of_notes(notes)):
        own = own[notes.alive[note, tones.frames[own]]][_EDGE_FRAMES:-_EDGE_FRAMES]
        if len(own) < _SHORTEST_FRAMES:
            continue
        known = height[own] > 0
        count = known.sum(axis=0)
        known &= count >= _SHORTEST_FRAMES
        if not known.any():
            continue
        cents = 1200 * np.log2(np.maximum(place[own], _TINY))
        middle = np.nanmedian(np.where(known, cents, np.nan)[:, known.any(axis=0)], axis=0)
        away = np.zeros(known.shape)
        away[:, known.any(axis=0)] = cents[:, known.any(axis=0)] - middle
        weight = known * np.arange(1, _HIGHEST + 1) * height[own]
        total = weight.sum(axis=1)
        told = total > 0
        if told.sum() < _SHORTEST_FRAMES:
            continue
        course = np.clip((weight * away).sum(axis=1)[told] / total[told], -_LARGEST_CENTS, _LARGEST_CENTS)
        motion[note] = float(course.std())
    return motion


def harmonic_peaks(
    notes: Notes, tones: ToneHarmonics, moduli: NDArray[np.float32], highest: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Interpolated places in bins, and heights, of the trusted harmonics, shape (n_tones, highest); 0: not known."""
    n_bins = moduli.shape[1]
    wanted = notes.f0_bin[tones.voices, tones.frames][:, None] * np.arange(1, highest + 1)
    steps = np.arange(-_REACH_BINS, _REACH_BINS + 1)
    around = np.clip(np.rint(wanted).astype(np.int64)[:, :, None] + steps, 1, n_bins - 2)
    frames = tones.frames[:, None]
    best = np.take_along_axis(around, moduli[frames[:, :, None], around].argmax(axis=2)[:, :, None], axis=2)[:, :, 0]
    left, centre, right = (np.log(moduli[frames, best + step] + _TINY) for step in (-1, 0, 1))
    is_peak = (centre > left) & (centre >= right) & tones.trusted[:, :highest]
    bend = np.where(is_peak, left - 2 * centre + right, -1.0)
    offset = np.clip(0.5 * (left - right) / bend, -0.5, 0.5)
    place = np.where(is_peak, best + offset, 0.0)
    return place, np.where(is_peak, moduli[frames, best], 0.0)
