"""True pitches, frame by frame, from the true stems and the notes that were played.

The note list says which tone it is; the stem says where exactly (vibrato, intonation) and how long it is heard
(release, room). Where there is no note list, the search of the training finds the tone, in the stem alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bsep_stream.files.atomic import whole_file
from bsep_stream.model.geometry import FrameGeometry
from bsep_stream.train.benchmark.items import Item, Notes
from bsep_stream.train.config.presets import HIGHEST_PITCH_HZ, LOWEST_PITCH_HZ
from bsep_stream.train.search.session import SessionSearch
from bsep_stream.train.session.labels import frames_at
from bsep_stream.train.tones.harmonics import LocalPeaks, harmonic_bins
from bsep_stream.train.tones.spectra import as_channels

AUDIBLE_DB = -50.0
"""A stem sounds in frames whose energy is at least this, against its loud frames (95th percentile)."""

TAIL_SECONDS = 2.0
"""A tone that no other has followed may sound for so long after its end (release, room)."""

SEARCH_CENTS = 80.0
"""A tone lies at most so far from where the notes or the search have it."""

N_HARMONICS = 25
_COARSE_CENTS = 4.0
_FINE_CENTS = 0.5
_STRETCHED_CENTS = 8.0  # what the inharmonicity of a piano's string may move the best f0 by
_STRETCHED_STEP_CENTS = 1.0
_INHARMONICITIES = (0.0, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 3e-4, 5e-4, 7e-4, 1e-3, 2e-3)
_MOST_TONES = 4  # at a time, of one instrument: the newest and those whose tails it meets
_ONSET_SIGMAS = 3.0  # a frame hears a note before its centre has reached it
_PEAK_SIGMAS = 3.0
_FRAMES_AT_ONCE = 32


class TrueTones(NamedTuple):
    """Tones of true stems in frames, each of shape (n_sources, n_frames), float32.

    Attributes
    ----------
    f0_bin : ndarray
        0: silent.
    inharmonicity : ndarray
    """

    f0_bin: NDArray[np.float32]
    inharmonicity: NDArray[np.float32]


def frame_centres(n_samples: int, geometry: FrameGeometry) -> NDArray[np.int64]:
    """Samples in the middle of the frames, shape (n_frames,)."""
    return np.arange(0, n_samples, geometry.hop_length)


def true_f0(item: Item, geometry: FrameGeometry) -> NDArray[np.float32]:
    """Fundamental of every true stem in every frame of a separation.

    Parameters
    ----------
    item : Item
    geometry : FrameGeometry

    Returns
    -------
    ndarray, shape (n_sources, n_frames), float32
        In bins; 0: silent. Frame n is centred on sample ``n * geometry.hop_length`` (at the rate of the geometry).
    """
    return true_tones(item, geometry).f0_bin


def true_tones(item: Item, geometry: FrameGeometry) -> TrueTones:
    """Fundamental and inharmonicity of every true stem in every frame; parameters as for :func:`true_f0`."""
    rows = []
    for stem, notes in zip(item.stems_at(geometry.sample_rate), item.notes, strict=True):
        samples = stem.mean(axis=0)
        frames = frames_at(samples, frame_centres(samples.size, geometry), geometry)
        power = np.square(np.abs(frames)).sum(axis=1)
        audible = power > np.percentile(power, 95) * 10 ** (AUDIBLE_DB / 10)
        guesses = searched(frames, geometry) if notes is None else listed(notes, len(frames), geometry)
        f0_bin, inharmonicity = best_tones(frames, guesses, geometry)
        sounding = audible & (f0_bin > 0)
        rows.append((np.where(sounding, f0_bin, 0.0), np.where(sounding, inharmonicity, 0.0)))
    return TrueTones(*(np.stack(values).astype(np.float32) for values in zip(*rows, strict=True)))


def kept_tones(item: Item, geometry: FrameGeometry, folder: Path) -> TrueTones:
    """:func:`true_tones`, from a file in `folder` if they were found before."""
    frames = f"{geometry.sample_rate}-{geometry.n_fft}-{geometry.n_bins}-{geometry.hop_length}"
    path = folder / f"{item.folder.name}-{frames}.npz"
    if path.exists():
        with np.load(path, allow_pickle=False) as values:
            return TrueTones(**{name: values[name] for name in TrueTones._fields})
    tones = true_tones(item, geometry)
    with whole_file(path) as temporary:
        np.savez(temporary, **tones._asdict())
    return tones


def best_tones(
    frames: NDArray[np.complex64], guesses: NDArray[np.float32], geometry: FrameGeometry
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Of tones near the guesses the one whose harmonics hold most of a frame.

    First without inharmonicity on two grids, then both on a third: the harmonics of a tone differ in position by far
    more over a grid of pitches than over one of inharmonicities.

    Parameters
    ----------
    frames : ndarray, shape (n_frames, n_bins), complex64
    guesses : ndarray, shape (n_frames, n_guesses), float32
        In bins; 0: none.
    geometry : FrameGeometry

    Returns
    -------
    f0_bin : ndarray, shape (n_frames,), float32
        In bins; 0 where there is no guess.
    inharmonicity : ndarray, shape (n_frames,), float32
    """
    coarse, fine = _around(SEARCH_CENTS, _COARSE_CENTS), _around(_COARSE_CENTS, _FINE_CENTS)
    stretched = _around(_STRETCHED_CENTS, _STRETCHED_STEP_CENTS).repeat(len(_INHARMONICITIES))
    stretches = torch.tensor(_INHARMONICITIES).repeat_interleave(len(stretched) // len(_INHARMONICITIES))
    found = []
    for start in range(0, len(frames), _FRAMES_AT_ONCE):
        part = torch.from_numpy(frames[start : start + _FRAMES_AT_ONCE])
        guess = torch.from_numpy(guesses[start : start + _FRAMES_AT_ONCE])
        f0_bin, _ = _best_of(part, (guess[:, :, None] * coarse).flatten(1), None, geometry)
        f0_bin, _ = _best_of(part, f0_bin[:, None] * fine, None, geometry)
        found.append(torch.stack(_best_of(part, f0_bin[:, None] * stretched, stretches, geometry)))
    f0_bin, inharmonicity = torch.cat(found, dim=1).numpy()
    return f0_bin, inharmonicity


def _around(reach: float, step: float) -> Tensor:
    """Factors from -`reach` to `reach` cents."""
    return torch.from_numpy(2.0 ** (np.arange(-reach, reach + step / 2, step) / 1200)).float()


def _best_of(
    frames: Tensor, f0_bin: Tensor, inharmonicity: Tensor | None, geometry: FrameGeometry
) -> tuple[Tensor, Tensor]:
    """Of candidates (n_frames, n), with an inharmonicity (n,), the one with most energy on its harmonics."""
    n_frames, count = f0_bin.shape
    stretches = (torch.zeros(count) if inharmonicity is None else inharmonicity).expand(n_frames, -1)
    centres = harmonic_bins(f0_bin.flatten().clamp_min(1e-3), stretches.flatten(), N_HARMONICS).view(n_frames, -1)
    radius = int(np.ceil(_PEAK_SIGMAS * geometry.sigma_bins))
    peaks = LocalPeaks.at(centres, torch.full_like(centres, geometry.sigma_bins), frames.shape[1], radius)
    energy = peaks.project(as_channels(frames)).square().sum(dim=-1).view(n_frames, count, -1).sum(dim=2)
    best = energy.masked_fill(f0_bin <= 0, -1.0).argmax(dim=1, keepdim=True)
    return f0_bin.gather(1, best)[:, 0], stretches.gather(1, best)[:, 0]


def listed(notes: Notes, n_frames: int, geometry: FrameGeometry) -> NDArray[np.float32]:
    """Pitches that may sound in every frame by the list, shape (n_frames, n), in bins; 0: none."""
    smear = _ONSET_SIGMAS * geometry.sigma_samples / geometry.sample_rate
    pitch = 440.0 * 2.0 ** ((notes.midi - 69) / 12) / geometry.bin_hz
    guesses = np.zeros((n_frames, _MOST_TONES), np.float32)
    for frame, moment in enumerate(np.arange(n_frames) * geometry.hop_length / geometry.sample_rate):
        near = (notes.onset_seconds - smear <= moment) & (moment <= notes.end_seconds + TAIL_SECONDS)
        newest = np.flatnonzero(near)[-_MOST_TONES:]
        guesses[frame, : newest.size] = pitch[newest]
    return guesses


def searched(frames: NDArray[np.complex64], geometry: FrameGeometry) -> NDArray[np.float32]:
    """Pitches that the search finds in one stem, shape (n_frames, 1), in bins; 0: none."""
    cuts = torch.zeros(len(frames), dtype=torch.bool)
    lowest, highest = LOWEST_PITCH_HZ / geometry.bin_hz, HIGHEST_PITCH_HZ / geometry.bin_hz
    search = SessionSearch(torch.from_numpy(np.abs(frames)), 1, lowest, highest, cuts)
    found: NDArray[np.float32] = search.explain()[0].f0_bin[0][:, None].float().numpy()
    return found
