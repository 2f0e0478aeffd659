"""Sessions of synthetic tones whose players are known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bsep_stream.train.search.players.notes import Notes, cut_notes

N_BINS = 500
SIGMA_BINS = 1.3
LONG = 14
ORDER = np.arange(1, 21)
DARK, HOLLOW, BRIGHT = (
    envelope / envelope.sum() for envelope in (0.55**ORDER, 0.8**ORDER * np.where(ORDER % 2, 1.0, 0.1), 0.85**ORDER)
)
SCALE = [24.0, 25.5, 27.0, 30.3, 32.0, 34.0, 36.0, 38.2]  # bins: two players in one register


def voices(*parts: list[tuple[int, float]]) -> NDArray[np.float64]:
    """Pitches of voices from (frames, bin)."""
    return np.array([[f0 for frames, f0 in voice for _ in range(frames)] for voice in parts])


def cut(f0_bin: NDArray[np.float64], amplitude: NDArray[np.float64] | None = None) -> Notes:
    cuts = np.arange(f0_bin.shape[1]) == 0
    return cut_notes(f0_bin, np.where(f0_bin > 0, 1.0, 0.0) if amplitude is None else amplitude, cuts)


def spectra(f0_bin: NDArray[np.float64], envelopes: list[NDArray[np.float64]]) -> NDArray[np.float32]:
    """Moduli of tones whose voices have envelopes, shape (n_frames, N_BINS)."""
    bins = np.arange(N_BINS)
    moduli = np.full((f0_bin.shape[1], N_BINS), 1e-6)
    for pitch, envelope in zip(f0_bin, envelopes, strict=True):
        for order, height in zip(ORDER, envelope, strict=True):
            peak = np.exp(-0.5 * ((bins - order * pitch[:, None]) / SIGMA_BINS) ** 2)
            moduli += height * peak * (pitch[:, None] > 0)
    return moduli.astype(np.float32)
