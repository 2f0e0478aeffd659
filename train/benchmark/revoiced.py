"""Held-out mixtures: ``python -m bsep_stream.train.benchmark.revoiced DATA OUTPUT``.

Constants of the search and of the masks were chosen while looking at the recordings below DATA. Here their notes are
played by other instruments (FluidSynth, as in `chords.py`), so that the constants can be checked on sounds that nobody
looked at. The notes are read from DATA and are no part of the project.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import click

from bsep_stream.errors import BsepError, ConfigError
from bsep_stream.train.benchmark.chords import NOTE_COLUMNS, PlayedNote, PlayedPart, write_parts

MAX_MIDI = 127
MAX_CENTS = 100.0


class Revoiced(NamedTuple):
    """The notes of a recording for other instruments.

    Parameters
    ----------
    number : str
        With which the folder's name begins.
    source : str
        Folder below DATA that has the notes.
    instruments : tuple of (str, int)
        Name and General MIDI program (from 0) for every instrument of the source, in the order of its ``meta.json``.
    """

    number: str
    source: str
    instruments: tuple[tuple[str, int], ...]

    @property
    def item(self) -> str:
        """Name of the folder that is written."""
        return "_".join((self.number, *(name for name, _ in self.instruments)))


REVOICED = (
    Revoiced("h1", "01_recorder_violin", (("oboe", 68), ("clarinet", 71))),
    Revoiced("h2", "02_clarinet_piano", (("flute", 73), ("harp", 46))),
    Revoiced("h3", "03_flute_cello", (("clarinet", 71), ("bassoon", 70))),
    Revoiced("h4", "04_oboe_euphonium", (("trumpet", 56), ("trombone", 57))),
    Revoiced("h5", "05_trumpet_violin", (("sopranosax", 64), ("viola", 41))),
    Revoiced("h6", "06_piccolo_organ_oboe", (("flute", 73), ("clarinet", 71), ("bassoon", 70))),
    Revoiced("h7", "07_violin_saxophone_real", (("oboe", 68), ("horn", 60))),
    Revoiced("h8", "01_recorder_violin", (("violin", 40), ("viola", 41))),
    Revoiced("h9", "03_flute_cello", (("choir", 52), ("guitar", 24))),
)
"""Not to be looked at when a constant is chosen: only then they can be a check."""


def write_revoiced(revoiced: Revoiced, data: Path, output: Path, soundfont: Path | None) -> Path:
    """Play one of :data:`REVOICED` into a folder below `output`, which is returned.

    Raises
    ------
    ConfigError
        If ``meta.json`` of the source does not say what was played, or nothing can play.
    MissingDependency
        FluidSynth or mido is not there.
    """
    meta = data / revoiced.source / "meta.json"
    try:
        values = json.loads(meta.read_text(encoding="utf-8"))
        composer = values.get("composer")
        columns = [values["note_columns"].index(column) for column in NOTE_COLUMNS]
        parts = [
            PlayedPart(name, program, [_note([row[column] for column in columns]) for row in instrument["notes"]])
            for (name, program), instrument in zip(revoiced.instruments, values["instruments"], strict=True)
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise ConfigError(
            f"{meta} should hold {len(revoiced.instruments)} `instruments` with `notes`, rows of the `note_columns` "
            f"{', '.join(NOTE_COLUMNS)}; it does not ({error!r})"
        ) from error
    return write_parts(revoiced.item, f"notes of {revoiced.source}", composer, parts, output, soundfont)


def _note(row: list[float]) -> PlayedNote:
    onset, duration, midi, cents, velocity = row
    note = PlayedNote(float(onset), float(duration), int(midi), float(cents), int(velocity))
    in_range = 0 <= note.midi <= MAX_MIDI and 1 <= note.velocity <= MAX_MIDI and abs(note.cents) <= MAX_CENTS
    if not (note.onset_seconds >= 0 and note.duration_seconds > 0 and in_range):
        raise ValueError(f"no note: {row}")
    return note


@click.command()
@click.argument("data", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("output", type=click.Path(path_type=Path, file_okay=False))
@click.option("--soundfont", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="An SF2 file.")
def main(data: Path, output: Path, soundfont: Path | None) -> None:
    """Write mixtures of the notes below DATA, played by other instruments, below OUTPUT."""
    written = 0
    try:
        for revoiced in REVOICED:
            if (data / revoiced.source / "meta.json").is_file():
                click.echo(write_revoiced(revoiced, data, output, soundfont))
                written += 1
            else:
                click.echo(f"{revoiced.item}: skipped, {data} has no {revoiced.source}/meta.json", err=True)
        if not written:
            raise ConfigError(f"{data} should hold folders such as {REVOICED[0].source} with meta.json; it has none")
    except BsepError as error:
        raise click.UsageError(str(error)) from error


if __name__ == "__main__":
    main()
