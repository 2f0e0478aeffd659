"""What the notes are made of: settings, the tone of a frame, the start of a note, a note that is over."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bsep_stream.errors import ConfigError

A4_KEY = 69
"""MIDI key of the tuning pitch."""

_LOUD_KEY_VELOCITY = 80  # of a note as loud as the recording on the mean
_VELOCITY_DB = 40.0  # General MIDI: level in dB = 40 log10(velocity / 127)


@dataclass(frozen=True)
class NoteSettings:
    """Thresholds of the hysteresis. Levels are relative to that of the recording that the model was trained on.

    Parameters
    ----------
    on_db : float
        What a tone must reach once to become a note. Higher drops quiet notes, lower takes echoes for notes.
    off_db : float
        What keeps a note alive; at most ``on_db``.
    confirm_seconds : float
        How long a tone must be there before it is a note: what is shorter is a mistake of single frames.
    release_seconds : float
        Longest gap within a note.
    reattack_db : float
        Rise of level out of a dip that is a new note of the same pitch.
    hold_cents : float
        How far a tone may be from the pitch of a note, or from its last frame (vibrato, scoops), to belong to it;
        below 100, or a semitone would be no new note.
    a4_hz : float
        Tuning: frequency of MIDI key 69.

    Raises
    ------
    ConfigError
        A value out of range.
    """

    on_db: float = -20.0
    off_db: float = -32.0
    confirm_seconds: float = 0.06
    release_seconds: float = 0.03
    reattack_db: float = 12.0
    hold_cents: float = 50.0
    a4_hz: float = 440.0

    def __post_init__(self) -> None:
        if not -120.0 <= self.off_db <= self.on_db <= 40.0:
            raise ConfigError(f"off_db must be at most on_db, both -120 to 40, got {self.off_db:g} and {self.on_db:g}")
        if not (0.0 <= self.confirm_seconds <= 1.0 and 0.0 <= self.release_seconds <= 1.0):
            raise ConfigError(
                "confirm_seconds and release_seconds must be 0 to 1, got "
                f"{self.confirm_seconds:g} and {self.release_seconds:g}"
            )
        if not (self.reattack_db > 0.0 and 0.0 < self.hold_cents < 100.0):
            raise ConfigError(
                "reattack_db must be above 0 and hold_cents between 0 and 100, got "
                f"{self.reattack_db:g} and {self.hold_cents:g}"
            )
        if not 220.0 <= self.a4_hz <= 880.0:
            raise ConfigError(f"a4_hz must be 220 to 880, got {self.a4_hz:g}")


@dataclass(frozen=True)
class Tone:
    """A tone of one frame.

    Parameters
    ----------
    source : int
    pitch : float
        MIDI key with its fraction: 69.5 is a quarter tone above the tuning pitch.
    level_db : float
        Level, relative to that of the recording that the model was trained on.
    """

    source: int
    pitch: float
    level_db: float


@dataclass(frozen=True)
class NoteStart:
    """A note that has just become certain: what a synthesiser wants to know while playing."""

    source: int
    key: int
    velocity: int
    seconds: float
    """Time of the first frame of the note."""


@dataclass(frozen=True)
class Note:
    """A note that is over.

    Parameters
    ----------
    source : int
    key : int
        MIDI key; that of its :class:`NoteStart`.
    onset_seconds, offset_seconds : float
    pitch : float
        Median over the note, as a MIDI key with its fraction.
    level_db : float
        Loudest frame.
    times : ndarray, shape (n,)
        Seconds of its frames.
    pitches : ndarray, shape (n,)
        Pitch in these frames.
    """

    source: int
    key: int
    onset_seconds: float
    offset_seconds: float
    pitch: float
    level_db: float
    times: NDArray[np.float64] = field(default_factory=lambda: np.empty(0), repr=False, compare=False)
    pitches: NDArray[np.float64] = field(default_factory=lambda: np.empty(0), repr=False, compare=False)

    @property
    def cents(self) -> float:
        """Median pitch above its key."""
        return 100.0 * (self.pitch - self.key)

    @property
    def velocity(self) -> int:
        """MIDI velocity, 1 to 127."""
        return velocity_of(self.level_db)


def velocity_of(level_db: float) -> int:
    """MIDI velocity of a level: 80 for that of the recording, 1 to 127."""
    return int(np.clip(round(_LOUD_KEY_VELOCITY * 10.0 ** (level_db / _VELOCITY_DB)), 1, 127))


def pitch_of(f0_hz: float, a4_hz: float = 440.0) -> float:
    """Frequency as a MIDI key with its fraction."""
    return float(A4_KEY + 12.0 * np.log2(f0_hz / a4_hz))


def frequency_of(pitch: float, a4_hz: float = 440.0) -> float:
    """MIDI key with its fraction as a frequency in Hz."""
    return float(a4_hz * 2.0 ** ((pitch - A4_KEY) / 12.0))
