"""Where the starts of a search have been: one that comes to where another was goes the same way from there."""

from __future__ import annotations

from itertools import permutations
from typing import NamedTuple

import torch
from torch import Tensor

from bsep_stream.train.search.voices import Voices

SAME_SHARE = 0.015
"""Of the frames that sound: states that differ in no more are the same."""


class Place(NamedTuple):
    """Choices after a sweep, shape (n_frames, n_voices), and whether the next one goes by timbre alone."""

    choice: Tensor
    by_timbre_next: bool


class Visited:
    """Places of the sweeps of all starts so far.

    Every sweep follows from the tones of the one before, so starts that meet end alike. Most do: of the five of a duet
    usually four.

    Parameters
    ----------
    voices : Voices
    """

    def __init__(self, voices: Voices) -> None:
        limits = voices.limits
        # The same players under other names.
        self._orders = [
            [voice for source in order for voice in voices.of(source)]
            for order in permutations(range(len(limits)))
            if all(limits[source] == limits[place] for place, source in enumerate(order))
        ]
        self._places: list[Place] = []

    def add(self, places: list[Place]) -> None:
        """Where one start has been."""
        self._places += places

    def met(self, place: Place) -> bool:
        """Whether another start has been there, whatever it calls the players."""
        return any(
            self._same(place.choice, seen.choice[:, order])
            for seen in self._places
            if seen.by_timbre_next == place.by_timbre_next
            for order in self._orders
        )

    def _same(self, one: Tensor, other: Tensor) -> bool:
        sounding = ((one > 0) | (other > 0)).any(dim=1).sum()
        return bool((one != other).any(dim=1).sum() <= SAME_SHARE * sounding.to(torch.float64))
