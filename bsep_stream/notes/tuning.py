"""The tuning of a recording, from the pitches that were found in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bsep_stream.notes.events import A4_KEY

NEAR_CENTS = 10.0
"""Nearer to 440 Hz than this is 440 Hz."""

_CERTAIN = 0.35
"""Length of the mean direction, 0 to 1: pitches all over the semitone have no tuning."""

_FEWEST = 20  # frames with a tone


@dataclass(frozen=True)
class Tuning:
    """Where the keys lie.

    Parameters
    ----------
    a4_hz : float
        Frequency of MIDI key 69.
    cents : float
        Above that of 440 Hz, -50 to 50.
    """

    a4_hz: float = 440.0
    cents: float = 0.0


def find_tuning(f0_hz: NDArray[np.float64], level_db: NDArray[np.float64], lowest_db: float) -> Tuning:
    """The tuning nearest to 440 Hz in which most of the tones are keys.

    Parameters
    ----------
    f0_hz, level_db : ndarray, shape (n_tones, n_frames)
    lowest_db : float
        Softer tones say nothing.

    Returns
    -------
    Tuning
        The usual one if the tones are near it, few, or in no tuning.
    """
    heard = np.isfinite(f0_hz) & (f0_hz > 0.0) & (level_db >= lowest_db)
    if int(heard.sum()) < _FEWEST:
        return Tuning()
    pitch = A4_KEY + 12.0 * np.log2(f0_hz[heard] / 440.0)
    mean = np.exp(2j * np.pi * pitch).mean()
    cents = float(100.0 * np.angle(mean) / (2.0 * np.pi))
    if abs(mean) < _CERTAIN or abs(cents) <= NEAR_CENTS:
        return Tuning()
    return Tuning(float(440.0 * 2.0 ** (cents / 1200.0)), cents)
