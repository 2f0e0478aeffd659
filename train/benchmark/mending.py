"""Tones with one kind of their errors mended by the truth.

In every frame a tone that was found is paired with a true one: of its own source at its pitch (right), else of another
source at its pitch (the wrong player), else of its own at twice to six times the pitch or a part of it (a harmonic),
else with whatever its source truly has (wrong). What has no partner sounds where nobody plays (surplus), or is missed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import permutations, product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bsep_stream.train.benchmark.diagnostics import RIGHT_CENTS

KINDS = ("as heard", "silence", "players", "harmonics", "edges", "others", "all")
"""What is true: nothing; who is silent; who plays a tone; which harmonic of it is the first; all within a window's
reach of the beginnings and ends of notes; what is missed or wrong otherwise; everything."""

_HIGHEST_RATIO = 6

Tones = NDArray[np.float32]


class Tone(NamedTuple):
    """A tone of a frame."""

    source: int
    f0_bin: float


class Sorted(NamedTuple):
    """The tones of a frame by what is wrong with them; pairs are (found, true)."""

    right: list[tuple[Tone, Tone]]
    players: list[tuple[Tone, Tone]]
    harmonics: list[tuple[Tone, Tone]]
    wrong: list[tuple[Tone, Tone]]
    surplus: list[Tone]
    missed: list[Tone]


def mended(found: Tones, true: Tones, sources: Sequence[int], edges: NDArray[np.bool_]) -> dict[str, Tones]:
    """Tones with one kind of errors less, by :data:`KINDS`.

    Parameters
    ----------
    found, true : ndarray, shape (n_tones, n_frames), float32
        f0 in bins, 0: no tone.
    sources : sequence of int
        Source of every tone; those of one source stand next to each other.
    edges : ndarray, shape (n_sources, n_frames), bool
        Where a note of the source begins or ends.

    Returns
    -------
    dict of ndarray
        Each of shape (n_tones, n_frames), the tones of a source from high to low.
    """
    results = {kind: np.zeros_like(found) for kind in KINDS}
    for frame in range(found.shape[1]):
        heard, played = _tones(found[:, frame], sources), _tones(true[:, frame], sources)
        by_kind = _mended_frame(heard, played, edges[:, frame])
        for kind, tones in by_kind.items():
            results[kind][:, frame] = _rows(tones, sources)
    return results


def sorted_tones(heard: Sequence[Tone], played: Sequence[Tone]) -> Sorted:
    """Pairs of the tones of a frame, and what is left; see the head of this module."""
    left, open_ = list(heard), list(played)
    result = Sorted([], [], [], [], [], [])
    rules: tuple[tuple[list[tuple[Tone, Tone]], Callable[[Tone, Tone], bool]], ...] = (
        (result.right, lambda one, other: one.source == other.source and _cents(one, other) <= RIGHT_CENTS),
        (result.players, lambda one, other: _cents(one, other) <= RIGHT_CENTS),
        (result.harmonics, lambda one, other: one.source == other.source and _is_harmonic(one, other)),
        (result.wrong, lambda one, other: one.source == other.source),
    )
    for pairs, fits in rules:
        for one in list(left):
            partners = [other for other in open_ if fits(one, other)]
            if partners:
                nearest = min(partners, key=lambda other: _cents(one, other))
                pairs.append((one, nearest))
                left.remove(one)
                open_.remove(nearest)
    result.surplus.extend(left)
    result.missed.extend(open_)
    return result


def players_order(found: Tones, true: Tones, sources: Sequence[int]) -> tuple[int, ...]:
    """Source of `found` for every true one, such that most tones are right; only sources of one limit change places."""
    numbers = np.asarray(sources)
    n_sources = int(numbers.max()) + 1
    limits = [int((numbers == source).sum()) for source in range(n_sources)]
    right = np.zeros((n_sources, n_sources))
    for own, other in product(range(n_sources), repeat=2):
        pairs = product(true[numbers == own], found[numbers == other])
        right[own, other] = sum(int((_interval(one, another) <= RIGHT_CENTS).sum()) for one, another in pairs)
    orders = [
        order
        for order in permutations(range(n_sources))
        if all(limits[own] == limits[other] for own, other in enumerate(order))
    ]
    return max(orders, key=lambda order: sum(right[own, other] for own, other in enumerate(order)))


def in_order(found: Tones, sources: Sequence[int], order: Sequence[int]) -> Tones:
    """Rows of `found` such that source j has what ``order[j]`` had."""
    numbers = np.asarray(sources)
    return np.concatenate([found[numbers == source] for source in order])


def _mended_frame(heard: Sequence[Tone], played: Sequence[Tone], edges: NDArray[np.bool_]) -> dict[str, list[Tone]]:
    kinds = sorted_tones(heard, played)
    sounding = {tone.source for tone in played}
    handed = {one: one._replace(source=other.source) for one, other in kinds.players}
    harmonic, wrong = dict(kinds.harmonics), dict(kinds.wrong)
    nobodys = set(kinds.surplus) | {one for one in handed if one.source not in sounding}
    at_edge = [tone for tone in played if edges[tone.source]]
    return {
        "as heard": list(heard),
        "silence": [tone for tone in heard if tone not in nobodys],
        "players": [handed.get(tone, tone) for tone in heard],
        "harmonics": [harmonic.get(tone, tone) for tone in heard],
        "edges": at_edge + [tone for tone in heard if not edges[tone.source]],
        "others": [wrong.get(tone, tone) for tone in heard] + kinds.missed,
        "all": list(played),
    }


def _tones(f0_bin: NDArray[np.float32], sources: Sequence[int]) -> list[Tone]:
    return [Tone(source, float(f0)) for source, f0 in zip(sources, f0_bin, strict=True) if f0 > 0]


def _rows(tones: Sequence[Tone], sources: Sequence[int]) -> list[float]:
    """A frame; a source that has more tones than it may keeps those that come first."""
    rows = []
    for source in dict.fromkeys(sources):
        limit = list(sources).count(source)
        own = [tone.f0_bin for tone in dict.fromkeys(tones) if tone.source == source][:limit]
        rows += sorted(own, reverse=True) + [0.0] * (limit - len(own))
    return rows


def _cents(one: Tone, other: Tone) -> float:
    return abs(1200 * float(np.log2(one.f0_bin / other.f0_bin)))


def _is_harmonic(one: Tone, other: Tone) -> bool:
    cents = _cents(one, other)
    return any(abs(cents - 1200 * np.log2(ratio)) <= RIGHT_CENTS for ratio in range(2, _HIGHEST_RATIO + 1))


def _interval(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore", invalid="ignore"):
        cents = np.abs(1200 * np.log2(one.astype(np.float64) / other))
    return np.where((one > 0) & (other > 0), cents, np.inf)
