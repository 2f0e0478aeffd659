"""Gestures as sound: MIDI with pitch wheels and expression, played by FluidSynth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bsep_stream.errors import ConfigError, MissingDependency
from bsep_stream.train.benchmark.chords import (
    BEND_CENTS,
    CHANNELS,
    RATE,
    REST_SECONDS,
    TICKS_PER_SECOND,
    sound_of,
)
from bsep_stream.train.benchmark.sessions.expression import Gesture

if TYPE_CHECKING:
    import mido

_WHEEL = 8192
_EXPRESSION = 11  # controller; 40 dB a decade of its value
_LEAST_EXPRESSION = 20


class Soundfont(NamedTuple):
    """A free soundfont of Debian."""

    name: str
    package: str
    licence: str
    places: tuple[str, ...]

    def path(self) -> Path:
        """Where it is; ConfigError if it is nowhere."""
        for place in self.places:
            if Path(place).is_file():
                return Path(place)
        raise ConfigError(f"{self.name} is not at {' nor '.join(self.places)}: apt-get install {self.package}")


FLUID = Soundfont("FluidR3_GM", "fluid-soundfont-gm", "MIT", ("/usr/share/sounds/sf2/FluidR3_GM.sf2",))
"""By Frank Wen and others."""

MUSESCORE = Soundfont(
    "MuseScore_General",
    "musescore-general-soundfont",
    "MIT, parts in the public domain or CC0",
    ("/usr/share/sounds/sf3/MuseScore_General_Full.sf3", "/usr/share/sounds/sf3/MuseScore_General.sf3"),
)
"""By S. Christian Collins, Michael Cowgill, Frank Wen and others."""

SOUNDFONTS = (FLUID, MUSESCORE)


def rendered(gestures: Sequence[Gesture], program: int, soundfont: Soundfont) -> NDArray[np.float64]:
    """The sound of one instrument, dry, both channels in one, shape (samples,).

    Parameters
    ----------
    gestures : sequence of Gesture
        In the order of their beginnings.
    program : int
        General MIDI, from 0.
    soundfont : Soundfont

    Raises
    ------
    ConfigError
        No soundfont, or no sound.
    MissingDependency
        No FluidSynth.
    """
    samples = sound_of(midi_file(gestures, program), soundfont.path())
    last = max(gesture.note.onset_seconds + gesture.note.duration_seconds for gesture in gestures) + REST_SECONDS
    return np.pad(samples, (0, max(0, int(last * RATE) - samples.size)))[: int(last * RATE)]


def midi_file(gestures: Sequence[Gesture], program: int) -> mido.MidiFile:
    """Gestures of one instrument; neighbours have channels of their own, so that bending one bends no other."""
    try:
        import mido
    except ImportError as error:
        raise MissingDependency(
            "sessions are played as MIDI, which needs mido: pip install 'bsep-stream[sessions]'"
        ) from error
    events: list[tuple[int, int, mido.Message]] = []  # tick, order within a tick, message
    for number, gesture in enumerate(gestures):
        note, channel = gesture.note, CHANNELS[number % len(CHANNELS)]
        start = _tick(note.onset_seconds)
        end = max(start + 1, _tick(note.onset_seconds + note.duration_seconds))
        events += [
            (start, 2, mido.Message("note_on", channel=channel, note=note.midi, velocity=note.velocity)),
            (end, 0, mido.Message("note_off", channel=channel, note=note.midi)),
        ]
        bend, gain = gesture.bend_cents, gesture.gain_db
        if bend is None:
            events.append((start, 1, mido.Message("pitchwheel", channel=channel, pitch=_wheel(note.cents))))
        else:
            for seconds, cents in zip(bend.seconds, bend.values, strict=True):
                wheel = mido.Message("pitchwheel", channel=channel, pitch=_wheel(float(cents)))
                events.append((_tick(note.onset_seconds + float(seconds)), 1, wheel))
        levels = [(0.0, 0.0)] if gain is None else list(zip(gain.seconds, gain.values, strict=True))
        for seconds, level in levels:
            value = max(_LEAST_EXPRESSION, round(127 * 10 ** (float(level) / 40)))
            control = mido.Message("control_change", channel=channel, control=_EXPRESSION, value=value)
            events.append((_tick(note.onset_seconds + float(seconds)), 1, control))
    track = mido.MidiTrack(mido.Message("program_change", channel=channel, program=program) for channel in CHANNELS)
    tick = 0
    for moment, _, message in sorted(events, key=lambda event: event[:2]):
        track.append(message.copy(time=moment - tick))
        tick = moment
    return mido.MidiFile(type=0, ticks_per_beat=TICKS_PER_SECOND // 2, tracks=[track])


def _tick(seconds: float) -> int:
    return round(seconds * TICKS_PER_SECOND)


def _wheel(cents: float) -> int:
    return int(np.clip(round(_WHEEL * cents / BEND_CENTS), -_WHEEL, _WHEEL - 1))
