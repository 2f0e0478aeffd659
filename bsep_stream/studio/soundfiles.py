"""Stems as a browser plays and paints them: FLAC, samples of a passage, levels of spectrograms."""

from __future__ import annotations

import io
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bsep_stream.errors import AudioError, ConfigError
from bsep_stream.files.atomic import whole_file
from bsep_stream.files.stemfolder import StemFolder
from bsep_stream.report.page.spectra import STEPS, draw_levels
from bsep_stream.report.pictures import RANGE_DB
from bsep_stream.report.subject import Subject
from bsep_stream.studio.sessionfolder import FIRST, LEARNED, SessionFolder, read_json, stamp, write_json
from bsep_stream.words import RESIDUAL

MIXTURE = "mixture"
LONGEST_PASSAGE = 2**26
"""Samples that are read at once."""

LONGEST_PLAYED_SECONDS = 900.0
"""A browser holds all tracks in memory, uncompressed."""


def versions_of(folder: SessionFolder, take: str) -> list[str]:
    """Which stems of a take there are, the best first."""
    return [version for version in (LEARNED, FIRST) if folder.stems(version, take).is_dir()]


def open_stems(folder: SessionFolder, version: str, take: str) -> StemFolder:
    """The stems of a take; ConfigError if there are none yet."""
    if version not in (FIRST, LEARNED) or take not in folder.takes():
        raise ConfigError("there are no such stems")
    path = folder.stems(version, take)
    if not path.is_dir():
        raise ConfigError("there are no stems of this recording yet")
    return StemFolder(path)


def desk_of(folder: SessionFolder, version: str, take: str) -> dict[str, Any]:
    """What the desk of a take is made of: tracks and their format."""
    stems = open_stems(folder, version, take)
    if stems.seconds > LONGEST_PLAYED_SECONDS:
        raise ConfigError(
            f"a page plays at most {LONGEST_PLAYED_SECONDS / 60:.0f} minutes, this recording has "
            f"{stems.seconds / 60:.0f}; take the stems home and listen to them in another program"
        )
    names = [source["name"] for source in folder.read()["sources"] if source["name"] in stems.names]
    others = [name for name in stems.names if name not in names]
    return {
        "take": take,
        "version": version,
        "stamp": changed_at(folder, version, take),
        "seconds": stems.seconds,
        "samples": stems.n_samples,
        "sampleRate": stems.sample_rate,
        "channels": stems.channels,
        "tracks": [
            {"name": MIXTURE, "kind": MIXTURE},
            *({"name": name, "kind": RESIDUAL if name == RESIDUAL else "source"} for name in (*names, *others)),
        ],
    }


def changed_at(folder: SessionFolder, version: str, take: str) -> int:
    """When the stems were written; a browser keeps sounds as long as this stays."""
    return stamp(folder.stems(version, take) / f"{RESIDUAL}.wav") // 1_000_000


def sound_path(folder: SessionFolder, version: str, take: str, track: str) -> Path:
    """File of a track; ConfigError if there is none."""
    if track == MIXTURE:
        return folder.takes()[take]
    stems = open_stems(folder, version, take)
    if track not in stems.names:
        raise ConfigError("there is no such stem")
    return folder.stems(version, take) / f"{track}.wav"


def flac_passage(folder: SessionFolder, version: str, take: str, track: str, start: int, n: int) -> bytes:
    """A passage of a track as FLAC of 16 bits, up to two channels: a browser decodes short ones without a stop.

    Raises
    ------
    ConfigError, AudioError
        No such track or passage, a file that cannot be read.
    """
    import soundfile

    samples, rate = _read_passage(folder, version, take, track, start, n)
    content = io.BytesIO()
    soundfile.write(content, samples.T, rate, "PCM_16", format="FLAC")
    return content.getvalue()


def passage(folder: SessionFolder, version: str, take: str, track: str, start: int, n: int) -> bytes:
    """Samples of a passage as a browser copies them into its buffers: float32, one channel after the other."""
    samples, _ = _read_passage(folder, version, take, track, start, n)
    return np.ascontiguousarray(samples).astype("<f4").tobytes()


def _read_passage(
    folder: SessionFolder, version: str, take: str, track: str, start: int, n: int
) -> tuple[NDArray[np.float32], int]:
    import soundfile

    path = sound_path(folder, version, take, track)
    try:
        with soundfile.SoundFile(str(path)) as sound:
            if not 0 <= start < sound.frames or not 0 < n <= LONGEST_PASSAGE:
                raise ConfigError("there is no such passage")
            sound.seek(start)
            return to_two(sound.read(n, dtype="float32", always_2d=True).T), int(sound.samplerate)
    except (soundfile.LibsndfileError, OSError) as error:
        raise AudioError(f"{track} cannot be read ({error}); separate it again") from error


def to_two(block: NDArray[np.float32]) -> NDArray[np.float32]:
    """More than two channels become one."""
    return block if len(block) <= 2 else block.mean(axis=0, keepdims=True)


def spectrograms(folder: SessionFolder, version: str, take: str) -> bytes:
    """Spectrograms of all tracks: one compressed row of bytes after another, behind a line of JSON that says which."""
    at = changed_at(folder, version, take)
    kept = folder.cache / "spectra" / f"{version}-{take}.bin"
    known = folder.cache / "spectra" / f"{version}-{take}.json"
    about = read_json(known)
    if isinstance(about, dict) and about.get("stamp") == at and kept.exists():
        return kept.read_bytes()
    stems = open_stems(folder, version, take)
    drawn = draw_levels(Subject(None, stems, None), 0.0, stems.seconds)
    head: dict[str, Any] = {
        "rows": drawn.n_rows,
        "columns": drawn.n_columns,
        "octaves": drawn.octaves,
        "steps": STEPS,
        "rangeDb": RANGE_DB,
        "tracks": [],
    }
    out, place = io.BytesIO(), 0
    for name, levels in drawn.levels.items():
        rows = np.frombuffer(zlib.decompress(levels), np.uint8).reshape(drawn.n_rows, drawn.n_columns)
        packed = zlib.compress(rows.tobytes(), 6)
        head["tracks"].append([name, place, len(packed)])
        out.write(packed)
        place += len(packed)
    content = json.dumps(head).encode() + b"\n" + out.getvalue()
    with whole_file(kept) as temporary:
        temporary.write_bytes(content)
    write_json(known, {"stamp": at})
    return content
