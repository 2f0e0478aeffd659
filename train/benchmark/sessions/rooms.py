"""Where a session is recorded, by lot: dry or in a simulated room, in mono or stereo."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bsep_stream.train.benchmark.stereoimages import in_room, panned, room_of

PLACES = {"dry": 0.5, "panned": 0.1, "room": 0.2, "stereo room": 0.2}
"""How often which is drawn: dry and room in mono, the others in stereo."""


def place_of(generator: np.random.Generator) -> str:
    """One of :data:`PLACES`."""
    return str(generator.choice(list(PLACES), p=list(PLACES.values())))


def placed(stems: NDArray[np.float64], place: str, name: str, sample_rate: int) -> NDArray[np.float64]:
    """Stems as a place has them.

    Parameters
    ----------
    stems : ndarray, shape (n_sources, samples)
    place : str
        One of :data:`PLACES`.
    name : str
        Of the session: the room is always the same for the same name.
    sample_rate : int

    Returns
    -------
    ndarray, shape (n_sources, channels, samples or more)

    Raises
    ------
    MissingDependency
        Rooms are simulated by pyroomacoustics.
    """
    if place == "dry":
        return stems[:, None]
    dry = stems.astype(np.float32)
    images = panned(dry) if place == "panned" else in_room(dry, sample_rate, room_of(name, len(dry)))
    return np.asarray(images[:, :1] if place == "room" else images, np.float64)
