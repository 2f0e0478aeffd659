"""What a player sounds like: the harmonics of all his notes by one linear model, in dB.

A harmonic of order h of a note of pitch p is the sum of what belongs to the order, of a tilt, of a difference of odd
and even harmonics, of a tilt that changes with pitch, of a body over the absolute frequency ``p + 12 log2 h``, and of
what this order has at just this pitch (another string, another fingering, another sample); with a free level a note,
and a tilt of its own (played louder, a note is brighter).

What belongs to one pitch is the same in all notes of a player at this pitch. So a note that comes nine times says no
more of what its player sounds like elsewhere than one that is known very well; but it says who else plays this pitch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bsep_stream.train.search.players.evidence import Account, Feature
from bsep_stream.train.search.players.harmonics import N_HARMONICS, NoteHarmonics

_Array = NDArray[np.float64]
_Labels = NDArray[np.int64]

_BODY_SEMITONES = 4.0
_UNKNOWN_DB = 1e3
_FREE_LEVEL_DB = 60.0
_LOW_HARMONICS = 4
_KEPT_PARTS = 4096  # some ten kilobytes each


@dataclass(frozen=True)
class TimbreSpreads:
    """Standard deviations in dB, by which players differ and by which notes of one player do.

    Parameters
    ----------
    order : float
        Of every harmonic.
    tilt : float
        Per octave above the fundamental.
    even : float
        Of the even harmonics against the odd ones.
    tilt_by_pitch : float
        Of the tilt, per octave of pitch.
    body : float
        Over the absolute frequency.
    pitch : float
        Of every harmonic at one pitch, apart from all that.
    note : float
        Of a harmonic from note to note.
    depth : float
        More of that for every dB below the strongest harmonic: weak ones drown in noise and in what other tones leave.
    note_tilt : float
        Of the tilt from note to note, per octave above the fundamental.
    frame : float
        Of a harmonic from frame to frame: short notes are known less well.
    mean_tilt : float
        Of all players, per octave.
    weight : float
        Of the log-likelihood.
    """

    order: float = 5.0
    tilt: float = 4.0
    even: float = 4.0
    tilt_by_pitch: float = 3.0
    body: float = 5.0
    pitch: float = 5.0
    note: float = 2.0
    depth: float = 0.1
    note_tilt: float = 2.0
    frame: float = 5.0
    mean_tilt: float = -8.0
    weight: float = 0.5


def timbre_design(pitch: _Array, spreads: TimbreSpreads) -> _Array:
    """How the weights of a player make the harmonics, shape (n_pitches, N_HARMONICS, n_weights).

    Parameters
    ----------
    pitch : ndarray, shape (n_pitches,)
        In semitones.
    spreads : TimbreSpreads
    """
    order = np.arange(1, N_HARMONICS + 1)
    octaves = np.log2(order)
    n_pitches = len(pitch)
    position = pitch[:, None] + 12 * octaves
    middle, lowest, highest = (pitch.mean(), pitch.min(), position.max()) if n_pitches else (0.0, 0.0, 0.0)
    body = np.arange(lowest, highest + _BODY_SEMITONES, _BODY_SEMITONES)
    parts = [
        spreads.order * np.broadcast_to(np.eye(N_HARMONICS), (n_pitches, N_HARMONICS, N_HARMONICS)),
        np.broadcast_to(spreads.tilt * octaves[:, None], (n_pitches, N_HARMONICS, 1)),
        np.broadcast_to(spreads.even * (order % 2 == 0)[:, None], (n_pitches, N_HARMONICS, 1)),
        spreads.tilt_by_pitch * (octaves * (pitch[:, None] - middle) / 12)[:, :, None],
        spreads.body * _kernel(position[:, :, None] - body, _BODY_SEMITONES),
    ]
    return np.concatenate(parts, axis=2)


def noise_covariance(harmonics: NoteHarmonics, spreads: TimbreSpreads) -> _Array:
    """Covariance of what notes have of their own, in dB squared, shape (n_notes, N_HARMONICS, N_HARMONICS)."""
    octaves = np.log2(np.arange(1, N_HARMONICS + 1))
    known = harmonics.frames > 0
    level = np.where(known, harmonics.level_db, -np.inf)
    below = np.where(known, level.max(axis=1, keepdims=True, initial=-np.inf) - harmonics.level_db, 0.0)
    variance = (spreads.note + spreads.depth * below) ** 2 + spreads.frame**2 / np.maximum(harmonics.frames, 1.0)
    variance = np.where(known, variance, _UNKNOWN_DB**2)
    shared = _FREE_LEVEL_DB**2 + np.outer(octaves, octaves) * spreads.note_tilt**2
    covariance: _Array = shared + variance[:, :, None] * np.eye(N_HARMONICS)
    return covariance


def noise_precision(harmonics: NoteHarmonics, spreads: TimbreSpreads) -> _Array:
    """Inverse of :func:`noise_covariance`, weighed by how much of the low harmonics is open."""
    # Where the low harmonics are hidden, what is left of a note is little more than what other tones leave.
    open_share = (harmonics.frames[:, :_LOW_HARMONICS] > 0).mean(axis=1)
    precision: _Array = open_share[:, None, None] * np.linalg.inv(noise_covariance(harmonics, spreads))
    return precision


def relative_levels(harmonics: NoteHarmonics, spreads: TimbreSpreads) -> _Array:
    """Levels of notes in dB against their mean and the tilt of all players, (n_notes, N_HARMONICS); 0: not known."""
    known = harmonics.frames > 0
    level = (harmonics.level_db * known).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    tilt = spreads.mean_tilt * np.log2(np.arange(1, N_HARMONICS + 1))
    seen: _Array = np.where(known, harmonics.level_db - level[:, None] - tilt, 0.0)
    return seen


def timbre_evidence(
    pitch: _Array, harmonics: NoteHarmonics, n_players: int, spreads: TimbreSpreads | None = None
) -> Feature:
    """What the harmonics of notes say of who plays them.

    Parameters
    ----------
    pitch : ndarray, shape (n_notes,)
        In semitones.
    harmonics : NoteHarmonics
    n_players : int
    spreads : TimbreSpreads, optional
    """
    spreads = spreads or TimbreSpreads()
    seen = relative_levels(harmonics, spreads)
    semitones, place = np.unique(np.rint(pitch), return_inverse=True)
    precision = noise_precision(harmonics, spreads)
    return _Timbre(
        design=timbre_design(semitones, spreads),
        place=place,
        precision=precision,
        information=(precision @ seen[:, :, None])[:, :, 0],
        pitch_variance=spreads.pitch**2,
        n_players=n_players,
        weight=spreads.weight,
    )


class _Timbre:
    """Evidence of a linear model with deviations that all notes of a player at one pitch share.

    Parameters
    ----------
    design : ndarray, shape (n_pitches, n_values, n_weights)
    place : ndarray, shape (n_notes,), int64
        Pitch of every note.
    precision : ndarray, shape (n_notes, n_values, n_values)
        Inverse covariance of what notes have of their own.
    information : ndarray, shape (n_notes, n_values)
        That times what is seen.
    pitch_variance : float
        Of the deviations.
    n_players : int
    weight : float
        Of the log-likelihood.
    """

    def __init__(
        self,
        design: _Array,
        place: _Labels,
        precision: _Array,
        information: _Array,
        pitch_variance: float,
        n_players: int,
        weight: float,
    ) -> None:
        self.place: list[int] = place.tolist()
        self.n_players = n_players
        self.n_weights = design.shape[2]
        self._design, self._precision, self._information = design, precision, information
        self._pitch_variance, self._weight = pitch_variance, weight
        self._parts: dict[frozenset[int], _Part] = {}

    def begin(self, labels: _Labels) -> Account:
        """Account of labels, shape (n_notes,)."""
        held: dict[tuple[int, int], frozenset[int]] = {}
        for note, player in enumerate(labels.tolist()):
            key = player, self.place[note]
            held[key] = held.get(key, frozenset()) | {note}
        matrix = np.zeros((self.n_players, self.n_weights, self.n_weights))
        vector, known = np.zeros((self.n_players, self.n_weights)), np.zeros(self.n_players)
        for (player, _), notes in held.items():
            part = self.part(notes)
            matrix[player] += part.matrix
            vector[player] += part.vector
            known[player] += part.known
        values = np.array([self.of_player(*entry) for entry in zip(matrix, vector, known, strict=True)])
        return _TimbreAccount(self, held, matrix, vector, known, values)

    def part(self, notes: frozenset[int]) -> _Part:
        """What notes of one player at one pitch say, whatever that pitch has of its own."""
        # The same few come together again and again while labels are tried.
        if notes not in self._parts:
            if len(self._parts) >= _KEPT_PARTS:
                self._parts.clear()
            self._parts[notes] = self._part(notes)
        return self._parts[notes]

    def _part(self, notes: frozenset[int]) -> _Part:
        own = sorted(notes)
        design = self._design[self.place[own[0]]]
        precision, information = self._precision[own].sum(axis=0), self._information[own].sum(axis=0)
        inner = np.eye(len(precision)) + self._pitch_variance * precision
        # (I + v P)^-1 (P, q): the sums as they are when the deviations are unknown.
        solved = np.linalg.solve(inner, np.column_stack([precision, information]))
        vector = solved[:, -1]
        known = 0.5 * self._pitch_variance * float(information @ vector)
        known -= 0.5 * float(np.linalg.slogdet(inner)[1])
        return _Part(design.T @ solved[:, :-1] @ design, design.T @ vector, known)

    def of_player(self, matrix: _Array, vector: _Array, known: float) -> float:
        """Log-likelihood of all notes of one player."""
        # The last row of the factor of the matrix with a border is what solving with the factor would give.
        size = len(vector)
        bordered = np.empty((size + 1, size + 1))
        bordered[:-1, :-1] = matrix
        bordered[-1, :-1] = vector
        bordered[-1, -1] = vector @ vector
        bordered.flat[:: size + 2] += 1.0
        factor = np.linalg.cholesky(bordered)
        volume = float(np.log(np.diag(factor)[:-1]).sum())
        solved = factor[-1, :-1]
        return self._weight * (known + 0.5 * float(solved @ solved) - volume)


class _Part(NamedTuple):
    """What notes of one player at one pitch add to his sums over all pitches."""

    matrix: _Array
    vector: _Array
    known: float


class _TimbreAccount(NamedTuple):
    """Notes by player and pitch, sums of every player over all pitches, and their log-likelihoods."""

    timbre: _Timbre
    held: dict[tuple[int, int], frozenset[int]]
    matrix: _Array
    vector: _Array
    known: _Array
    values: _Array

    @property
    def total(self) -> float:
        return float(self.values.sum())

    def after(self, moved: _Labels, before: _Labels, now: _Labels) -> Account:
        """The account when the notes `moved` go from the players `before` to the players `now`."""
        timbre, held = self.timbre, self.held.copy()
        changed: dict[tuple[int, int], frozenset[int]] = {}
        for note, old, new in zip(moved.tolist(), before.tolist(), now.tolist(), strict=True):
            place = timbre.place[note]
            for key in ((old, place), (new, place)):
                changed.setdefault(key, held.get(key, frozenset()))
            held[old, place] = held[old, place] - {note}
            held[new, place] = held.get((new, place), frozenset()) | {note}
        matrix, vector, known, values = (entry.copy() for entry in (self.matrix, self.vector, self.known, self.values))
        for (player, place), notes in changed.items():
            for sign, own in ((-1.0, notes), (1.0, held[player, place])):
                if own:
                    part = timbre.part(own)
                    matrix[player] += sign * part.matrix
                    vector[player] += sign * part.vector
                    known[player] += sign * part.known
        for player in {player for player, _ in changed}:
            values[player] = timbre.of_player(matrix[player], vector[player], known[player])
        return _TimbreAccount(timbre, held, matrix, vector, known, values)


def _kernel(distance: _Array, width: float) -> _Array:
    """Overlapping bells, whose squares sum to about 1 over centres one width apart."""
    bell: _Array = np.exp(-np.square(distance / width)) / 1.12
    return bell
