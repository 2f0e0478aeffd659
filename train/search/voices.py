"""Voices: places for tones at once, as many for every source as its limit says; which of them are decoded together."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, permutations

import torch
from torch import Tensor


class Voices:
    """The voices of all sources; those of one source stand next to each other.

    Parameters
    ----------
    limits : sequence of int
        How many tones every source has at most at once.

    Attributes
    ----------
    sources : tuple of int
        Source of every voice: limits (1, 3) give (0, 1, 1, 1).
    """

    def __init__(self, limits: Sequence[int]) -> None:
        self.limits = tuple(limits)
        self.sources = tuple(source for source, limit in enumerate(limits) for _ in range(limit))

    def __len__(self) -> int:
        return len(self.sources)

    def of(self, source: int) -> range:
        """Voices of one source."""
        first = sum(self.limits[:source])
        return range(first, first + self.limits[source])

    @property
    def chords(self) -> bool:
        """Whether a source has several."""
        return len(self) > len(self.limits)

    @property
    def accompanied(self) -> bool:
        """Whether a source of one tone at a time stands beside one of several."""
        return self.chords and 1 in self.limits

    def pairs(self, sweep: int) -> list[tuple[int, int]]:
        """Voices that are decoded together in a sweep.

        All pairs where every source has one voice. Else only pairs that share no voice, other ones in every sweep, so
        that the time of a sweep grows with the voices and not with their square.
        """
        if len(self) == 1:
            return [(0, 0)]
        if not self.chords:
            return list(combinations(range(len(self)), 2))
        rounds = tournament(len(self))
        return rounds[sweep % len(rounds)]

    def orders(self) -> list[tuple[int, ...]]:
        """Orders of the sources that could differ in what they explain: sources of one limit may be exchanged."""
        n_sources = len(self.limits)
        return [
            order
            for order in permutations(range(n_sources))
            if all(
                first < second or self.limits[first] != self.limits[second] for first, second in combinations(order, 2)
            )
        ]

    def from_above(self, order: Sequence[int], count: int) -> list[int]:
        """Voices of `count` tones from high to low, when the registers of the sources lie in an order.

        Every source has at least one of them, and the others by its share of the voices.
        """
        slots: list[int] = []
        left, voices_left = count, len(self)
        for place, source in enumerate(order):
            limit, sources_left = self.limits[source], len(order) - place - 1
            most = min(limit, left - sources_left)
            least = max(1, left - (voices_left - limit))
            share = min(most, max(least, round(left * limit / voices_left)))
            slots += self.of(source)[:share]
            left, voices_left = left - share, voices_left - limit
        return slots


def tournament(count: int) -> list[list[tuple[int, int]]]:
    """Rounds of disjoint pairs in which everybody meets everybody once (the circle method); one rests if odd."""
    players = list(range(count + count % 2))
    half = len(players) // 2
    rounds = []
    for _ in range(len(players) - 1):
        pairs = zip(players[:half], reversed(players[half:]), strict=True)
        rounds.append([(min(pair), max(pair)) for pair in pairs if max(pair) < count])
        players = [players[0], players[-1], *players[1:-1]]
    return rounds


def high_to_low(f0_bin: Tensor, voices: Voices) -> Tensor:
    """Order in which the sounding voices of every source come first, from high to low, in every frame.

    Parameters
    ----------
    f0_bin : Tensor, shape (n_voices, n_frames)
        0: silent.

    Returns
    -------
    Tensor, shape (n_voices, n_frames), int64
    """
    groups = [voices.of(source) for source in range(len(voices.limits))]
    return torch.cat([f0_bin[list(own)].argsort(dim=0, descending=True, stable=True) + own.start for own in groups])
