"""Mixtures of a melody and chords: ``python -m bsep_stream.train.benchmark.chords OUTPUT_DIR``.

Folders as the benchmark wants them (``mix.flac``, ``NAME.flac``, ``meta.json``), 48 kHz, mono, rendered by FluidSynth
(``apt-get install fluidsynth fluid-soundfont-gm``) with a General MIDI soundfont: in Debian that is FluidR3_GM by Frank
Wen (MIT). No note is in time or in tune to the last digit, and with the same soundfont all are the same every time.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import numpy as np
import soundfile
from numpy.typing import NDArray

from bsep_stream.errors import BsepError, ConfigError, MissingDependency
from bsep_stream.train.benchmark.chordscores import PIECES, Part, Piece
from bsep_stream.train.benchmark.newitem import write_recording
from bsep_stream.train.config.trainconfig import MAX_POLYPHONY

if TYPE_CHECKING:
    import mido

SOUNDFONTS = (Path("/usr/share/sounds/sf2/FluidR3_GM.sf2"), Path("/usr/share/sounds/sf2/TimGM6mb.sf2"))
"""Where Debian has them; the first that is there is taken."""

RATE = 48_000
NOTE_COLUMNS = ("onset_s", "duration_s", "midi", "cents", "velocity")
_SEED = 2026
_LEAD_SECONDS = 0.4
REST_SECONDS = 2.0  # for the last note to end
_ONSET_SECONDS = 0.008  # standard deviations: of a player's time,
_CENTS = 3.0  # tuning,
_VELOCITY, _VELOCITY_SPREAD = 84.0, 6.0  # and touch
_HASTE_SECONDS = 0.05
_LEGATO = 0.96  # of a note's value
CHANNELS = tuple(channel for channel in range(16) if channel != 9)  # 9 is the drums
TICKS_PER_SECOND = 960  # 480 a beat, 120 beats a minute
BEND_CENTS = 200.0  # at the end of the pitch wheel


class PlayedNote(NamedTuple):
    """As in ``meta.json``."""

    onset_seconds: float
    duration_seconds: float
    midi: int
    cents: float
    velocity: int


class PlayedPart(NamedTuple):
    """What one instrument plays: its name, its General MIDI program (from 0), its notes."""

    name: str
    program: int
    notes: list[PlayedNote]


def played(part: Part, beats_per_minute: float, generator: np.random.Generator) -> list[PlayedNote]:
    """Notes of a part as somebody may have played them, in the order of their beginnings."""
    beat = 60.0 / beats_per_minute
    notes = []
    for note in part.notes():
        onset = _LEAD_SECONDS + beat * note.onset + _ONSET_SECONDS * generator.standard_normal()
        cents = _CENTS * generator.standard_normal()
        velocity = round(np.clip(_VELOCITY + _VELOCITY_SPREAD * generator.standard_normal(), 40, 110))
        duration = _LEGATO * beat * note.duration
        notes.append(PlayedNote(round(onset, 4), round(duration, 4), note.midi, round(cents, 1), velocity))
    return sorted(notes)


def midi_file(notes: Sequence[PlayedNote], program: int) -> mido.MidiFile:
    """Notes of one instrument; neighbours have different channels, so that each has a pitch wheel of its own."""
    try:
        import mido
    except ImportError as error:
        raise MissingDependency(
            "notes are played as MIDI, which needs mido: pip install 'bsep-stream[notes]'"
        ) from error
    events: list[tuple[int, int, mido.Message]] = []  # tick, order within a tick, message
    for number, note in enumerate(notes):
        channel = CHANNELS[number % len(CHANNELS)]
        start = round(note.onset_seconds * TICKS_PER_SECOND)
        end = max(start + 1, round((note.onset_seconds + note.duration_seconds) * TICKS_PER_SECOND))
        bend = round(8192 * note.cents / BEND_CENTS)
        events.append((start, 1, mido.Message("pitchwheel", channel=channel, pitch=bend)))
        events.append((start, 2, mido.Message("note_on", channel=channel, note=note.midi, velocity=note.velocity)))
        events.append((end, 0, mido.Message("note_off", channel=channel, note=note.midi)))
    track = mido.MidiTrack(mido.Message("program_change", channel=channel, program=program) for channel in CHANNELS)
    tick = 0
    for moment, _, message in sorted(events, key=lambda event: event[:2]):
        track.append(message.copy(time=moment - tick))
        tick = moment
    return mido.MidiFile(type=0, ticks_per_beat=TICKS_PER_SECOND // 2, tracks=[track])


def rendered(notes: Sequence[PlayedNote], program: int, soundfont: Path) -> NDArray[np.float64]:
    """The sound of one instrument, dry, both channels in one; shape (samples,)."""
    samples = sound_of(midi_file(notes, program), soundfont)
    last = max(note.onset_seconds + note.duration_seconds for note in notes) + REST_SECONDS
    return np.pad(samples, (0, max(0, int(last * RATE) - samples.size)))


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


def write_item(piece: Piece, output: Path, soundfont: Path | None) -> Path:
    """Play a piece into a folder below `output`, see :func:`write_parts`."""
    generator = np.random.default_rng(_SEED)
    parts = [
        PlayedPart(part.name, part.program, played(part, piece.beats_per_minute, generator)) for part in piece.parts
    ]
    return write_parts(piece.item, piece.title, piece.composer, parts, output, soundfont)


def write_parts(
    item: str, title: str, composer: str | None, parts: Sequence[PlayedPart], output: Path, soundfont: Path | None
) -> Path:
    """Write the sound of every part, all as loud as each other, their sum, and what was played.

    Parameters
    ----------
    item : str
        Name of the folder, which is made below `output`.
    title, composer : str
        Of the piece, as ``meta.json`` shall have them; `composer` may be None.
    parts : sequence of PlayedPart
    output : Path
    soundfont : Path or None
        None: the first of :data:`SOUNDFONTS` that is there.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    ConfigError
        No soundfont, or a part without any sound.
    MissingDependency
        FluidSynth or mido is not there.
    """
    soundfont = soundfont or _default_soundfont()
    sounds = [rendered(part.notes, part.program, soundfont) for part in parts]
    length = max(sound.size for sound in sounds)
    stems = np.stack([np.pad(sound, (0, length - sound.size)) for sound in sounds])
    instruments = [_instrument(part, soundfont) for part in parts]
    about: dict[str, Any] = {"piece": title, "composer": composer, "note_columns": NOTE_COLUMNS}
    return write_recording(output / item, stems, RATE, instruments, **about)


def _instrument(part: PlayedPart, soundfont: Path) -> dict[str, Any]:
    return {
        "name": part.name,
        "kind": "soundfont render",
        "source": soundfont.name,
        "tones_at_once": min(MAX_POLYPHONY, most_at_once(part.notes)),
        "notes": part.notes,
    }


def most_at_once(notes: Sequence[PlayedNote]) -> int:
    """How many notes sound together at most; what overlaps by the player's haste does not count."""
    moments = [note.onset_seconds + _HASTE_SECONDS for note in notes]
    return max(
        sum(note.onset_seconds <= moment < note.onset_seconds + note.duration_seconds for note in notes)
        for moment in moments
    )


def _default_soundfont() -> Path:
    found = [path for path in SOUNDFONTS if path.is_file()]
    if not found:
        places = " nor ".join(map(str, SOUNDFONTS))
        raise ConfigError(
            f"there is no soundfont: neither {places}; apt-get install fluid-soundfont-gm, or --soundfont"
        )
    return found[0]


@click.command()
@click.argument("output", type=click.Path(path_type=Path, file_okay=False))
@click.option("--soundfont", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="An SF2 file.")
def main(output: Path, soundfont: Path | None) -> None:
    """Write the chord mixtures below OUTPUT."""
    try:
        for piece in PIECES:
            click.echo(write_item(piece, output, soundfont))
    except BsepError as error:
        raise click.UsageError(str(error)) from error


if __name__ == "__main__":
    main()
