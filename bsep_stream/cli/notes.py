"""``bsep notes``: what is played, as MIDI, as a table, as pitch tracks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bsep_stream.filenames import real
from bsep_stream.trust.terminal import say

if TYPE_CHECKING:
    from bsep_stream.notes.transcription import Transcription

_MIDI = (".mid", ".midi")
_TABLE = (".csv",)


@click.command("notes")
@click.argument("model", metavar="MODEL.onnx", type=click.Path(path_type=Path))
@click.argument("recording", metavar="INPUT", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    "outputs",
    metavar="FILE.mid|FILE.csv",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Notes as MIDI or as a table, by the suffix; may be given twice.",
)
@click.option(
    "--pitch-track",
    metavar="FILE.csv",
    type=click.Path(path_type=Path),
    help="Pitch of every frame in Hz, and in cents above its key.",
)
@click.option("--pitch-bends", is_flag=True, help="Let the pitch wheel of the MIDI file follow the pitch.")
@click.option("--a4-hz", type=float, help="Tuning of the instruments (default: as it is found in INPUT).")
@click.option(
    "--on-db",
    type=float,
    default=-20.0,
    show_default=True,
    help="Level that a note must reach, against that of the training's recording.",
)
@click.option("--overwrite", is_flag=True, help="Replace existing files.")
@click.pass_context
def notes(
    ctx: click.Context,
    model: Path,
    recording: Path,
    outputs: tuple[Path, ...],
    pitch_track: Path | None,
    pitch_bends: bool,
    a4_hz: float | None,
    on_db: float,
    overwrite: bool,
) -> None:
    """Write down what the instruments of MODEL play in INPUT: a MIDI track for every source."""
    import math
    from dataclasses import replace

    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    from bsep_stream.files.audiofile import Recording
    from bsep_stream.files.containers.unseekable import reads_once
    from bsep_stream.files.outputlock import locked_file
    from bsep_stream.model.separation_model import SeparationModel
    from bsep_stream.notes.events import NoteSettings
    from bsep_stream.notes.transcription import transcribe
    from bsep_stream.trust.console import Console

    wanted = [*outputs, *([pitch_track] if pitch_track is not None else [])]
    _check_outputs(outputs, pitch_track, recording, pitch_bends, overwrite)
    for path in wanted:
        ctx.with_resource(locked_file(path))
    _check_outputs(outputs, pitch_track, recording, pitch_bends, overwrite)  # whoever held them may have written them
    usual = NoteSettings()
    settings = NoteSettings(on_db=on_db, off_db=on_db + usual.off_db - usual.on_db)
    if a4_hz is not None:
        settings = replace(settings, a4_hz=a4_hz)
    length = None
    if not reads_once(recording):
        with Recording(recording) as audio:
            length = audio.n_samples
    loaded = SeparationModel(model)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(recording.name, total=length)
        heard = transcribe(
            loaded, recording, settings=settings, find_a4=a4_hz is None, progress=lambda n: bar.advance(task, n)
        )
    for path in _write(heard, outputs, pitch_track, pitch_bends):
        say(path)
    tuned = heard.settings.a4_hz
    if a4_hz is None and tuned != usual.a4_hz:
        cents = 1200.0 * math.log2(tuned / usual.a4_hz)
        say(f"tuning: a' has {tuned:.1f} Hz, {cents:+.0f} cents from 440 Hz; --a4-hz 440 keeps that", err=True)
    counts = [sum(note.source == i for note in heard.notes) for i in range(len(heard.source_names))]
    told = ", ".join(f"{name} {count}" for name, count in zip(heard.source_names, counts, strict=True))
    say(f"notes: {told}", err=True)


def _check_outputs(
    outputs: tuple[Path, ...], pitch_track: Path | None, recording: Path, pitch_bends: bool, overwrite: bool
) -> None:
    """Refuse before the first minute of work what would be refused after it."""
    from bsep_stream.errors import ConfigError
    from bsep_stream.files.atomic import check_target

    wanted = [*outputs, *([pitch_track] if pitch_track is not None else [])]
    if not wanted:
        raise click.UsageError("give --output FILE.mid, --output FILE.csv or --pitch-track FILE.csv")
    for path in outputs:
        if path.suffix.lower() not in _MIDI + _TABLE:
            raise ConfigError(f"notes are written as {', '.join(_MIDI + _TABLE)}, got {path}")
    midi = [path for path in outputs if path.suffix.lower() in _MIDI]
    if pitch_bends and not midi:
        raise click.UsageError("--pitch-bends goes with a MIDI file: --output FILE.mid")
    if midi:
        import mido  # noqa: F401  whether it is installed is told now, not after the work
    if pitch_track is not None and pitch_track.suffix.lower() not in _TABLE:
        raise ConfigError(f"the pitch track is written as .csv, got {pitch_track}")
    if len({real(path) for path in (*wanted, recording)}) < len(wanted) + 1:
        raise ConfigError("the recording and the files to be written must be different; give another --output")
    for path in wanted:
        check_target(path)
        if path.is_dir() or (path.exists() and not overwrite):
            raise ConfigError(f"{path} exists; add --overwrite or give another --output")


def _write(heard: Transcription, outputs: tuple[Path, ...], pitch_track: Path | None, pitch_bends: bool) -> list[Path]:
    from bsep_stream.notes.tables import write_notes, write_track

    for path in outputs:
        if path.suffix.lower() in _MIDI:
            from bsep_stream.notes.midi import write_midi

            write_midi(path, heard, bends=pitch_bends)
        else:
            write_notes(path, heard)
    if pitch_track is not None:
        write_track(pitch_track, heard)
    return [*outputs, *([pitch_track] if pitch_track is not None else [])]


command = notes
