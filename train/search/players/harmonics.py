"""Harmonics of notes, in dB, where nothing else sounds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bsep_stream.train.search.players.notes import Notes

N_HARMONICS = 16
"""Of a note; higher ones are weak and often covered."""

COVERED_SHARE = 0.25
"""A harmonic on which another tone leaves more than this of what is there is not trusted."""

COVERED_SHARE_NEAR = 0.05
"""The same where a partial of the other tone lies so near that the two beat."""

NEAR_BINS = 3.0
_SEARCH_CENTS = 25.0
_SEARCH_BINS = 1.0
_TRUSTED_FRAMES = 2.0
_FLOOR_DB = -45.0  # against the strongest trusted harmonic: below is noise
_OTHERS = 20  # partials of another tone
_TINY = 1e-9


class NoteHarmonics(NamedTuple):
    """What is seen of the harmonics of notes.

    Attributes
    ----------
    level_db : ndarray, shape (n_notes, N_HARMONICS)
        Mean over the frames in which it is trusted; 0 where it never is.
    frames : ndarray, shape (n_notes, N_HARMONICS)
        In how many frames' worth of sound it is trusted; 0: not at all.
    """

    level_db: NDArray[np.float64]
    frames: NDArray[np.float64]


class ToneHarmonics(NamedTuple):
    """What is seen of the harmonics of the tones of all frames.

    Attributes
    ----------
    voices, frames : ndarray, shape (n_tones,), int64
        Where a tone is.
    height : ndarray, shape (n_tones, N_HARMONICS)
        Moduli.
    trusted : ndarray, shape (n_tones, N_HARMONICS), bool
        Whether nothing else sounds there.
    """

    voices: NDArray[np.int64]
    frames: NDArray[np.int64]
    height: NDArray[np.float64]
    trusted: NDArray[np.bool_]

    def of_notes(self, notes: Notes) -> list[NDArray[np.int64]]:
        """Tones of every note, by time: rows of the arrays above."""
        number = notes.number[self.voices, self.frames]
        order = np.lexsort((self.frames, number))
        return np.split(order, np.searchsorted(number[order], np.arange(1, len(notes))))[: len(notes)]


def tone_harmonics(
    notes: Notes, moduli: NDArray[np.float32], envelope: NDArray[np.float64], sigma_bins: float
) -> ToneHarmonics:
    """Read the harmonics of all tones from the spectra; parameters as for :func:`note_harmonics`."""
    n_bins = moduli.shape[1]
    order = np.arange(1, N_HARMONICS + 1)
    voices, frames = np.nonzero(notes.number >= 0)
    f0 = notes.f0_bin[voices, frames]
    wanted = f0[:, None] * order
    height = _height(moduli, frames, wanted)
    most = (envelope / np.maximum(envelope.sum(axis=1, keepdims=True), _TINY)).max(axis=0)[:_OTHERS]
    trusted = (wanted < n_bins - 3) & (height > _TINY)
    for other in range(len(notes.number)):
        f0_other = notes.f0_bin[other, frames]
        sounds = (notes.number[other, frames] >= 0) & (other != voices)
        partials = f0_other[:, None] * np.arange(1, len(most) + 1)
        seen = np.where(partials < n_bins - 1, _height(moduli, frames, partials), 0.0)
        strength = np.minimum(notes.amplitude[other, frames][:, None] * most, seen)
        distance = np.abs(wanted[:, :, None] - partials[:, None])
        leak = strength[:, None] * np.exp(-0.5 * (distance / sigma_bins) ** 2)
        near = (strength[:, None] * (distance < NEAR_BINS)).max(axis=2)
        covered = (leak.max(axis=2) > COVERED_SHARE * height) | (near > COVERED_SHARE_NEAR * height)
        trusted &= ~(covered & sounds[:, None])
    return ToneHarmonics(voices, frames, height, trusted)


def note_harmonics(
    notes: Notes, moduli: NDArray[np.float32], envelope: NDArray[np.float64], sigma_bins: float
) -> NoteHarmonics:
    """Read the harmonics of all notes from the spectra.

    Parameters
    ----------
    notes : Notes
    moduli : ndarray, shape (n_frames, n_bins)
    envelope : ndarray, shape (n_sources, n_harmonics)
        Relative amplitudes of the harmonics of the sources: a tone may leave on a bin what the loudest of them says.
    sigma_bins : float
        Width of a peak.
    """
    return mean_harmonics(notes, tone_harmonics(notes, moduli, envelope, sigma_bins))


def mean_harmonics(notes: Notes, tones: ToneHarmonics) -> NoteHarmonics:
    """Means over the tones of every note."""
    voices, frames, height, trusted = tones
    loud = notes.amplitude[voices, frames]
    level = 20 * np.log10(np.maximum(height, _TINY))
    of_tone = notes.number[voices, frames]
    # Weighted by loudness, in units of frames: the weights of a note's frames have the mean 1.
    mean = np.bincount(of_tone, loud, len(notes)) / np.maximum(np.bincount(of_tone, minlength=len(notes)), 1)
    weight = trusted * (loud / np.maximum(mean[of_tone], _TINY))[:, None]
    total, sums = np.zeros((len(notes), N_HARMONICS)), np.zeros((len(notes), N_HARMONICS))
    np.add.at(total, of_tone, weight)
    np.add.at(sums, of_tone, weight * level)
    mean_db = sums / np.maximum(total, _TINY)
    known = total >= _TRUSTED_FRAMES
    strongest = np.where(known, mean_db, -np.inf).max(axis=1, keepdims=True, initial=-200.0)
    mean_db = np.maximum(mean_db, strongest + _FLOOR_DB)
    return NoteHarmonics(np.where(known, mean_db, 0.0), np.where(known, total, 0.0))


def _height(moduli: NDArray[np.float32], frames: NDArray[np.int64], wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Largest modulus near some bins of frames; shape of `wanted` (n, m)."""
    n_bins = moduli.shape[1]
    reach = np.minimum(np.maximum(wanted * (2 ** (_SEARCH_CENTS / 1200) - 1), _SEARCH_BINS), 3.0)
    centre = np.rint(wanted).astype(np.int64)
    height = np.zeros(wanted.shape)
    for step in range(-3, 4):
        place = np.clip(centre + step, 0, n_bins - 1)
        inside = np.abs(centre + step - wanted) <= reach
        height = np.maximum(height, np.where(inside, moduli[frames[:, None], place], 0.0))
    return height
