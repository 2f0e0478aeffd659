"""Gestures as sound: MIDI with pitch wheels and expression, played by FluidSynth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bsep_stream.errors import ConfigError
from bsep_stream.train.benchmark.sessions.expression import Gesture
from bsep_stream.train.benchmark.synthesizer import RATE, REST_SECONDS, MidiPart, sound_of

if TYPE_CHECKING:
    import mido

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
    """Gestures of one instrument, each with its own pitch and loudness."""
    part = MidiPart(program)
    for gesture in gestures:
        note, bend, gain = gesture.note, gesture.bend_cents, gesture.gain_db
        part.note(note.onset_seconds, note.duration_seconds, note.midi, note.velocity)
        bends = [(0.0, note.cents)] if bend is None else zip(bend.seconds, bend.values, strict=True)
        for seconds, cents in bends:
            part.bend(note.onset_seconds + float(seconds), float(cents))
        levels = [(0.0, 0.0)] if gain is None else zip(gain.seconds, gain.values, strict=True)
        for seconds, level in levels:
            value = max(_LEAST_EXPRESSION, round(127 * 10 ** (float(level) / 40)))
            part.control(note.onset_seconds + float(seconds), _EXPRESSION, value)
    return part.file()
