"""Who plays the melody: the likeliest path through the notes for every player of one tone at a time.

Beside a player of chords an exchange of single notes gets stuck: four tones sound with every note of a melody, and each
of them may be it. But given what both players sound like, the likeliest melody as a whole is found exactly, as it
is a path of notes that follow one another. So models and paths are made in turns, from several first melodies.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from bsep_stream.train.search.players.decision import ANYBODY, Decision
from bsep_stream.train.search.players.evidence import Feature
from bsep_stream.train.search.players.notes import Notes

_OVERLAP_FRAMES = 4
"""Of two notes of one melody, at most: legato, and the length of a frame."""

_ROUNDS = 10
_LEANINGS = (0.0, -1.0, 1.0)
"""Nats for every standard deviation of pitch, in the first melodies."""

_CERTAIN = 1e6
_TINY = 1e-12

_Array = NDArray[np.float64]
_Labels = NDArray[np.int64]


def decide_solos(
    notes: Notes, evidence: Sequence[Feature], limits: Sequence[int], first: _Array, given: _Labels | None = None
) -> Decision:
    """Who plays the notes, where some players have one tone at a time and others several.

    Parameters
    ----------
    notes : Notes
    evidence : sequence of Feature
    limits : sequence of int
        How many tones every player has at most at once: one has 1, one has more.
    first : ndarray, shape (n_notes, n_players)
        Log-likelihood of every note by player, for the first melody.
    given : ndarray, shape (n_notes,), int64, optional
        Players that are known; -1 elsewhere.
    """
    given = np.full(len(notes), ANYBODY) if given is None else given
    model = _Solos(notes, evidence, limits, given)
    found = [model.improved(labels) for labels in model.starts(first)]
    labels, total = max(found, key=lambda entry: entry[1])
    values = model.values(labels)
    own = np.take_along_axis(values, labels[:, None], axis=1)[:, 0]
    np.put_along_axis(values, labels[:, None], -np.inf, axis=1)
    return Decision(labels, total, own - values.max(axis=1))


class _Solos:
    def __init__(self, notes: Notes, evidence: Sequence[Feature], limits: Sequence[int], given: _Labels) -> None:
        self._notes, self._evidence, self._given = notes, evidence, given
        self._n_players = len(limits)
        self._solos = [player for player, limit in enumerate(limits) if limit == 1]
        self._others = [player for player, limit in enumerate(limits) if limit > 1]
        n_frames = notes.alive.shape[1]
        self._start = notes.alive.argmax(axis=1)
        end = n_frames - notes.alive[:, ::-1].argmax(axis=1)
        self._end = np.maximum(self._start + 1, end - _OVERLAP_FRAMES)
        self._loudness = notes.loudness / max(float(notes.loudness.mean()), _TINY) if len(notes) else notes.loudness

    def starts(self, first: _Array) -> Iterator[_Labels]:
        """Melodies of what every note says for itself; and with a leaning to low notes, or to high ones."""
        pitch = self._notes.pitch
        side = np.zeros(self._n_players)
        side[self._solos] = 1.0
        height = (pitch - pitch.mean()) / max(float(pitch.std()), _TINY) if len(pitch) else pitch
        for leaning in _LEANINGS:
            yield self._paths(first + leaning * height[:, None] * side, np.full(len(first), self._others[0]))

    def values(self, labels: _Labels) -> _Array:
        """What the evidence gains when a note goes to a player and all others stay, in nats."""
        accounts = [feature.begin(labels) for feature in self._evidence]
        values = np.zeros((len(labels), self._n_players))
        for note, own in enumerate(labels.tolist()):
            for player in range(self._n_players):
                if player != own:
                    move = np.array([note]), np.array([own]), np.array([player])
                    values[note, player] = sum(account.after(*move).total - account.total for account in accounts)
        return values

    def total(self, labels: _Labels) -> float:
        """Evidence of labels in nats."""
        return sum(feature.begin(labels).total for feature in self._evidence)

    def improved(self, labels: _Labels) -> tuple[_Labels, float]:
        """Models and paths in turns: the likeliest labels on the way, and their evidence."""
        best, largest = labels, self.total(labels)
        for _ in range(_ROUNDS):
            after = self._paths(self.values(labels), labels)
            if np.array_equal(after, labels):
                break
            labels = after
            total = self.total(labels)
            if total > largest:
                best, largest = labels, total
        return best, largest

    def _paths(self, values: _Array, labels: _Labels) -> _Labels:
        """Labels in which every solo player has his best path through what the other solo players leave."""
        labels = labels.copy()
        rest = np.array(self._others)[values[:, self._others].argmax(axis=1)]
        for player in self._solos:
            labels[labels == player] = ANYBODY
            odds = values[:, player] - values[np.arange(len(rest)), rest]
            odds = self._loudness * np.tanh(odds / 2)
            odds[self._given == player] = _CERTAIN
            taken = (self._given != ANYBODY) & (self._given != player)
            for other in self._solos:
                taken |= (labels == other) & (other != player)
            odds[taken] = -_CERTAIN
            labels[best_path(self._start, self._end, odds)] = player
        solo = np.isin(labels, self._solos)
        labels[~solo] = np.where(np.isin(self._given, self._others), self._given, rest)[~solo]
        return labels


def best_path(start: NDArray[np.int64], end: NDArray[np.int64], odds: _Array) -> NDArray[np.bool_]:
    """Notes that follow one another and whose odds have the largest sum (weighted interval scheduling, exact).

    Parameters
    ----------
    start, end : ndarray, shape (n_notes,), int64
        First frame, and the one after the last.
    odds : ndarray, shape (n_notes,)
        Notes below 0 are never taken.

    Returns
    -------
    ndarray, shape (n_notes,), bool
    """
    order = np.argsort(end, kind="stable")
    # How many notes, in this order, have ended when a note begins.
    before = np.minimum(np.searchsorted(end[order], start[order], side="right"), np.arange(len(order)))
    total = [0.0]
    for place, note in enumerate(order):
        total.append(max(total[place], total[before[place]] + float(odds[note])))
    chosen = np.zeros(len(order), bool)
    place = len(order)
    while place:
        if total[place] > total[place - 1]:
            chosen[order[place - 1]] = True
            place = int(before[place - 1])
        else:
            place -= 1
    return chosen
