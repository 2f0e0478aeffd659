"""How far the partials of notes lie above multiples of the first: strings that were struck or plucked are stiff.

A stiff string has its partials at ``h f0 sqrt(1 + B h**2)`` (Fletcher, JASA 36, 203-209, 1964), with B around 1e-4 to
1e-3 for the middle of a piano and less for a guitar; what is bowed, blown or sung is driven and has them at multiples.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bsep_stream.train.search.players.glide import harmonic_peaks
from bsep_stream.train.search.players.harmonics import ToneHarmonics
from bsep_stream.train.search.players.notes import Notes

_HIGHEST = 12
_EDGE_FRAMES = 1
_SHORTEST_FRAMES = 4  # of a note
_FEWEST_FRAMES = 3  # of a harmonic in it
_FEWEST_HARMONICS = 4
_MOST_FRAMES = 10  # that count: neighbouring ones err alike
_LEAST_SQUARE = 1e-3  # squared cents: nothing fits exactly
_CENTS_OF_ONE = 600 / np.log(2) * 1e-4
"""By which B = 1e-4 moves a partial, over the square of its order: ``1200 log2 sqrt(1 + B h**2)`` for small B."""

_Array = NDArray[np.float64]


class Stiffness(NamedTuple):
    """Inharmonicity B of notes in units of 1e-4, and its standard error, each (n_notes,); NaN: too little is heard."""

    value: _Array
    error: _Array


def note_stiffness(notes: Notes, tones: ToneHarmonics, moduli: NDArray[np.float32]) -> Stiffness:
    """Lines through the places of harmonics over the squares of their orders.

    Parameters
    ----------
    notes : Notes
    tones : ToneHarmonics
    moduli : ndarray, shape (n_frames, n_bins)
    """
    place, _ = harmonic_peaks(notes, tones, moduli, _HIGHEST)
    order = np.arange(1, _HIGHEST + 1)
    f0 = notes.f0_bin[tones.voices, tones.frames]
    with np.errstate(divide="ignore"):
        cents = np.where(place > 0, 1200 * np.log2(place / (f0[:, None] * order)), np.nan)
    value, error = np.full(len(notes), np.nan), np.full(len(notes), np.nan)
    for note, own in enumerate(tones.of_notes(notes)):
        own = own[notes.alive[note, tones.frames[own]]][_EDGE_FRAMES:-_EDGE_FRAMES]
        known = np.isfinite(cents[own]).sum(axis=0)
        heard = np.flatnonzero(known >= _FEWEST_FRAMES)
        if len(own) < _SHORTEST_FRAMES or len(heard) < _FEWEST_HARMONICS:
            continue
        # A peak is found within a part of a bin, which is fewer cents of a higher harmonic.
        weight = np.minimum(known[heard], _MOST_FRAMES) * order[heard]
        design = np.stack([np.ones(len(heard)), _CENTS_OF_ONE * order[heard] ** 2.0], axis=1) * weight[:, None]
        seen = np.nanmedian(cents[own][:, heard], axis=0) * weight
        inverse = np.linalg.inv(design.T @ design)
        solved = inverse @ (design.T @ seen)
        left = float(np.square(seen - design @ solved).mean())
        value[note], error[note] = solved[1], np.sqrt(inverse[1, 1] * max(left, _LEAST_SQUARE))
    return Stiffness(value, error)
