"""Tones of a search shared out anew among the players, note by note."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bsep_stream.train.search.players.decision import Decision, Players
from bsep_stream.train.search.players.evidence import Feature
from bsep_stream.train.search.players.harmonics import NoteHarmonics
from bsep_stream.train.search.players.links import links_between
from bsep_stream.train.search.players.notes import Notes
from bsep_stream.train.search.players.register import register_evidence
from bsep_stream.train.search.players.timbre import timbre_evidence

_SAME_SEMITONES = 0.5

_Array = NDArray[np.float64]


class Tones(NamedTuple):
    """Tones of all voices, those of one source next to each other, each of shape (n_voices, n_frames); 0: silent."""

    f0_bin: _Array
    amplitude: _Array


def note_evidence(pitch: _Array, harmonics: NoteHarmonics, n_players: int) -> list[Feature]:
    """All features of the notes.

    Parameters
    ----------
    pitch : ndarray, shape (n_notes,)
        In semitones.
    harmonics : NoteHarmonics
    n_players : int
    """
    return [timbre_evidence(pitch, harmonics, n_players), register_evidence(pitch, n_players)]


def decide_players(
    notes: Notes,
    evidence: Sequence[Feature],
    limits: Sequence[int],
    readings: Sequence[Tones] = (),
    given: NDArray[np.int64] | None = None,
    seed: int = 0,
) -> Decision:
    """Who plays the notes.

    Parameters
    ----------
    notes : Notes
        Their voices are what the search says.
    evidence : sequence of Feature
    limits : sequence of int
        How many tones every player has at most at once.
    readings : sequence of Tones
        Other explanations of the same frames: who they say plays the notes is tried as well.
    given : ndarray, shape (n_notes,), int64, optional
        Players that are known; -1 elsewhere.
    seed : int
        Of the starts by chance.
    """
    of_voice = np.repeat(np.arange(len(limits)), limits)
    searched = of_voice[notes.voice]
    starts = [searched, *(_read(notes, tones, of_voice, searched) for tones in readings)]
    return Players(evidence, links_between(notes), limits, notes.alive, given).decide(starts, seed)


def shared_out(notes: Notes, labels: NDArray[np.int64], limits: Sequence[int]) -> Tones:
    """The tones of notes in the voices of their players.

    Where a player has more tones than he can play, those that are played come before those that just ring on, and
    the louder ones first; the others are left out.

    Parameters
    ----------
    notes : Notes
    labels : ndarray, shape (n_notes,), int64
    limits : sequence of int
    """
    sounding = notes.number >= 0
    note = np.maximum(notes.number, 0)
    n_frames = notes.number.shape[1]
    player = np.where(sounding, labels[note], -1) if len(labels) else np.full(note.shape, -1)
    alive = notes.alive[note, np.arange(n_frames)] if len(labels) else np.zeros(note.shape)
    rank = notes.amplitude + (1 + notes.amplitude.max(initial=0.0)) * alive
    shared = Tones(np.zeros(notes.number.shape), np.zeros(notes.number.shape))
    first = 0
    for source, limit in enumerate(limits):
        own = np.where(player == source, rank, -1.0)
        chosen = np.argsort(-own, axis=0, kind="stable")[:limit]
        held = np.take_along_axis(own, chosen, axis=0) >= 0
        for values, target in ((notes.f0_bin, shared.f0_bin), (notes.amplitude, shared.amplitude)):
            target[first : first + limit] = np.where(held, np.take_along_axis(values, chosen, axis=0), 0.0)
        first += limit
    return shared


def _read(notes: Notes, tones: Tones, of_voice: NDArray[np.int64], otherwise: NDArray[np.int64]) -> NDArray[np.int64]:
    """Who plays the notes by another explanation: whoever has most of a note's tones there."""
    votes = np.zeros((len(notes), int(of_voice.max()) + 1))
    for row, loud, numbers in zip(notes.f0_bin, notes.amplitude, notes.number, strict=True):
        for other, source in zip(tones.f0_bin, of_voice, strict=True):
            both = np.flatnonzero((numbers >= 0) & (other > 0))
            same = both[np.abs(12 * np.log2(other[both] / row[both])) < _SAME_SEMITONES]
            np.add.at(votes, (numbers[same], source), loud[same])
    labels: NDArray[np.int64] = np.where(votes.any(axis=1), votes.argmax(axis=1), otherwise)
    return labels
