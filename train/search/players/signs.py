"""Signs by which the notes of a melody differ from those of chords, whatever the instruments.

What was struck or plucked decays, stands in pitch, is loudest at its beginning and has stiff strings; what is bowed,
blown or sung is none of this. Tones of a chord begin together and are of one level. How much each of that says, and
together with what, is learned (:mod:`.melody`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bsep_stream.train.search.players.brightness import note_brightness
from bsep_stream.train.search.players.company import note_company
from bsep_stream.train.search.players.decay import note_decays
from bsep_stream.train.search.players.glide import motion_error, note_motion
from bsep_stream.train.search.players.harmonics import NoteHarmonics, ToneHarmonics
from bsep_stream.train.search.players.notes import Notes
from bsep_stream.train.search.players.stiffness import note_stiffness

_Array = NDArray[np.float64]


class Signs(NamedTuple):
    """One number for every note, each of shape (n_notes,); NaN where a note does not tell.

    Attributes
    ----------
    slope, slope_error : ndarray
        Change of the level after the attack in dB per second (:mod:`.decay`).
    motion, motion_error : ndarray
        Logarithm of 1 + the motion of the pitch in cents (:mod:`.glide`), and its standard error in cents.
    rank, begun_with, at_once, louder_db : ndarray
        See :class:`.company.Company`.
    length : ndarray
        Logarithm of the frames in which it is played.
    loudest : ndarray
        Where in the note its loudest frame is: 0 at the beginning, 1 at the end.
    tilt, even : ndarray
        See :class:`.brightness.Brightness`.
    stiffness, stiffness_error : ndarray
        See :class:`.stiffness.Stiffness`.
    """

    slope: _Array
    slope_error: _Array
    motion: _Array
    motion_error: _Array
    rank: _Array
    begun_with: _Array
    at_once: _Array
    louder_db: _Array
    length: _Array
    loudest: _Array
    tilt: _Array
    even: _Array
    stiffness: _Array
    stiffness_error: _Array


def note_signs(
    notes: Notes,
    tones: ToneHarmonics,
    harmonics: NoteHarmonics,
    moduli: NDArray[np.float32],
    frame_seconds: float,
) -> Signs:
    """All signs of all notes.

    Parameters
    ----------
    notes : Notes
    tones : ToneHarmonics
    harmonics : NoteHarmonics
    moduli : ndarray, shape (n_frames, n_bins)
    frame_seconds : float
        From frame to frame.
    """
    decays, company = note_decays(notes, tones, frame_seconds), note_company(notes)
    brightness, stiffness = note_brightness(harmonics), note_stiffness(notes, tones, moduli)
    return Signs(
        slope=decays.slope,
        slope_error=decays.error,
        motion=np.log1p(note_motion(notes, tones, moduli)),
        motion_error=motion_error(notes),
        rank=company.rank,
        begun_with=company.begun_with,
        at_once=company.at_once,
        louder_db=company.louder_db,
        length=np.log(np.maximum(notes.alive.sum(axis=1), 1)),
        loudest=_loudest(notes, tones),
        tilt=brightness.tilt,
        even=brightness.even,
        stiffness=stiffness.value,
        stiffness_error=stiffness.error,
    )


def _loudest(notes: Notes, tones: ToneHarmonics) -> _Array:
    place = np.full(len(notes), np.nan)
    amplitude = notes.amplitude[tones.voices, tones.frames]
    for note, own in enumerate(tones.of_notes(notes)):
        if len(own):
            place[note] = amplitude[own].argmax() / len(own)
    return place
