"""Spectrograms as small whole numbers: what a browser colours as the reader likes it."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bsep_stream.report.pictures import RANGE_DB, audible, log_rows
from bsep_stream.report.subject import Subject
from bsep_stream.words import REMIX

STEPS = 96
"""Levels are told apart in steps of RANGE_DB / STEPS = 0.75 dB: finer than one sees, coarse enough to be small."""

_COLUMNS_PER_SECOND = 50
_MOST_COLUMNS = 2_400  # of a browser's window on a large screen
_FEWEST_COLUMNS = 64
_WINDOW_SECONDS = 0.08


@dataclass(frozen=True)
class Spectrograms:
    """Spectrograms of all tracks on one time axis and one scale.

    Parameters
    ----------
    n_rows, n_columns : int
    octaves : (float, float)
        ``log2`` of the lowest and of the highest frequency.
    levels : dict of str to bytes
        By track: rows from the lowest frequency up, one byte per point from 0 (RANGE_DB below the loudest point of
        the mixture, or less) to STEPS, as differences from the row below, compressed by zlib.
    """

    n_rows: int
    n_columns: int
    octaves: tuple[float, float]
    levels: dict[str, bytes]


def draw_levels(subject: Subject, start_seconds: float, seconds: float) -> Spectrograms:
    """Spectrograms of the mixture, of every stem, and of the remix where there is one.

    Parameters
    ----------
    subject : Subject
        With stems.
    start_seconds, seconds : float
        Which part of them.
    """
    stems = subject.stems
    assert stems is not None
    n_columns = int(np.clip(round(seconds * _COLUMNS_PER_SECOND), _FEWEST_COLUMNS, _MOST_COLUMNS))
    times = start_seconds + (np.arange(n_columns) + 0.5) * seconds / n_columns
    n_fft = 2 * (round(_WINDOW_SECONDS * stems.sample_rate) // 2)
    mixture: NDArray[np.complex64] | None = None
    rows = {}
    for name in subject.ordered_stems():  # one at a time: a complex spectrogram is large
        spectra = stems.spectrogram(name, times, n_fft)
        mixture = spectra if mixture is None else mixture + spectra
        rows[name], _ = log_rows(spectra, stems.sample_rate)
    if stems.remix_path is not None:
        rows[REMIX], _ = log_rows(stems.spectrogram(REMIX, times, n_fft), stems.sample_rate)
    assert mixture is not None  # a folder of stems has at least one
    whole, (low, high) = log_rows(mixture, stems.sample_rate)
    shown = audible(whole, (low, high))
    reference = max(float(whole.max()), 1e-30)
    levels = {name: _pack(each[:shown], reference) for name, each in {"mixture": whole, **rows}.items()}
    return Spectrograms(shown, n_columns, (low, low + (high - low) * shown / len(whole)), levels)


def _pack(rows: NDArray[np.float32], reference: float) -> bytes:
    decibels = 20.0 * np.log10(np.maximum(rows / reference, 1e-10))
    steps = np.clip(np.round((decibels / RANGE_DB + 1.0) * STEPS), 0, STEPS).astype(np.uint8)
    steps[1:] -= steps[:-1].copy()  # modulo 256; neighbours are alike
    return zlib.compress(steps.tobytes(), 9)
