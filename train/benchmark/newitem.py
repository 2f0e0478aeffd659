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
    **about: Any,
) -> Path:
    """Write stems, all as loud as each other, their sum, and ``meta.json``.

    Parameters
    ----------
    folder : Path
        Is made.
    stems : ndarray, shape (n_sources, samples)
        None of them silent.
    sample_rate : int
    instruments : sequence of dict
        Of ``meta.json``, each with a ``name``.
    **about
        What ``meta.json`` shall say beside them.

    Returns
    -------
    Path
        The folder.
    """
    stems = stems / np.sqrt(np.square(stems).mean(axis=1, keepdims=True))
    stems *= 10 ** (_PEAK_DBFS / 20) / np.abs(stems.sum(axis=0)).max()
    whole = np.round(stems * _FULL_SCALE).astype(np.int32)  # integers, so that the mixture is their exact sum
    folder.mkdir(parents=True, exist_ok=True)
    names = [instrument["name"] for instrument in instruments]
    for name, samples in [*zip(names, whole, strict=True), ("mix", whole.sum(axis=0, dtype=np.int32))]:
        with whole_file(folder / f"{name}.flac") as temporary:
            soundfile.write(temporary, samples << 8, sample_rate, subtype="PCM_24", format="FLAC")
    meta = {"item": folder.name, "sample_rate": sample_rate, "channels": 1, **about, "instruments": list(instruments)}
    with whole_file(folder / "meta.json") as temporary:
        temporary.write_text(json.dumps(meta, indent=1), encoding="utf-8")
    return folder
