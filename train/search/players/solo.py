"""The likeliest notes of a player of one tone at a time, when every note has its odds: a path through the notes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Evidence(Protocol):
    """A feature, as :class:`evidence.NoteEvidence`."""

    @property
    def precision(self) -> NDArray[np.float64]: ...

    @property
    def information(self) -> NDArray[np.float64]: ...

    def of_player(
        self, player: int, precision: NDArray[np.float64], information: NDArray[np.float64]
    ) -> NDArray[np.float64]: ...


def best_solo(start: NDArray[np.int64], end: NDArray[np.int64], odds: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Notes that follow one another and whose odds have the largest sum (weighted interval scheduling, exact).

    Parameters
    ----------
    start, end : ndarray, shape (n_notes,), int64
        First frame, and the one after the last.
    odds : ndarray, shape (n_notes,)
        Notes below 0 are nobody's.

    Returns
    -------
    ndarray, shape (n_notes,), bool
    """
    order = np.argsort(end, kind="stable")
    ends = end[order]
    total, taken = [0.0], []
    before = np.searchsorted(ends, start[order], side="right")
    for place, note in enumerate(order):
        fits = min(int(before[place]), place)
        with_it = total[fits] + float(odds[note])
        taken.append(with_it > total[place])
        total.append(max(with_it, total[place]))
    chosen = np.zeros(len(order), bool)
    place = len(order) - 1
    while place >= 0:
        if taken[place]:
            chosen[order[place]] = True
            place = min(int(before[place]), place) - 1
        else:
            place -= 1
    return chosen


def note_odds(
    evidence: Sequence[Evidence], labels: NDArray[np.int64], player: int, other: int
) -> NDArray[np.float64]:
    """How much likelier every note is one player's than another's, when all other notes stay where they are, in nats.

    Parameters
    ----------
    evidence : sequence of Evidence
        Features.
    labels : ndarray, shape (n_notes,), int64
    player, other : int

    Returns
    -------
    ndarray, shape (n_notes,)
    """
    odds = np.zeros(len(labels))
    for feature in evidence:
        for who, sign in ((player, 1.0), (other, -1.0)):
            own = (labels == who).astype(float)
            precision = feature.precision[labels == who].sum(axis=0) - own[:, None, None] * feature.precision
            information = feature.information[labels == who].sum(axis=0) - own[:, None] * feature.information
            without = feature.of_player(who, precision, information)
            with_it = feature.of_player(who, precision + feature.precision, information + feature.information)
            odds += sign * (with_it - without)
    return odds
