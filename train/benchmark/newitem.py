"""Writes a recording with true stems, as `items.py` reads it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from bsep_stream.files.atomic import whole_file

_PEAK_DBFS = -3.0
_FULL_SCALE = 2**23  # 24 bits


def write_recording(
    folder: Path,
    stems: NDArray[np.float64],
    sample_rate: int,
    instruments: Sequence[dict[str, Any]],
    levels_db: Sequence[float] | NDArray[np.float64] | None = None,
    **about: Any,
) -> Path:
    """Write stems, their sum, and ``meta.json``.

    Parameters
    ----------
    folder : Path
        Is made.
    stems : ndarray, shape (n_sources, samples) or (n_sources, channels, samples)
        None of them silent.
    sample_rate : int
    instruments : sequence of dict
        Of ``meta.json``, each with a ``name``.
    levels_db : sequence of float, optional
        How loud the stems are against each other; else all are as loud.
    **about
        What ``meta.json`` shall say beside them.

    Returns
    -------
    Path
        The folder.
    """
    if stems.ndim == 2:
        stems = stems[:, None]
    gains = 10 ** (np.zeros(len(stems)) if levels_db is None else np.asarray(levels_db) / 20)
    stems = stems * (gains / np.sqrt(np.square(stems).mean(axis=(1, 2))))[:, None, None]
    stems *= 10 ** (_PEAK_DBFS / 20) / np.abs(stems.sum(axis=0)).max()
    whole = np.round(stems * _FULL_SCALE).astype(np.int32)  # integers, so that the mixture is their exact sum
    folder.mkdir(parents=True, exist_ok=True)
    names = [instrument["name"] for instrument in instruments]
    for name, samples in [*zip(names, whole, strict=True), ("mix", whole.sum(axis=0, dtype=np.int32))]:
        with whole_file(folder / f"{name}.flac") as temporary:
            soundfile.write(temporary, samples.T << 8, sample_rate, subtype="PCM_24", format="FLAC")
    meta = {
        "item": folder.name,
        "sample_rate": sample_rate,
        "channels": stems.shape[1],
        **about,
        "instruments": list(instruments),
    }
    with whole_file(folder / "meta.json") as temporary:
        temporary.write_text(json.dumps(meta, indent=1), encoding="utf-8")
    return folder
