"""Unisons: notes that two players have together, of which the search hears one.

At one pitch the harmonics of two players fall on each other, and one tone explains them nearly as well as two. So a
note during which another player seems to rest, or has nothing but notes on its harmonics, may be his as well. Signs
speak for it: the timbre of both together (:mod:`.mixture`), a rest of his that is just as long, a level above that of
other notes, his pitches around it, harmonics that beat (:mod:`.beating`), and how loud his notes on them are. How much
each of them says was learned from sessions that are made by seed (``python -m bsep_stream.train.benchmark.unisons``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from bsep_stream.train.search.players.assignment import Tones
from bsep_stream.train.search.players.beating import note_beats
from bsep_stream.train.search.players.harmonics import ToneHarmonics, mean_harmonics
from bsep_stream.train.search.players.links import sounding_together
from bsep_stream.train.search.players.logistic import Logistic
from bsep_stream.train.search.players.mixture import Timbres
from bsep_stream.train.search.players.notes import Notes, note_levels
from bsep_stream.train.search.players.overtones import overtones

SHIPPED = Path(__file__).with_name("unison.safetensors")

RESTING_SHARE = 0.6
"""Of a note's frames in which another player has no tone but on its harmonics: else he has notes of his own."""

_MOST_NATS = 15.0
_MOST_FOR_NATS = 0.5
_GAP_FRAMES = (-10, 99)
_MOST_DB = 30.0
_MOST_BEATS_DB = 3.0
_MOST_OVER_DB = 12.0
_OCTAVE_SEMITONES = 13.0
_STEP_SEMITONES = 2.0
_AROUND_FRAMES = 60
_FAR_SEMITONES = 24.0
_NEAR_SEMITONES = 2.5
_TAIL_FRAMES = 2
_TINY = 1e-9

_Array = NDArray[np.float64]
_Labels = NDArray[np.int64]

Read = Callable[[Notes], ToneHarmonics]
"""Reads the harmonics of notes from the spectra."""


class Signs(NamedTuple):
    """Of one note that another player may have as well.

    Attributes
    ----------
    both : float
        By how much the timbre of both explains it better than that of its own player, in nats: where it does, it says
        no more, as two timbres fit many notes.
    own : float
        By how much the timbre of its player explains it better than that of the other, in nats.
    gap_before, gap_after : float
        Frames from the other player's last tone to its beginning, and from its end to his next tone.
    louder_db : float
        Than the median of its player's notes.
    length : float
        Logarithm of the frames in which it is played.
    nearest : float
        Semitones to the nearest of the other player's notes around it.
    near : float
        1 where that is a note of this pitch, and falling with the distance.
    in_register : float
        Share of the other player's notes that lie within a few semitones of it.
    beats_db : float
        By how much its harmonics move more than those of its player's other notes.
    over : float
        Share of its frames in which the other player has a note on one of its harmonics.
    octave : float
        1 where that is the octave.
    over_db : float
        How much louder that is than this note.
    """

    both: float
    own: float
    gap_before: float
    gap_after: float
    louder_db: float
    length: float
    nearest: float
    near: float
    in_register: float
    beats_db: float
    over: float
    octave: float
    over_db: float


class Candidate(NamedTuple):
    """A note, a player who may have it as well, and notes of his on harmonics of it, which then are none."""

    note: int
    player: int
    overtones: tuple[int, ...]
    signs: Signs


@cache
def shipped_model() -> Logistic:
    """The model that comes with the package."""
    return read_model(SHIPPED)


def read_model(path: Path) -> Logistic:
    """A model from its file."""
    tensors = {name: values.astype(np.float64) for name, values in load_file(path).items()}
    return Logistic(tensors["mean"], tensors["deviation"], tensors["weight"], float(tensors["offset"][0]))


def candidates(notes: Notes, read: Read, labels: _Labels, n_players: int) -> list[Candidate]:
    """Notes during which another player rests, or has nothing but notes on their harmonics, with their signs.

    Parameters
    ----------
    notes : Notes
    read : callable
        Reads the harmonics of notes.
    labels : ndarray, shape (n_notes,), int64
        Who plays them.
    n_players : int
    """
    if not len(notes):
        return []
    over = overtones(notes, *sounding_together(notes))
    foreign = {high for low, highs in over.items() for high in highs if labels[high] != labels[low]}
    # Where both have a note, what lies on its harmonics covers nothing.
    plain = replace(notes, number=np.where(np.isin(notes.number, list(foreign)), -1, notes.number))
    tones = read(plain)
    timbres = Timbres(notes.pitch, mean_harmonics(plain, tones), labels, n_players)
    beats, levels = note_beats(plain, tones), note_levels(notes)
    level = 20 * np.log10(notes.loudness / np.maximum(notes.alive.sum(axis=1), 1) + _TINY)
    found = []
    for player in range(n_players):
        his = labels == player
        playing = notes.alive[his].sum(axis=0)
        for note in np.flatnonzero(~his).tolist():
            frames = np.flatnonzero(notes.alive[note])
            above = [high for high in over.get(note, ()) if his[high]]
            plays = playing > notes.alive[above].sum(axis=0)
            if not len(frames) or not plays.any() or plays[frames].mean() > 1 - RESTING_SHARE:
                continue
            own = int(labels[note])
            others = his.copy()
            others[above] = False
            one, other = timbres.prediction(note, own), timbres.prediction(note, player)
            alone = timbres.alone(note, one)
            both = _bounded(timbres.together(note, one, other) - alone, _MOST_NATS)
            nearest = _nearest(notes, others, note)
            usual = beats[(labels == own) & np.isfinite(beats)]
            signs = Signs(
                both=min(both, _MOST_FOR_NATS),
                own=_bounded(alone - timbres.alone(note, other), _MOST_NATS),
                **_gaps(plays, int(frames[0]), int(frames[-1]) + 1),
                louder_db=_bounded(level[note] - float(np.median(level[labels == own])), _MOST_DB),
                length=float(np.log(len(frames))),
                nearest=nearest,
                near=float(np.exp(-nearest / _STEP_SEMITONES)),
                in_register=float((np.abs(notes.pitch[others] - notes.pitch[note]) < _NEAR_SEMITONES).mean()),
                beats_db=_bounded(np.nan_to_num(beats[note] - np.median(usual)), _MOST_BEATS_DB) if len(usual) else 0.0,
                **_above(notes, levels, frames, note, above),
            )
            found.append(Candidate(note, player, tuple(above), signs))
    return found


def with_unisons(
    tones: Tones, notes: Notes, read: Read, labels: _Labels, given: _Labels, limits: Sequence[int]
) -> Tones:
    """Tones of one player each, where a second player has the notes that are likelier to be of both.

    Parameters
    ----------
    tones : Tones
        As :func:`.assignment.shared_out` has them.
    notes : Notes
    read : callable
        Reads the harmonics of notes.
    labels, given : ndarray, shape (n_notes,), int64
        Who plays the notes, and what is known of it beforehand (-1: nothing): such a note stays as it is.
    limits : sequence of int
        How many tones every player has at most at once.
    """
    if max(limits) > 1:  # who plays chords may have the note of a melody in them: his tones say so themselves
        return tones
    f0_bin, amplitude = tones.f0_bin.copy(), tones.amplitude.copy()
    tried = [entry for entry in candidates(notes, read, labels, len(limits)) if given[entry.note] < 0]
    tried = [entry for entry in tried if not (given[list(entry.overtones)] >= 0).any()]
    odds = shipped_model().log_odds(np.array([entry.signs for entry in tried]).reshape(len(tried), len(Signs._fields)))
    for entry, both in zip(tried, odds > 0, strict=True):
        if not both:
            continue
        voice, frame = np.nonzero(notes.number == entry.note)
        his = labels == entry.player
        his[list(entry.overtones)] = False
        # What only rings on of his last note gives way to this one; of two that he gets at once the latter stays.
        free = notes.alive[entry.note, frame] & ~notes.alive[his][:, frame].any(axis=0)
        free |= tones.f0_bin[entry.player, frame] == 0
        voice, frame = voice[free], frame[free]
        f0_bin[entry.player, frame] = notes.f0_bin[voice, frame]
        amplitude[entry.player, frame] = notes.amplitude[voice, frame]
    return Tones(f0_bin, amplitude)


def _bounded(value: float, most: float) -> float:
    return float(np.clip(value, -most, most))


def _above(notes: Notes, levels: _Array, frames: _Labels, note: int, above: Sequence[int]) -> dict[str, float]:
    """What another player has on the harmonics of a note."""
    covered = notes.alive[above][:, frames]
    both = covered.any(axis=0)
    if not both.any():
        return {"over": 0.0, "octave": 0.0, "over_db": 0.0}
    interval = notes.pitch[above] - notes.pitch[note]
    louder = levels[above][:, frames[both]].max(axis=0).mean() / max(levels[note, frames[both]].mean(), _TINY)
    return {
        "over": float(both.mean()),
        "octave": float((interval < _OCTAVE_SEMITONES).any()),
        "over_db": _bounded(20 * np.log10(louder + _TINY), _MOST_OVER_DB),
    }


def _gaps(plays: NDArray[np.bool_], start: int, end: int) -> dict[str, float]:
    """What is silent of a player around some frames; notes may overlap by a tail."""
    frames = np.flatnonzero(plays)
    before, after = frames[frames < start + _TAIL_FRAMES], frames[frames >= end - _TAIL_FRAMES]
    least, most = _GAP_FRAMES
    gap_before = start - int(before[-1]) if len(before) else most
    gap_after = int(after[0]) - end if len(after) else most
    return {"gap_before": float(np.clip(gap_before, least, most)), "gap_after": float(np.clip(gap_after, least, most))}


def _nearest(notes: Notes, his: NDArray[np.bool_], note: int) -> float:
    """Semitones from a note to the nearest one of a player that sounds not long before or after it."""
    around = his & (notes.end > notes.start[note] - _AROUND_FRAMES) & (notes.start < notes.end[note] + _AROUND_FRAMES)
    distance = np.abs(notes.pitch[around] - notes.pitch[note])
    return float(distance.min(initial=_FAR_SEMITONES))
