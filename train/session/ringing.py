"""How long the sources ring on: what is left of a tone when its player has gone on to the next one.

A string that nobody damps, a room, a pedal, the release of a key: the tone has ended and still sounds. Bow and breath
end with their note. So behind the end of every note the strongest of its harmonics are followed, where the player's
next tone does not cover them, and the decay of a source is that of its notes, the faster ones in doubt: what others
play there hides the end of a sound and never makes it shorter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_SAME_SEMITONES = 0.6
"""A pitch that moves by more from one frame to the next is another note."""
_END_FRAMES = 2
"""So long before a note's end it is still itself: a frame is long, and already has what comes."""
SHORTEST_SECONDS = 0.25
"""Even the driest sound falls by 60 dB no faster, in frames of the default preset."""

_N_HARMONICS = 20
_STRONGEST = 5
_COVERED_BINS = 3.0
_FIRST, _LAST = 5, 20  # frames behind the end that are looked at: before, the note itself is in them
_LEAST_SEEN = 5
_LEAST_NOTES = 5
_QUANTILE = 0.4
_LEAST_LOG, _MOST_LOG = -3.0, -0.05  # per frame: what seems to ring for longer is mostly another player
_NO_PITCH = -1e3
_DECIBELS_60 = float(np.log(1e3))
_TINY = 1e-12

_Array = NDArray[np.float64]


class Ended(NamedTuple):
    """A note after which its voice went on, or fell silent.

    Attributes
    ----------
    voice : int
    last : int
        Frame in which it is still itself.
    end : int
        First frame without it.
    until : int
        Frame in which its player has its pitch again, or the sound is cut.
    """

    voice: int
    last: int
    end: int
    until: int


def ended_notes(
    f0_bin: NDArray[np.floating], sources: Sequence[int], cuts: NDArray[np.bool_], longest: int
) -> list[Ended]:
    """Ends of the notes of all voices.

    Parameters
    ----------
    f0_bin : ndarray, shape (n_voices, n_frames)
        0: silent.
    sources : sequence of int
        Of the voices: a note may go on in another voice of its source.
    cuts : ndarray, shape (n_frames,), bool
        True where a frame does not continue the one before.
    longest : int
        Frames after which nothing rings any more.
    """
    n_frames = f0_bin.shape[1]
    with np.errstate(divide="ignore"):
        pitch = 12.0 * np.log2(f0_bin)
    found = []
    pitch = np.where(f0_bin > 0, pitch, _NO_PITCH)
    for voice, row in enumerate(pitch):
        own = pitch[np.asarray(sources) == sources[voice]]
        new = np.ones(n_frames, dtype=bool)
        new[1:] = (np.abs(np.diff(row)) > _SAME_SEMITONES) | cuts[1:]
        begins = np.flatnonzero(new)
        for begin, end in zip(begins[:-1].tolist(), begins[1:].tolist(), strict=True):
            if f0_bin[voice, begin] <= 0 or cuts[end]:
                continue
            last = max(begin, end - _END_FRAMES)
            after = slice(end, end + longest)
            over = np.flatnonzero((np.abs(own[:, after] - row[last]) < _SAME_SEMITONES).any(axis=0) | cuts[after])
            until = end + int(over[0]) if len(over) else min(n_frames, end + longest)
            if until > end:
                found.append(Ended(voice, last, end, until))
    return found


def frame_decays(
    moduli: NDArray[np.floating], f0_bin: NDArray[np.floating], sources: Sequence[int], notes: Sequence[Ended]
) -> _Array:
    """What is left after a frame of the modulus of a tone that has ended, of every source; 0: not known.

    Parameters
    ----------
    moduli : ndarray, shape (n_frames, n_bins)
    f0_bin : ndarray, shape (n_voices, n_frames)
        0: silent.
    sources : sequence of int
        Of the voices.
    notes : sequence of Ended
    """
    rates: list[list[float]] = [[] for _ in range(max(sources) + 1)]
    for note in notes:
        own = f0_bin[np.asarray(sources) == sources[note.voice]]
        rate = _decay_behind(moduli, float(f0_bin[note.voice, note.last]), own, note)
        if rate is not None:
            rates[sources[note.voice]].append(rate)
    return np.array(
        [
            np.exp(np.clip(np.quantile(found, _QUANTILE), _LEAST_LOG, _MOST_LOG)) if len(found) >= _LEAST_NOTES else 0.0
            for found in rates
        ]
    )


def decay_seconds(
    moduli: NDArray[np.floating],
    f0_bin: NDArray[np.floating],
    sources: Sequence[int],
    cuts: NDArray[np.bool_],
    frame_seconds: float,
) -> _Array:
    """Time in which what rings on falls by 60 dB, of every source; `SHORTEST_SECONDS` where too few notes tell.

    Parameters
    ----------
    moduli, f0_bin, sources
        As for :func:`frame_decays`.
    cuts : ndarray, shape (n_frames,), bool
        True where a frame does not continue the one before.
    frame_seconds : float
        From frame to frame.
    """
    left = frame_decays(moduli, f0_bin, sources, ended_notes(f0_bin, sources, cuts, _LAST))
    seconds = -_DECIBELS_60 * frame_seconds / np.log(np.maximum(left, np.exp(_LEAST_LOG)))
    return np.maximum(seconds, SHORTEST_SECONDS)


def _decay_behind(
    moduli: NDArray[np.floating], pitch_bin: float, own_f0: NDArray[np.floating], note: Ended
) -> float | None:
    """Logarithm of what is left after a frame, by the strongest harmonics of a note; None if they are not to be seen.

    Its player's tones (n_voices, n_frames) must not cover them.
    """
    first, end = note.end + _FIRST, min(note.until, note.end + _LAST)
    if end - first < 3:
        return None
    bins = np.rint(pitch_bin * np.arange(1, _N_HARMONICS + 1)).astype(int)
    bins = bins[(bins > 0) & (bins < moduli.shape[1] - 1)]
    if not len(bins):
        return None
    around = bins[:, None] + np.arange(-1, 2)
    level = moduli[note.last][around].max(axis=1)
    strongest = np.argsort(-level)[:_STRONGEST]
    bins, level, around = bins[strongest], level[strongest], around[strongest]
    after = moduli[first:end][:, around].max(axis=2)
    own = own_f0[:, first:end, None]
    order = np.maximum(np.rint(bins / np.maximum(own, _TINY)), 1)
    open_to_see = ((own <= 0) | (np.abs(order * own - bins) >= _COVERED_BINS)).all(axis=0)
    passed = np.arange(first, end)[:, None] - note.last
    rate = (np.log((after + _TINY) / (level + _TINY)) / passed)[open_to_see]
    return float(np.median(rate)) if len(rate) >= _LEAST_SEEN else None
