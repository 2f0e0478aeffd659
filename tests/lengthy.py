"""A sound, how it is written, and what is heard and told of it."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from bsep_stream.files.audiofile import Recording, read_recording
from bsep_stream.spoken import AudioWarning

RATE, N = 48_000, 60_000


@pytest.fixture
def sound(rng: np.random.Generator) -> NDArray[np.float64]:
    """Quiet, then loud: the bit rate of an MP3 changes."""
    return np.concatenate([1e-4 * rng.standard_normal(N // 2), 0.2 * rng.standard_normal(N // 2)])


def written(path: Path, sound: NDArray[np.float64], kind: str, subtype: str = "PCM_16", **how: object) -> bytearray:
    soundfile.write(path, sound, RATE, format=kind, subtype=subtype, **how)
    return bytearray(path.read_bytes())


def heard(path: Path, *, told: bool = True) -> tuple[NDArray[np.float32], list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        audio = read_recording(path)[0]
    with Recording(path) as recording:
        assert recording.n_samples == audio.shape[1] or not told
    return audio, [str(each.message) for each in caught if issubclass(each.category, AudioWarning)]


def wav(size: int, riff: int) -> Callable[[bytearray], bytes]:
    def change(content: bytearray) -> bytes:
        at = content.index(b"data") + 4
        content[at : at + 4], content[4:8] = struct.pack("<I", size), struct.pack("<I", riff)
        return bytes(content)

    return change
