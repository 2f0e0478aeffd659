"""Samples as bytes: little-endian, channels in turns, as WAV files and raw pipes have them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class SampleFormat:
    """How a sample is written.

    Parameters
    ----------
    name : str
        As ffmpeg calls it.
    width : int
        Bytes.
    full_scale : float
        The number that means 1; 0 for floating point, which needs none.
    offset : int
        The number that means 0.
    """

    name: str
    width: int
    full_scale: float
    offset: int = 0

    def decode(self, data: bytes, channels: int) -> NDArray[np.float32]:
        """Samples, shape (channels, n), from whole frames; the values are those that libsndfile reads."""
        if self.full_scale == 0:
            numbers = np.frombuffer(data, dtype=f"<f{self.width}").astype(np.float32)
        elif self.width == 3:  # numpy knows no such number: the upper three bytes of one with four
            wide = np.zeros((len(data) // 3, 4), dtype=np.uint8)
            wide[:, 1:] = np.frombuffer(data, dtype=np.uint8).reshape(-1, 3)
            numbers = wide.reshape(-1).view("<i4").astype(np.float32) / np.float32(256 * self.full_scale)
        else:
            kind = "u1" if self.width == 1 else f"<i{self.width}"
            numbers = np.frombuffer(data, dtype=kind).astype(np.float32)
            numbers = (numbers - np.float32(self.offset)) / np.float32(self.full_scale)
        return np.ascontiguousarray(numbers.reshape(-1, channels).T)

    def encode(self, samples: NDArray[np.float32]) -> bytes:
        """Bytes of samples, shape (channels, n); whole numbers are cut off beyond full scale."""
        interleaved = samples.T
        if self.full_scale == 0:
            return interleaved.astype(f"<f{self.width}").tobytes()
        numbers = np.rint(interleaved.astype(np.float64) * self.full_scale)
        numbers = np.clip(numbers, -self.full_scale, self.full_scale - 1) + self.offset
        if self.width == 3:
            return _lower_three_bytes(numbers)
        return numbers.astype("u1" if self.width == 1 else f"<i{self.width}").tobytes()


def _lower_three_bytes(numbers: NDArray[np.float64]) -> bytes:
    return numbers.astype("<i4", order="C").reshape(-1, 1).view(np.uint8)[:, :3].tobytes()


SAMPLE_FORMATS = {
    each.name: each
    for each in (
        SampleFormat("f32le", 4, 0.0),
        SampleFormat("f64le", 8, 0.0),
        SampleFormat("s16le", 2, 2.0**15),
        SampleFormat("s24le", 3, 2.0**23),
        SampleFormat("s32le", 4, 2.0**31),
        SampleFormat("u8", 1, 2.0**7, offset=128),
    )
}
"""All that a WAV usually holds, by name."""
