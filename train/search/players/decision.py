"""Who plays each note: the labels that the evidence of all notes makes likeliest.

A note is tried with another player together with whatever that moves: notes that sound with it and belong to that
player come back in exchange, and so on until everybody has a player to himself (for two players: a component of the
notes that are linked by sounding together; in general the exchange chain of Kempe). So links always hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bsep_stream.train.search.players.evidence import Feature
from bsep_stream.train.search.players.links import TOGETHER_FRAMES, Links

ANYBODY = -1
_SWEEPS = 20
_TEMPERATURES = (8.0, 4.0, 2.0, 1.0, 0.5)
_RANDOM_STARTS = 4  # for every player but one
NATS_PER_CHANGE = 1.0
"""By so much per exchange the evidence must rise, or the first labels are kept."""

_Labels = NDArray[np.int64]


class Decision(NamedTuple):
    """Players of all notes.

    Attributes
    ----------
    labels : ndarray, shape (n_notes,), int64
    evidence : float
        In nats, up to what does not depend on the labels.
    margin : ndarray, shape (n_notes,)
        What the evidence loses, in nats, when a note is given to the next likely player; inf where it cannot.
    """

    labels: _Labels
    evidence: float
    margin: NDArray[np.float64]


class Players:
    """Notes, what is known of them, and the search for the likeliest labels.

    Parameters
    ----------
    evidence : sequence of Feature
        Their log-likelihoods are added up.
    links : Links
    limits : sequence of int
        How many notes every player can play at once.
    alive : ndarray, shape (n_notes, n_frames), bool
        Frames in which notes are played: counted for players of several notes.
    given : ndarray, shape (n_notes,), int64, optional
        Players that are known; `ANYBODY` elsewhere.
    """

    def __init__(
        self,
        evidence: Sequence[Feature],
        links: Links,
        limits: Sequence[int],
        alive: NDArray[np.bool_],
        given: _Labels | None = None,
    ) -> None:
        self.limits = tuple(limits)
        self.n_notes = len(alive)
        self.features = list(evidence)
        self._alive = alive
        self._given = np.full(self.n_notes, ANYBODY) if given is None else given
        self._links = links
        self.single = np.array(self.limits) == 1
        self._apart: list[list[int]] = [[] for _ in range(self.n_notes)]
        self.pair_costs = np.zeros((self.n_notes, self.n_notes))
        for (one, other), nats in zip(links.rather_apart.tolist(), links.nats.tolist(), strict=True):
            self.pair_costs[one, other] += nats
            self.pair_costs[other, one] += nats

    def decide(self, starts: Sequence[_Labels], seed: int = 0, nats_per_change: float = NATS_PER_CHANGE) -> Decision:
        """The likeliest labels; the first of the starts is kept unless others are likelier by far.

        Parameters
        ----------
        starts : sequence of ndarray, shape (n_notes,), int64
            Labels to begin with, the first those of the search.
        seed : int
            Of the starts by chance.
        nats_per_change : float
        """
        generator = np.random.default_rng(seed)
        starts = [self._named(labels) for labels in starts]
        first = self._with_given(starts[0])
        self._set_links(first)
        begun = {self._repaired(labels, first).tobytes(): labels for labels in starts}
        found = [self._climb(self._repaired(labels, first), generator) for labels in begun.values()]
        for _ in range(_RANDOM_STARTS * (len(self.limits) - 1) if self.n_notes > 1 else 0):
            found.append(self._climb(self._annealed(first, generator), generator))
        kept = self._climb(first, generator, nats_per_change)
        best = max(found, key=self.total)
        changed = self._n_changes(first, best)
        if self.total(best) < self.total(kept) + nats_per_change * max(0, changed - self._n_changes(first, kept)):
            best = kept
        return Decision(best, self.total(best), self._margins(best))

    def total(self, labels: _Labels) -> float:
        """Evidence of labels in nats."""
        total = sum(feature.begin(labels).total for feature in self.features)
        one, other = self._links.rather_apart.T
        same = (labels[one] == labels[other]) & self.single[labels[one]]
        return total - float(self._links.nats[same].sum())

    def exchange(self, labels: _Labels, note: int, player: int) -> _Labels | None:
        """Labels in which a note has another player, with all that this moves; None if it cannot."""
        origin = int(labels[note])
        goals = {origin: player, player: origin}
        changed, waiting = labels.copy(), [note]
        while waiting:
            number = waiting.pop()
            goal = goals[int(labels[number])]
            if self._given[number] not in (ANYBODY, goal):
                return None
            changed[number] = goal
            if self.limits[goal] == 1:
                # Moved notes no longer have the goal's label but for those that came to it.
                waiting += [i for i in self._apart[number] if labels[i] == goal and changed[i] == goal]
        for goal in {origin, player}:
            if self.limits[goal] > 1 and self._overfull(changed, goal) > self._overfull(labels, goal):
                return None
        return changed

    def _overfull(self, labels: _Labels, player: int) -> int:
        """Frames in which a player of several notes would have too many; a few may be tails."""
        count = self._alive[labels == player].sum(axis=0)
        frames = int((count > self.limits[player]).sum())
        return frames if frames >= TOGETHER_FRAMES else 0

    def _set_links(self, first: _Labels) -> None:
        """Links that hold in the first labels; where the search says otherwise, it may be right."""
        self._apart = [[] for _ in range(self.n_notes)]
        for one, other in self._links.apart.tolist():
            if first[one] != first[other] or not self.single[first[one]]:
                self._apart[one].append(other)
                self._apart[other].append(one)

    def _named(self, labels: _Labels) -> _Labels:
        """Labels under those names of the players that agree best with what is given."""
        known = self._given != ANYBODY
        places = range(len(self.limits))
        orders = [o for o in permutations(places) if all(self.limits[i] == self.limits[o[i]] for i in places)]
        loud = self._alive.sum(axis=1)[known]

        def agreement(order: tuple[int, ...]) -> float:
            return float(loud[np.array(order)[labels[known]] == self._given[known]].sum())

        named: _Labels = np.array(max(orders, key=agreement))[labels]
        return named

    def _with_given(self, labels: _Labels) -> _Labels:
        """Labels with the given ones, which move what sounds with them."""
        known = np.flatnonzero(self._given != ANYBODY)
        if not len(known):
            return labels.copy()
        changed = labels.copy()
        changed[known] = self._given[known]
        linked: list[list[int]] = [[] for _ in range(self.n_notes)]
        for one, other in self._links.apart.tolist():
            linked[one].append(other)
            linked[other].append(one)
        settled, waiting = set(known.tolist()), known.tolist()
        while waiting:
            note = waiting.pop()
            player = int(changed[note])
            for other in linked[note]:
                if self.limits[player] > 1 or changed[other] != player or other in settled:
                    continue
                free = [
                    goal
                    for goal in range(len(self.limits))
                    if goal != player
                    and not (self.limits[goal] == 1 and any(changed[i] == goal and i in settled for i in linked[other]))
                ]
                if free:
                    changed[other] = free[0] if labels[note] not in free else labels[note]
                    settled.add(other)
                    waiting.append(other)
        return changed

    def _repaired(self, labels: _Labels, first: _Labels) -> _Labels:
        """As near to `labels` as exchanges come from `first`, in which all links hold."""
        current = first
        for note in range(self.n_notes):
            if current[note] != labels[note]:
                changed = self.exchange(current, note, int(labels[note]))
                if changed is not None and (changed == labels).sum() > (current == labels).sum():
                    current = changed
        return current

    def _moves(self, labels: _Labels, generator: np.random.Generator) -> Iterator[_Labels]:
        """A sweep of exchanges, each of which starts from what `labels` holds by then; none is tried twice."""
        tried = np.zeros((self.n_notes, len(self.limits)), bool)
        for note in generator.permutation(self.n_notes):
            for player in range(len(self.limits)):
                if player == labels[note] or tried[note, player]:
                    continue
                after = self.exchange(labels, int(note), player)
                if after is not None:
                    moved = np.flatnonzero(after != labels)
                    tried[moved, after[moved]] = True
                    yield after

    def _climb(self, labels: _Labels, generator: np.random.Generator, least: float = 1e-6) -> _Labels:
        """Exchanges that raise the evidence, until there are none."""
        state = _State(self, labels)
        for _ in range(_SWEEPS):
            risen = False
            for after in self._moves(state.labels, generator):
                if state.gain(after) > least:
                    state.move(after)
                    risen = True
            if not risen:
                break
        return state.labels

    def _annealed(self, labels: _Labels, generator: np.random.Generator) -> _Labels:
        """From labels by chance, with exchanges that may lower the evidence, ever less."""
        labels = labels.copy()
        for after in self._moves(labels, generator):
            if generator.random() < 0.5:
                labels[:] = after
        state = _State(self, labels)
        for temperature in _TEMPERATURES:
            for after in self._moves(state.labels, generator):
                if np.log(generator.random()) < state.gain(after) / temperature:
                    state.move(after)
        return state.labels

    def _n_changes(self, first: _Labels, last: _Labels) -> int:
        """How many exchanges lead from one labelling to another, at most."""
        current, count = first, 0
        for note in np.flatnonzero(first != last):
            if current[note] == last[note]:
                continue
            changed = self.exchange(current, int(note), int(last[note]))
            if changed is not None:
                current = changed
            count += 1
        return count

    def _margins(self, labels: _Labels) -> NDArray[np.float64]:
        state = _State(self, labels)
        margin = np.full(self.n_notes, np.inf)
        for after in self._moves(labels, np.random.default_rng(0)):
            moved = after != labels
            margin[moved] = np.minimum(margin[moved], -state.gain(after))
        return margin


class _State:
    """Labels, and what every feature makes of them."""

    def __init__(self, players: Players, labels: _Labels) -> None:
        self._players = players
        self.labels = labels.copy()
        self._accounts = [feature.begin(labels) for feature in players.features]

    def gain(self, labels: _Labels) -> float:
        """What the evidence gains by other labels."""
        moved = np.flatnonzero(labels != self.labels)
        before, now = self.labels[moved], labels[moved]
        self._tried = [account.after(moved, before, now) for account in self._accounts]
        gain = sum(new.total - old.total for new, old in zip(self._tried, self._accounts, strict=True))
        single = self._players.single
        same_before = (before[:, None] == self.labels) & single[before, None]
        same_after = (now[:, None] == labels) & single[now, None]
        # A pair of two moved notes is seen from both sides.
        share = np.ones(len(self.labels))
        share[moved] = 0.5
        cost = self._players.pair_costs[moved] * share
        return gain - float((cost * (same_after.astype(float) - same_before)).sum())

    def move(self, labels: _Labels) -> None:
        """Take the labels whose gain was asked for last, in place."""
        self._accounts = self._tried
        self.labels[:] = labels
