"""What a player sounds like: the harmonics of all his notes by one linear model, in dB.

A harmonic of order h of a note of pitch p is the sum of what belongs to the order, of a tilt, of a difference of odd and
even harmonics, of a tilt that changes with pitch, of a body over the absolute frequency ``p + 12 log2 h``, and of what
this order has at this pitch; with a free level a note, and a tilt of its own (played louder, a note is brighter).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bsep_stream.train.search.players.evidence import NoteEvidence, linear_evidence
from bsep_stream.train.search.players.harmonics import N_HARMONICS, NoteHarmonics

_Array = NDArray[np.float64]

_BODY_SEMITONES = 4.0
_BUMP_SEMITONES = 4.0
_UNKNOWN_DB = 1e4
_FREE_LEVEL_DB = 60.0
_LITTLE_KNOWN = 1.0
"""Directions of the weights, of which all notes together tell less than so much of the prior, decide nothing."""


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
    bumps : float
        Of every harmonic at one pitch, apart from all that.
    note : float
        Of a harmonic from note to note.
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
    bumps: float = 3.0
    note: float = 3.0
    note_tilt: float = 2.0
    note_even: float = 0.0
    note_smooth: float = 0.0
    length: float = 0.4
    frame: float = 5.0
    mean_tilt: float = -8.0
    weight: float = 0.3


def timbre_design(pitch: _Array, spreads: TimbreSpreads) -> _Array:
    """How the weights of a player make the harmonics, shape (n_notes, N_HARMONICS, n_weights).

    Parameters
    ----------
    pitch : ndarray, shape (n_notes,)
        In semitones.
    spreads : TimbreSpreads
    """
    order = np.arange(1, N_HARMONICS + 1)
    octaves = np.log2(order)
    n_notes = len(pitch)
    position = pitch[:, None] + 12 * octaves
    middle = float(np.median(pitch)) if n_notes else 0.0
    body = np.arange(np.floor(position.min(initial=0.0)), position.max(initial=0.0) + _BODY_SEMITONES, _BODY_SEMITONES)
    bumps = np.arange(np.floor(pitch.min(initial=0.0)), pitch.max(initial=0.0) + _BUMP_SEMITONES, _BUMP_SEMITONES)
    near = _kernel(pitch[:, None] - bumps, _BUMP_SEMITONES)  # (n_notes, n_bumps)
    by_pitch = np.eye(N_HARMONICS)[None, :, :, None] * near[:, None, None]
    parts = [
        spreads.order * np.broadcast_to(np.eye(N_HARMONICS), (n_notes, N_HARMONICS, N_HARMONICS)),
        np.broadcast_to(spreads.tilt * octaves[:, None], (n_notes, N_HARMONICS, 1)),
        np.broadcast_to(spreads.even * (order % 2 == 0)[:, None], (n_notes, N_HARMONICS, 1)),
        spreads.tilt_by_pitch * (octaves * (pitch[:, None] - middle) / 12)[:, :, None],
        spreads.body * _kernel(position[:, :, None] - body, _BODY_SEMITONES),
        spreads.bumps * by_pitch.reshape(n_notes, N_HARMONICS, N_HARMONICS * len(bumps)),
    ]
    return np.concatenate(parts, axis=2)


def noise_precision(harmonics: NoteHarmonics, spreads: TimbreSpreads) -> _Array:
    """Inverse covariance of what notes have of their own, shape (n_notes, N_HARMONICS, N_HARMONICS)."""
    octaves = np.log2(np.arange(1, N_HARMONICS + 1))
    known = harmonics.frames > 0
    variance = spreads.note**2 + spreads.frame**2 / np.maximum(harmonics.frames, 1.0)
    variance = np.where(known, variance, _UNKNOWN_DB**2)
    shared = _FREE_LEVEL_DB**2 + np.outer(octaves, octaves) * spreads.note_tilt**2
    distance = (octaves[:, None] - octaves) / spreads.length
    shared = shared + spreads.note_smooth**2 * np.exp(-0.5 * distance**2)
    covariance = shared + variance[:, :, None] * np.eye(N_HARMONICS)
    precision: _Array = np.linalg.inv(covariance)
    return precision


def timbre_evidence(
    pitch: _Array, harmonics: NoteHarmonics, n_players: int, spreads: TimbreSpreads | None = None
) -> NoteEvidence:
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
    octaves = np.log2(np.arange(1, N_HARMONICS + 1))
    known = harmonics.frames > 0
    level = (harmonics.level_db * known).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    seen = np.where(known, harmonics.level_db - level[:, None] - spreads.mean_tilt * octaves, 0.0)
    design = timbre_design(pitch, spreads)
    full = linear_evidence(design, seen, noise_precision(harmonics, spreads), n_players, spreads.weight)
    return _reduced(full)


def _reduced(evidence: NoteEvidence) -> NoteEvidence:
    """The same in the directions of the weights that the notes tell something about."""
    values, vectors = np.linalg.eigh(evidence.precision.sum(axis=0))
    kept = vectors[:, values > _LITTLE_KNOWN]
    return evidence._replace(
        precision=kept.T @ evidence.precision @ kept,
        information=evidence.information @ kept,
        mean=evidence.mean @ kept,
    )


def _kernel(distance: _Array, width: float) -> _Array:
    """Overlapping bells, whose squares sum to about 1 over centres one width apart."""
    bell: _Array = np.exp(-np.square(distance / width)) / 1.12
    return bell
