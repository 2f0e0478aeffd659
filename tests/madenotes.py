"""Notes that are made: struck ones and sung ones, the spectra they are in, and what the search would find of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bsep_stream.train.search.players.harmonics import ToneHarmonics, tone_harmonics
from bsep_stream.train.search.players.notes import Notes, cut_notes

N_BINS = 500
SIGMA_BINS = 1.3
FRAME_SECONDS = 0.02
LENGTH = 25
ENVELOPE = 0.7 ** np.arange(20)
SUNG_ENVELOPE = 0.85 ** np.arange(20)
DECAY_DB, VIBRATO_CENTS, VIBRATO_FRAMES, SWELL_DB = 30.0, 40.0, 9.0, 4.0

_Array = NDArray[np.float64]


def struck(f0_bin: float) -> tuple[_Array, _Array]:
    """Pitch and level of a note that decays and stands."""
    return np.full(LENGTH, f0_bin), 10 ** (-DECAY_DB * FRAME_SECONDS * np.arange(LENGTH) / 20)


def sung(f0_bin: float) -> tuple[_Array, _Array]:
    """Pitch and level of a note with vibrato that does not decay."""
    swing = VIBRATO_CENTS * np.sin(2 * np.pi * np.arange(LENGTH) / VIBRATO_FRAMES)
    return f0_bin * 2 ** (swing / 1200), np.ones(LENGTH)


def swelling(f0_bin: float) -> tuple[_Array, _Array]:
    """Pitch and level of a sung note that is loudest in its middle."""
    pitch, level = sung(f0_bin)
    return pitch, level * 10 ** (SWELL_DB * (np.sin(np.pi * np.arange(LENGTH) / LENGTH) - 1) / 20)


def spectra(
    f0_bin: _Array,
    amplitude: _Array,
    envelope: _Array = ENVELOPE,
    inharmonicity: float = 0.0,
    scatter: NDArray[np.float64] | float = 0.0,
) -> NDArray[np.float32]:
    """Moduli of tones, shape (n_frames, N_BINS).

    Parameters
    ----------
    f0_bin, amplitude : ndarray, shape (n_voices, n_frames)
        0: silent.
    envelope : ndarray, shape (n_harmonics,)
    inharmonicity : float
        B of strings.
    scatter : ndarray, shape (n_harmonics, n_frames), or float
        Bins by which partials lie elsewhere.
    """
    bins = np.arange(N_BINS)
    moduli = np.full((f0_bin.shape[1], N_BINS), 1e-6)
    off = np.broadcast_to(scatter, (len(envelope), f0_bin.shape[1]))
    for pitch, level in zip(f0_bin, amplitude, strict=True):
        for order, height in enumerate(envelope, start=1):
            place = order * pitch * np.sqrt(1 + inharmonicity * order**2) + off[order - 1]
            moduli += (level * height)[:, None] * np.exp(-0.5 * ((bins - place[:, None]) / SIGMA_BINS) ** 2)
    return moduli.astype(np.float32)


def heard(
    f0_bin: _Array, amplitude: _Array, moduli: NDArray[np.float32] | None = None
) -> tuple[Notes, ToneHarmonics, NDArray[np.float32]]:
    """Notes of voices, their harmonics, and the spectra they are in."""
    moduli = spectra(f0_bin, amplitude) if moduli is None else moduli
    notes = cut_notes(f0_bin, amplitude, np.arange(f0_bin.shape[1]) == 0)
    return notes, tone_harmonics(notes, moduli, ENVELOPE[None], SIGMA_BINS), moduli
