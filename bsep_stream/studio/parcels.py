"""What one takes home: stems, remix, notes, model, report; single files, or all in one ZIP; made, then fetched."""

from __future__ import annotations

import secrets
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bsep_stream.effects.rack import Rack
from bsep_stream.errors import ConfigError
from bsep_stream.files.audiofile import BLOCK_SIZE, Recording
from bsep_stream.files.separation import aligned
from bsep_stream.files.stemfolder import StemFolder
from bsep_stream.files.stemwriter import StemWriter
from bsep_stream.report.page.sound import encode_mp3
from bsep_stream.studio.noteboard import read_board
from bsep_stream.studio.racks import read_rack, write_rack
from bsep_stream.studio.sessionfolder import SessionFolder
from bsep_stream.studio.soundfiles import open_stems
from bsep_stream.words import REMIX

SOUND_FORMATS = {"wav": "audio/wav", "flac": "audio/flac", "mp3": "audio/mpeg"}
MEDIA_TYPES = {
    **{f".{name}": kind for name, kind in SOUND_FORMATS.items()},
    ".mid": "audio/midi",
    ".csv": "text/csv; charset=utf-8",
    ".toml": "application/toml; charset=utf-8",
    ".onnx": "application/octet-stream",
    ".html": "text/html; charset=utf-8",
    ".zip": "application/zip",
}


MOST_WAITING = 8


class Counter:
    """Parcels that are made and wait to be fetched; the one that has waited longest goes when there are too many."""

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[Path, str, ExitStack]] = {}
        self._lock = threading.Lock()

    def leave(self, made: AbstractContextManager[Path], shown: str) -> str:
        """Make a parcel; the ticket for it."""
        stack, ticket = ExitStack(), secrets.token_urlsafe(12)
        path = stack.enter_context(made)
        with self._lock:
            self._waiting[ticket] = (path, shown, stack)
            tired = [self._waiting.pop(next(iter(self._waiting))) for _ in range(len(self._waiting) - MOST_WAITING)]
        for _, _, other in tired:
            other.close()
        return ticket

    def fetch(self, ticket: str) -> tuple[Path, str, ExitStack]:
        """File, the name that it shall have, and what is to be closed when it is sent; ConfigError if it is gone."""
        with self._lock:
            found = self._waiting.pop(ticket, None)
        if found is None:
            raise ConfigError("that was fetched already; ask for it again")
        return found

    def close(self) -> None:
        """Away with what nobody fetched."""
        with self._lock:
            waiting, self._waiting = list(self._waiting.values()), {}
        for _, _, stack in waiting:
            stack.close()


def parcel_names(folder: SessionFolder, version: str, take: str, audio_format: str) -> list[str]:
    """Files that can be taken home now."""
    stems = open_stems(folder, version, take)
    names = [f"{name}.{audio_format}" for name in (*stems.names, REMIX)]
    if folder.notes(take).exists():
        names += ["notes.mid", "notes.csv"]
    names += ["rack.toml", "report.html"]
    return [*names, "model.onnx"] if folder.model.exists() else names


@contextmanager
def parcel(folder: SessionFolder, version: str, take: str, name: str) -> Iterator[Path]:
    """A file to be sent, for as long as the context lasts.

    Raises
    ------
    ConfigError
        There is no such file.
    """
    stem, _, suffix = name.rpartition(".")
    names = parcel_names(folder, version, take, suffix if suffix in SOUND_FORMATS else "wav")
    if name != "all.zip" and name not in names:
        raise ConfigError("there is nothing of that name to take home")
    with tempfile.TemporaryDirectory(prefix="bsep-") as temporary:
        target = Path(temporary) / name
        if name == "model.onnx":
            yield folder.model
            return
        makers: dict[str, Callable[[], None]] = {
            "notes.mid": lambda: _write_midi(folder, take, target),
            "notes.csv": lambda: _copy_notes(folder, take, target),
            "rack.toml": lambda: write_rack(target, _rack(folder, version, take)),
            "report.html": lambda: _write_report(folder, version, take, target),
        }
        if name in makers:
            makers[name]()
        else:
            _write_sound(open_stems(folder, version, take), stem, suffix, _rack(folder, version, take), target)
        yield target


@contextmanager
def whole_parcel(folder: SessionFolder, version: str, take: str, audio_format: str) -> Iterator[Path]:
    """Everything in one ZIP, in a folder of the session's name."""
    if audio_format not in SOUND_FORMATS:
        raise ConfigError(f"sound is written as {', '.join(SOUND_FORMATS)}")
    with tempfile.TemporaryDirectory(prefix="bsep-") as temporary:
        target = Path(temporary) / f"{folder.name}.zip"
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for name in parcel_names(folder, version, take, audio_format):
                packed = name.endswith((".flac", ".mp3", ".onnx"))
                with parcel(folder, version, take, name) as path:
                    kind = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
                    archive.write(path, f"{folder.name}/{name}", compress_type=kind)
        yield target


def _rack(folder: SessionFolder, version: str, take: str) -> Rack:
    return read_rack(folder, open_stems(folder, version, take).names)


def _blocks(stems: StemFolder) -> Iterator[NDArray[np.float32]]:
    for start in range(0, stems.n_samples, BLOCK_SIZE):
        n = min(BLOCK_SIZE, stems.n_samples - start)
        yield np.stack([stems.audio(name, start, n) for name in stems.names])


def _write_sound(stems: StemFolder, name: str, audio_format: str, rack: Rack, target: Path) -> None:
    if name == REMIX:
        mixer = rack.mixer(stems.names, stems.sample_rate, stems.channels)
        blocks: Iterator[NDArray[np.float32]] = aligned(mixer, _blocks(stems))
    else:
        place = stems.names.index(name)
        blocks = (block[place] for block in _blocks(stems))
    if audio_format == "mp3":
        target.write_bytes(encode_mp3(np.concatenate(list(blocks), axis=1), stems.sample_rate))
        return
    writer = StemWriter(target, audio_format, stems.sample_rate, stems.channels, stems.n_samples)
    try:
        for block in blocks:
            writer.write(block)
    finally:
        writer.close()


def _copy_notes(folder: SessionFolder, take: str, target: Path) -> None:
    corrected = folder.notes(take, corrected=True)
    target.write_bytes((corrected if corrected.exists() else folder.notes(take)).read_bytes())


def _write_midi(folder: SessionFolder, take: str, target: Path) -> None:
    from bsep_stream.notes.events import Note, NoteSettings
    from bsep_stream.notes.midi import write_midi
    from bsep_stream.notes.transcription import PitchTrack, Transcription

    names = tuple(source["name"] for source in folder.read()["sources"])
    notes = [
        Note(names.index(row["source"]), round(row["key"]), row["start"], row["end"], row["key"], row["level"])
        for row in read_board(folder, take)["notes"]
        if row["source"] in names
    ]
    track = PitchTrack(np.empty(0), np.empty((0, 0)), np.empty((0, 0)), ())
    write_midi(target, Transcription(names, notes, track, NoteSettings()))


def _write_report(folder: SessionFolder, version: str, take: str, target: Path) -> None:
    from bsep_stream.report.overview import write_report
    from bsep_stream.report.page.assemble import LONGEST_SECONDS
    from bsep_stream.report.runfiles import is_run

    parts: list[str | Path] = [folder.stems(version, take)]
    if is_run(folder.run):
        parts.append(folder.run)
    if folder.model.exists():
        parts.append(folder.model)
    with Recording(folder.takes()[take]) as recording:
        seconds = recording.n_samples / recording.sample_rate
    part = (0.0, LONGEST_SECONDS) if seconds > LONGEST_SECONDS else (0.0, None)
    write_report(parts, target, part=part)
