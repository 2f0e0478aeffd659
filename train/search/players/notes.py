"""Notes: the tones of a search, cut where a player would say that another note begins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SAME_SEMITONES = 0.6
"""Within a note the pitch moves less from one frame to the next."""

ATTACK_DB = 6.0
"""A tone that gets so much louder within `ATTACK_FRAMES` has been struck, tongued or bowed anew."""

ATTACK_FRAMES = 3
SHORTEST_FRAMES = 4
"""A shorter piece is part of another note, or too short to say who plays it."""

LONGEST_PIECE_FRAMES = 12
"""What one voice hands over to another at its pitch is one note, unless both parts last longer than that."""

ALIVE_DB = -12.0
"""Against the louder part of a note: below it the note is taken to ring on or to have not begun."""

_GAP_FRAMES = 1
_NOBODY = -1
_TINY = 1e-12


@dataclass(frozen=True)
class Notes:
    """Notes of a session and the tones they are made of.

    Attributes
    ----------
    f0_bin, amplitude : ndarray, shape (n_voices, n_frames)
        As the search found them; 0: silent.
    number : ndarray, shape (n_voices, n_frames), int64
        Note that a tone belongs to; -1: silent.
    start, end : ndarray, shape (n_notes,), int64
        First frame, and the one after the last.
    pitch : ndarray, shape (n_notes,)
        In semitones, 12 log2 of the bin: mean, weighted by amplitude.
    loudness : ndarray, shape (n_notes,)
        Sum of the amplitudes of the frames.
    alive : ndarray, shape (n_notes, n_frames), bool
        Frames in which a note is played, not just ringing.
    voice : ndarray, shape (n_notes,), int64
        Voice of the search that most of the note is from.
    """

    f0_bin: NDArray[np.float64]
    amplitude: NDArray[np.float64]
    number: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    pitch: NDArray[np.float64]
    loudness: NDArray[np.float64]
    alive: NDArray[np.bool_]
    voice: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.start)

    @property
    def n_frames(self) -> NDArray[np.int64]:
        """Frames that every note sounds in, shape (n_notes,)."""
        return np.bincount(self.number[self.number >= 0], minlength=len(self))


def cut_notes(f0_bin: NDArray[np.float64], amplitude: NDArray[np.float64], cuts: NDArray[np.bool_]) -> Notes:
    """Cut the tones of all voices into notes.

    Parameters
    ----------
    f0_bin, amplitude : ndarray, shape (n_voices, n_frames)
        0: silent.
    cuts : ndarray, shape (n_frames,), bool
        True where a frame does not continue the one before.
    """
    pitch = np.where(f0_bin > 0, 12 * np.log2(np.maximum(f0_bin, _TINY)), np.nan)
    number = _pieces(pitch, amplitude, cuts)
    return described(f0_bin, amplitude, _joined(number, pitch))


def described(f0_bin: NDArray[np.float64], amplitude: NDArray[np.float64], number: NDArray[np.int64]) -> Notes:
    """Notes whose tones are numbered; numbers that nothing has are left out.

    Parameters
    ----------
    f0_bin, amplitude : ndarray, shape (n_voices, n_frames)
    number : ndarray, shape (n_voices, n_frames), int64
        -1: silent.
    """
    known, dense = np.unique(number[number >= 0], return_inverse=True)
    compact = np.full_like(number, _NOBODY)
    compact[number >= 0] = dense
    n_notes, (n_voices, n_frames) = len(known), number.shape
    voices, frames = np.nonzero(compact >= 0)
    order = np.argsort(frames, kind="stable")
    voices, frames = voices[order], frames[order]
    of_tone = compact[voices, frames]
    loud = amplitude[voices, frames]
    pitch = 12 * np.log2(f0_bin[voices, frames])
    start, end = np.full(n_notes, n_frames), np.zeros(n_notes, np.int64)
    np.minimum.at(start, of_tone, frames)
    np.maximum.at(end, of_tone, frames + 1)
    total = np.bincount(of_tone, loud, n_notes)
    by_voice = np.zeros((n_notes, n_voices))
    np.add.at(by_voice, (of_tone, voices), loud)
    level = _levels(compact, amplitude, n_notes)
    # The louder part of a note: what its frames come to, each weighted by itself.
    usual = (level**2).sum(axis=1) / np.maximum(level.sum(axis=1), _TINY)
    return Notes(
        f0_bin=f0_bin,
        amplitude=amplitude,
        number=compact,
        start=start,
        end=end,
        pitch=np.bincount(of_tone, loud * pitch, n_notes) / np.maximum(total, _TINY),
        loudness=np.asarray(total, np.float64),
        alive=level > 10 ** (ALIVE_DB / 20) * usual[:, None],
        voice=by_voice.argmax(axis=1) if n_notes else np.zeros(0, np.int64),
    )


def note_levels(notes: Notes) -> NDArray[np.float64]:
    """Amplitude of every note in every frame, shape (n_notes, n_frames); 0: silent."""
    return _levels(notes.number, notes.amplitude, len(notes))


def _levels(number: NDArray[np.int64], amplitude: NDArray[np.float64], n_notes: int) -> NDArray[np.float64]:
    voices, frames = np.nonzero(number >= 0)
    level = np.zeros((n_notes, number.shape[1]))
    np.maximum.at(level, (number[voices, frames], frames), amplitude[voices, frames])
    return level


def _pieces(pitch: NDArray[np.float64], amplitude: NDArray[np.float64], cuts: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Numbers of what goes on within one voice, shape (n_voices, n_frames); -1: silent."""
    sounding = np.isfinite(pitch)
    goes_on = np.zeros_like(sounding)
    goes_on[:, 1:] = sounding[:, 1:] & sounding[:, :-1] & ~cuts[1:]
    with np.errstate(invalid="ignore"):
        goes_on[:, 1:] &= np.abs(np.diff(pitch, axis=1)) < SAME_SEMITONES
    goes_on &= ~_attacks(amplitude, goes_on)
    begins = sounding & ~goes_on
    number = begins.ravel().cumsum().reshape(begins.shape) - 1
    return np.where(sounding, number, _NOBODY)


def _attacks(amplitude: NDArray[np.float64], goes_on: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Frames in which a tone that sounds already begins anew: the largest step of a rise."""
    level = 20 * np.log10(np.maximum(amplitude, _TINY))
    rise = np.full(level.shape, -np.inf)
    rise[:, ATTACK_FRAMES:] = level[:, ATTACK_FRAMES:] - level[:, :-ATTACK_FRAMES]
    # All frames of the rise belong to one tone, and this one is long enough before it.
    for back in range(min(ATTACK_FRAMES + SHORTEST_FRAMES, goes_on.shape[1])):
        shifted = np.zeros_like(goes_on)
        shifted[:, back:] = goes_on[:, : goes_on.shape[1] - back]
        rise = np.where(shifted, rise, -np.inf)
    strong = rise > ATTACK_DB
    attacks = np.zeros_like(goes_on)
    for voice, row in enumerate(strong):
        frame = 0
        while frame < len(row):
            if not row[frame]:
                frame += 1
                continue
            end = frame
            while end < len(row) and row[end]:
                end += 1
            # The rise from frame - ATTACK_FRAMES to end - 1: the note begins at its steepest step.
            first = frame - ATTACK_FRAMES + 1
            steps = np.diff(level[voice, first - 1 : end])
            attacks[voice, first + int(steps.argmax())] = True
            frame = end
    return attacks


def _joined(number: NDArray[np.int64], pitch: NDArray[np.float64]) -> NDArray[np.int64]:
    """Short pieces joined to the piece of another voice that they continue or begin."""
    n_voices = len(number)
    count = int(number.max(initial=-1)) + 1
    if n_voices == 1 or not count:
        return number
    voices, frames = np.nonzero(number >= 0)
    of_tone = number[voices, frames]
    first, last = np.zeros(count, np.int64), np.zeros(count, np.int64)
    place = np.zeros(count, np.int64)
    place[of_tone] = voices
    # np.nonzero lists the frames of a voice in their order.
    first[of_tone[::-1]] = frames[::-1]
    last[of_tone] = frames
    length = last - first + 1
    owner = np.arange(count)

    def root(piece: int) -> int:
        while owner[piece] != piece:
            piece = int(owner[piece])
        return piece

    begins = np.argsort(first, kind="stable")
    for earlier in range(count):
        low = np.searchsorted(first[begins], last[earlier] + 1 - _GAP_FRAMES)
        high = np.searchsorted(first[begins], last[earlier] + 1 + _GAP_FRAMES, side="right")
        for later in begins[low:high]:
            if place[later] == place[earlier] or min(length[earlier], length[later]) > LONGEST_PIECE_FRAMES:
                continue
            step = pitch[place[later], first[later]] - pitch[place[earlier], last[earlier]]
            if abs(step) < SAME_SEMITONES:
                owner[root(int(later))] = root(earlier)
    roots = np.array([root(piece) for piece in range(count)])
    joined: NDArray[np.int64] = np.where(number >= 0, roots[number], _NOBODY)
    return joined
