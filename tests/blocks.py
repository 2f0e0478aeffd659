"""Audio through a stream in blocks of any sizes."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import cycle

import numpy as np
from numpy.typing import NDArray

from bsep_stream.separator import StreamingSeparator

SUM_TOLERANCE = 1e-6  # of full scale: a few roundings of float32 in the sum of three stems
ROUNDING = 2e-6  # FFT and its inverse in float32, for audio within +-1


def stream(separator: StreamingSeparator, audio: NDArray[np.float32], sizes: Iterable[int]) -> NDArray[np.float32]:
    """Everything that the separator returns for audio in blocks, with the flush."""
    pieces, start = [], 0
    for size in cycle(sizes):
        if start >= audio.shape[-1]:
            break
        pieces.append(separator.process(audio[..., start : start + size]))
        start += size
    return np.concatenate([*pieces, separator.flush()], axis=-1)


def noise(rng: np.random.Generator, channels: int, n: int) -> NDArray[np.float32]:
    return (0.2 * rng.standard_normal((channels, n))).astype(np.float32)
