"""Notes that sound alone, and whether their player has them: nothing else tells players apart there but their sound."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bsep_stream.model.geometry import FrameGeometry
from bsep_stream.train.benchmark.items import Item, Notes

RIGHT_CENTS = 80.0
"""A tone that glides and vibrates lies at most so far from its note."""

FEWEST_FRAMES = 3
"""A note is alone if it is so in at least so many frames."""

_TAIL_SECONDS = 0.15  # for which the note of another still sounds,
_HASTE_SECONDS = 0.05  # and before which frames hear it already
_FOUND_SHARE = 0.25  # of its frames: else a note was not found at all


class LoneNotes(NamedTuple):
    """How many lone notes their own player has, another one, nobody."""

    own: int
    other: int
    missed: int

    @property
    def wrong_share(self) -> float | None:
        """Of the lone notes that were found: those another player has. None: there are none."""
        found = self.own + self.other
        return self.other / found if found else None


def lone_notes(
    item: Item,
    f0_bin: NDArray[np.float32],
    tone_sources: Sequence[int],
    order: Sequence[int],
    geometry: FrameGeometry,
) -> LoneNotes | None:
    """Count the lone notes of an item by who has most of their frames.

    Parameters
    ----------
    item : Item
    f0_bin : ndarray, shape (n_tones, n_frames)
        What was found; 0: no tone. Frame n is centred on sample ``n * geometry.hop_length``.
    tone_sources : sequence of int
        Source of every tone.
    order : sequence of int
        ``order[j]`` is the source that belongs to instrument j of the item.
    geometry : FrameGeometry

    Returns
    -------
    LoneNotes or None
        None: nobody wrote down what some instrument played.
    """
    if any(notes is None for notes in item.notes):
        return None
    known = [notes for notes in item.notes if notes is not None]
    time = np.arange(f0_bin.shape[1]) * geometry.hop_length / geometry.sample_rate
    sounding = np.stack([_sounding(notes, time) for notes in known])
    with np.errstate(divide="ignore"):
        pitch = 69 + 12 * np.log2(f0_bin * geometry.bin_hz / 440)  # -inf: silent
    sources = np.asarray(tone_sources)
    counts = [0, 0, 0]
    for number, notes in enumerate(known):
        alone = ~np.delete(sounding, number, axis=0).any(axis=0)
        own = sources == order[number]
        for onset, end, midi in zip(notes.onset_seconds, notes.end_seconds, notes.midi, strict=True):
            frames = alone & (time >= onset) & (time <= end)
            if frames.sum() < FEWEST_FRAMES:
                continue
            near = np.abs(pitch[:, frames] - midi) * 100 <= RIGHT_CENTS
            mine = near[own].any(axis=0)
            theirs = near[~own].any(axis=0) & ~mine
            if mine.sum() + theirs.sum() < _FOUND_SHARE * frames.sum():
                counts[2] += 1
            else:
                counts[int(theirs.sum() > mine.sum())] += 1
    return LoneNotes(*counts)


def _sounding(notes: Notes, time: NDArray[np.float64]) -> NDArray[np.bool_]:
    begin, end = notes.onset_seconds[:, None] - _HASTE_SECONDS, notes.end_seconds[:, None] + _TAIL_SECONDS
    return np.asarray(((begin <= time) & (time <= end)).any(axis=0))
