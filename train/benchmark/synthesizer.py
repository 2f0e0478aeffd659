"""FluidSynth: what one instrument plays as MIDI, and the sound of it."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile
from numpy.typing import NDArray

from bsep_stream.errors import ConfigError, MissingDependency

if TYPE_CHECKING:
    import mido

RATE = 48_000
REST_SECONDS = 2.0
"""For the last note to end."""

_TICKS_PER_SECOND = 960  # 480 a beat, 120 beats a minute
_CHANNELS = tuple(channel for channel in range(16) if channel != 9)  # 9 is the drums
_BEND_CENTS = 200.0  # at the end of the pitch wheel
_WHEEL = 8192
_OFF, _CHANGE, _ON = range(3)  # order within a tick


class MidiPart:
    """What one instrument plays; neighbours have channels of their own, so that bending one bends no other.

    Parameters
    ----------
    program : int
        General MIDI, from 0.

    Raises
    ------
    MissingDependency
        mido is not there.
    """

    def __init__(self, program: int) -> None:
        try:
            import mido
        except ImportError as error:
            raise MissingDependency(
                "notes are played as MIDI, which needs mido: pip install 'bsep-stream[notes]'"
            ) from error
        self._mido = mido
        self._program = program
        self._events: list[tuple[int, int, mido.Message]] = []  # tick, order within a tick, message
        self._count = -1

    def note(self, onset_seconds: float, duration_seconds: float, midi: int, velocity: int) -> None:
        """The next note; what is bent or controlled from now on is its."""
        self._count += 1
        start = _tick(onset_seconds)
        end = max(start + 1, _tick(onset_seconds + duration_seconds))
        self._add(start, _ON, "note_on", note=midi, velocity=velocity)
        self._add(end, _OFF, "note_off", note=midi)

    def bend(self, seconds: float, cents: float) -> None:
        """The pitch of the last note against its key, from a time on."""
        pitch = int(np.clip(round(_WHEEL * cents / _BEND_CENTS), -_WHEEL, _WHEEL - 1))
        self._add(_tick(seconds), _CHANGE, "pitchwheel", pitch=pitch)

    def control(self, seconds: float, control: int, value: int) -> None:
        """A controller of the last note's channel, from a time on."""
        self._add(_tick(seconds), _CHANGE, "control_change", control=control, value=value)

    def file(self) -> mido.MidiFile:
        """All of it."""
        Message = self._mido.Message
        track = self._mido.MidiTrack(
            Message("program_change", channel=channel, program=self._program) for channel in _CHANNELS
        )
        tick = 0
        for moment, _, message in sorted(self._events, key=lambda event: event[:2]):
            track.append(message.copy(time=moment - tick))
            tick = moment
        return self._mido.MidiFile(type=0, ticks_per_beat=_TICKS_PER_SECOND // 2, tracks=[track])

    def _add(self, tick: int, order: int, kind: str, **values: int) -> None:
        channel = _CHANNELS[self._count % len(_CHANNELS)]
        self._events.append((tick, order, self._mido.Message(kind, channel=channel, **values)))


def _tick(seconds: float) -> int:
    return round(seconds * _TICKS_PER_SECOND)


def sound_of(midi: mido.MidiFile, soundfont: Path) -> NDArray[np.float64]:
    """What FluidSynth makes of a MIDI file, dry, both channels in one; shape (samples,).

    Raises
    ------
    ConfigError
        No soundfont, or no sound.
    MissingDependency
        FluidSynth is not there.
    """
    program_path = shutil.which("fluidsynth")
    if program_path is None:
        raise MissingDependency("notes are played by FluidSynth, which is not there: apt-get install fluidsynth")
    _check_soundfont(soundfont)
    with tempfile.TemporaryDirectory() as folder:
        path, sound = Path(folder, "notes.mid"), Path(folder, "notes.wav")
        midi.save(path)
        switches = ["-n", "-i", "-q", "-R", "0", "-C", "0", "-g", "0.4", "-r", str(RATE), "-T", "wav", "-O", "float"]
        # Of a compressed soundfont only what is played is unpacked.
        switches += ["-o", "synth.dynamic-sample-loading=1"]
        command = [program_path, *switches, "-F", str(sound), str(soundfont), str(path)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        samples = soundfile.read(sound, always_2d=True)[0].mean(axis=1) if sound.is_file() else np.zeros(0)
    if result.returncode or not np.any(samples):
        reason = (result.stderr.strip() or "no sound").splitlines()[-1]
        raise ConfigError(f"FluidSynth could not play with {soundfont}: {reason}")
    return samples


def _check_soundfont(path: Path) -> None:
    # FluidSynth would take its own default in place of a file that it cannot read.
    with path.open("rb") as file:
        head = file.read(12)
    if head[:4] != b"RIFF" or head[8:] != b"sfbk":
        raise ConfigError(f"{path} should be an SF2 soundfont and is not: name another one with --soundfont")
