"""Mixtures of a melody and chords: ``python -m bsep_stream.train.benchmark.chords OUTPUT_DIR``.

Folders as the benchmark wants them (``mix.flac``, ``NAME.flac``, ``meta.json``), 48 kHz, mono, rendered by FluidSynth
(``apt-get install fluidsynth fluid-soundfont-gm``) with a General MIDI soundfont: in Debian that is FluidR3_GM by Frank
Wen (MIT). No note is in time or in tune to the last digit, and with the same soundfont all are the same every time.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import numpy as np
from numpy.typing import NDArray

from bsep_stream.errors import BsepError, ConfigError
from bsep_stream.train.benchmark.chordscores import PIECES, Part, Piece
from bsep_stream.train.benchmark.newitem import write_recording
from bsep_stream.train.benchmark.synthesizer import RATE, REST_SECONDS, MidiPart, sound_of
from bsep_stream.train.config.trainconfig import MAX_POLYPHONY

if TYPE_CHECKING:
    import mido

SOUNDFONTS = (Path("/usr/share/sounds/sf2/FluidR3_GM.sf2"), Path("/usr/share/sounds/sf2/TimGM6mb.sf2"))
"""Where Debian has them; the first that is there is taken."""

NOTE_COLUMNS = ("onset_s", "duration_s", "midi", "cents", "velocity")
_SEED = 2026
_LEAD_SECONDS = 0.4
_ONSET_SECONDS = 0.008  # standard deviations: of a player's time,
_CENTS = 3.0  # tuning,
_VELOCITY, _VELOCITY_SPREAD = 84.0, 6.0  # and touch
_HASTE_SECONDS = 0.05
_LEGATO = 0.96  # of a note's value


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
    """Notes of one instrument, each in its own tune."""
    part = MidiPart(program)
    for note in notes:
        part.note(note.onset_seconds, note.duration_seconds, note.midi, note.velocity)
        part.bend(note.onset_seconds, note.cents)
    return part.file()


def rendered(notes: Sequence[PlayedNote], program: int, soundfont: Path) -> NDArray[np.float64]:
    """The sound of one instrument, dry, both channels in one; shape (samples,)."""
    samples = sound_of(midi_file(notes, program), soundfont)
    last = max(note.onset_seconds + note.duration_seconds for note in notes) + REST_SECONDS
    return np.pad(samples, (0, max(0, int(last * RATE) - samples.size)))


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
