"""Dry stems as they arrive in a stereo recording: by a pan pot, or at two microphones in a room that is simulated.

The image of a source is its sound in both channels. All images together have the power of the dry stems together: a
model was trained at a level.
"""

from __future__ import annotations

from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from bsep_stream.errors import MissingDependency

PAN_DEGREES = (30.0, 65.0)
"""Of the first and the last source; 0 is the first channel alone, 90 the second."""

_Audio = NDArray[np.float32]
_Place = tuple[float, float, float]


@dataclass(frozen=True)
class Room:
    """A shoebox with players in front of two omnidirectional microphones.

    Parameters
    ----------
    size_m : tuple of float
        Width, depth, height.
    reverberation_seconds : float
        By Sabine's formula: 60 dB.
    microphones_m, sources_m : tuple of tuple of float
        Places in the room.
    """

    size_m: _Place
    reverberation_seconds: float
    microphones_m: tuple[_Place, _Place]
    sources_m: tuple[_Place, ...]


def room_of(name: str, n_sources: int) -> Room:
    """The room of an item, always the same for the same name.

    Medium size, 0.3 to 0.6 s, microphones 0.2 to 0.6 m apart, players in a row about 1.8 m in front of them.
    """
    rng = np.random.default_rng(crc32(name.encode()))
    width, depth, height = (float(least + 2.0 * rng.random()) for least in (6.0, 5.0, 3.0))
    middle, front = width / 2, 0.3 * depth
    apart = float(rng.uniform(0.2, 0.6))
    left, right = ((middle + side * apart / 2, front, 1.5) for side in (-1, 1))
    row = np.linspace(-1.2, 1.2, n_sources) + 0.1 * rng.standard_normal(n_sources)
    sources = tuple((middle + float(x), front + float(rng.uniform(1.6, 2.0)), 1.3) for x in row)
    return Room((width, depth, height), float(rng.uniform(0.3, 0.6)), (left, right), sources)


def in_room(stems: _Audio, sample_rate: int, room: Room) -> _Audio:
    """Images of sources in a room, by image sources (Allen, Berkley 1979).

    Parameters
    ----------
    stems : ndarray, shape (n_sources, samples), float32
    sample_rate : int
    room : Room

    Returns
    -------
    ndarray, shape (n_sources, 2, longer), float32
        The room rings on after the last sample.

    Raises
    ------
    MissingDependency
        Without pyroomacoustics.
    """
    try:
        import pyroomacoustics
    except ImportError as error:
        raise MissingDependency(
            "rooms are simulated by pyroomacoustics, which is not installed: pip install 'bsep-stream[rooms]'"
        ) from error
    absorption, order = pyroomacoustics.inverse_sabine(room.reverberation_seconds, room.size_m)
    box = pyroomacoustics.ShoeBox(
        room.size_m, fs=sample_rate, materials=pyroomacoustics.Material(absorption), max_order=order
    )
    for place, stem in zip(room.sources_m, stems, strict=True):
        box.add_source(list(place), signal=stem)
    box.add_microphone_array(np.array(room.microphones_m).T)
    images: NDArray[np.float64] = box.simulate(return_premix=True)
    gain = float(np.sqrt(_power(stems) / _power(images)))
    return (gain * images).astype(np.float32)


def panned(stems: _Audio) -> _Audio:
    """Images of sources that are spread evenly over :data:`PAN_DEGREES` with constant power.

    Parameters
    ----------
    stems : ndarray, shape (n_sources, samples), float32

    Returns
    -------
    ndarray, shape (n_sources, 2, samples), float32
    """
    angles = np.deg2rad(np.linspace(*PAN_DEGREES, len(stems)))
    gains = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    return np.asarray(gains[:, :, None] * stems[:, None])


def _power(audio: NDArray[np.float32] | NDArray[np.float64]) -> float:
    return float(np.square(audio, dtype=np.float64).sum())
