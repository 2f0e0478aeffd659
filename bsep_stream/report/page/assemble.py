"""The page: skeleton, style, scripts and data become one file that opens from the disk."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bsep_stream.errors import ConfigError
from bsep_stream.filenames import real
from bsep_stream.files.atomic import whole_file
from bsep_stream.notes.pitches import find_pitches
from bsep_stream.report.page import content
from bsep_stream.report.page.sound import MEDIA_TYPE, encode_mp3
from bsep_stream.report.page.spectra import STEPS, draw_levels
from bsep_stream.report.pictures import RANGE_DB
from bsep_stream.report.subject import Subject
from bsep_stream.words import REMIX, RESIDUAL

LONGEST_SECONDS = 300.0
"""A browser holds all tracks in memory, uncompressed: five of five minutes in stereo are half a gigabyte."""

MIXTURE = "mixture"
SCRIPTS = ("desk.js", "mixdown.js", "spectrogram.js", "charts.js", "player.js", "page.js")

_PITCH_FRAMES = 3_000  # a step of the network each


def write_page(
    subject: Subject,
    output: Path,
    *,
    references: Sequence[str | Path] = (),
    part: tuple[float, float | None] = (0.0, None),
) -> None:
    """Write the page.

    Parameters
    ----------
    subject : Subject
    output : Path
        Replaced if it exists.
    references : sequence of str or Path
        The true stems, for the measures.
    part : (float, float or None)
        Where sound and spectrograms begin, and their length, in seconds; to the end, if None.

    Raises
    ------
    BsepError
        Files that do not belong together, a part outside of the session or too long for a browser.
    """
    data: dict[str, Any] = {
        "title": _title(subject),
        "version": version("bsep-stream"),
        "sources": list(subject.colour_names),
        "dictionary": content.dictionary_rows(subject),
        "training": content.training_curves(subject.run) if subject.run is not None else None,
        "verdict": content.verdict(subject.run) if subject.run is not None else None,
        "measures": content.measures(subject, references) if references else None,
        **content.facts(subject),
    }
    sounds: dict[str, bytes] = {}
    if subject.stems is not None:
        session, sounds = _session(subject, part)
        data["session"] = session
    elif part != (0.0, None):
        raise ConfigError("a part of a session needs a folder of stems; give one")
    page = _fill(data, sounds)
    with whole_file(output) as temporary:
        temporary.write_text(page, encoding="utf-8", errors="replace")  # names of files may be no text


def _session(subject: Subject, part: tuple[float, float | None]) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Tracks, spectrograms and pitches; and the sound of every track."""
    stems = subject.stems
    assert stems is not None
    start_seconds, seconds = _checked(part, stems.seconds)
    start, n = round(start_seconds * stems.sample_rate), max(1, round(seconds * stems.sample_rate))
    sounds: dict[str, bytes] = {}
    mixture: NDArray[np.float32] | None = None
    for name in subject.ordered_stems():
        audio = stems.audio(name, start, n)
        mixture = audio if mixture is None else mixture + audio
        sounds[name] = encode_mp3(audio, stems.sample_rate)
    assert mixture is not None
    sounds = {MIXTURE: encode_mp3(mixture, stems.sample_rate), **sounds}
    if content.check_remix(stems):
        sounds[REMIX] = encode_mp3(stems.audio(REMIX, start, n), stems.sample_rate)
    drawn = draw_levels(subject, start_seconds, seconds)
    session = {
        "start": start_seconds,
        "seconds": n / stems.sample_rate,
        "wholeSeconds": stems.seconds,
        "sampleRate": stems.sample_rate,
        "channels": stems.channels,
        "tracks": [{"name": name, "kind": _kind(name)} for name in sounds],
        "shares": content.energy_shares(subject),
        "spectrogram": {
            "rows": drawn.n_rows,
            "columns": drawn.n_columns,
            "octaves": drawn.octaves,
            "steps": STEPS,
            "rangeDb": RANGE_DB,
            "levels": {name: _base64(levels) for name, levels in drawn.levels.items()},
        },
        "pitches": _pitches(subject, start_seconds, seconds),
    }
    return session, sounds


def _pitches(subject: Subject, start_seconds: float, seconds: float) -> dict[str, Any] | None:
    if subject.model is None or subject.stems is None:
        return None
    found = find_pitches(
        subject.model, subject.stems, start_seconds=start_seconds, seconds=seconds, max_frames=_PITCH_FRAMES
    )
    hop = float(found.times[1] - found.times[0]) if len(found.times) > 1 else seconds
    tones = [
        {
            "source": subject.model.source_names[source],
            "hz": [None if np.isnan(hz) else round(float(hz), 2) for hz in row],
        }
        for source, row in zip(found.tone_sources, found.f0_hz, strict=True)
    ]
    return {"hop": hop, "tones": tones}


def _checked(part: tuple[float, float | None], whole_seconds: float) -> tuple[float, float]:
    start, seconds = part
    if not 0.0 <= start < whole_seconds or (seconds is not None and not seconds > 0.0):
        raise ConfigError(
            f"a part must begin within the session of {whole_seconds:.2f} s and last longer than 0 s, "
            f"got a start at {start:g} s" + ("" if seconds is None else f" and {seconds:g} s")
        )
    length = whole_seconds - start if seconds is None else min(seconds, whole_seconds - start)
    if length > LONGEST_SECONDS:
        raise ConfigError(
            f"a page holds at most {LONGEST_SECONDS:.0f} s of sound and this is {length:.0f} s; "
            "choose a part with --start and --seconds"
        )
    return start, length


def _kind(name: str) -> str:
    return name if name in (MIXTURE, RESIDUAL, REMIX) else "source"


def _title(subject: Subject) -> str:
    """What the recording is called, else the folder or file that is shown."""
    training = subject.model.training if subject.model is not None else {}
    takes = (subject.run.progress if subject.run is not None else training).get("recordings", [])
    names = [str(take["name"] if isinstance(take, dict) and "name" in take else take) for take in takes]
    if names and subject.stems is None:
        return ", ".join(names)
    for part in (subject.stems, subject.run, subject.model):
        if part is not None:
            return real(part.path).name
    raise AssertionError("a subject has at least one part")


def _fill(data: dict[str, Any], sounds: dict[str, bytes]) -> str:
    """The skeleton with its places filled; each place is a comment that occurs once."""
    folder = files("bsep_stream.report.page")
    scripts = "\n".join(folder.joinpath(name).read_text(encoding="utf-8") for name in SCRIPTS)
    # "<" only occurs inside of strings: escaped, no name can end the script element.
    values = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    parts = {  # in the order of the skeleton
        "/* style */": folder.joinpath("page.css").read_text(encoding="utf-8"),
        "/* data */": values,
        "<!-- sounds -->": "\n".join(
            f'<script type="{MEDIA_TYPE}" id="sound-{i}">{_base64(sound)}</script>'
            for i, sound in enumerate(sounds.values())
        ),
        "/* script */": scripts,
    }
    page = folder.joinpath("page.html").read_text(encoding="utf-8")
    pieces = []
    for place, text in parts.items():  # what has been filled in is never searched
        before, found, page = page.partition(place)
        assert found, place
        pieces += [before, text]
    return "".join([*pieces, page])


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
