"""Notes that the user gave to another player: the first stems follow at once.

The studio writes the corrected table of notes, then a line with the take and the seconds that have changed:
``{"take": "duet", "start": 3.2, "end": 4.1}``. The answer, a line on standard output, says which samples are new.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from bsep_stream.errors import BsepError
from bsep_stream.files.audiofile import read_recording
from bsep_stream.notes.tables import read_notes
from bsep_stream.studio.sessionfolder import FIRST, SessionFolder
from bsep_stream.train.config.trainconfig import TrainConfig
from bsep_stream.train.session.labels import Labels
from bsep_stream.train.tones.timbre import Timbre
from bsep_stream.train.workshop.apprentice import LABELS, load_timbre, session_config
from bsep_stream.train.workshop.firststems import frame_table, read_mixture, stems_of, write_stems
from bsep_stream.train.workshop.notesheet import corrected_table

WARM_UP_SECONDS = 1.5
"""Of sound before a changed passage: masks remember what rings on, and what noise there is."""

FADE_SECONDS = 0.01
MARGIN_SECONDS = 0.2


def correct_notes(folder: SessionFolder) -> None:
    """Answer lines from standard input until they end."""
    config = session_config(folder)
    labels = Labels.load(folder.search / LABELS)
    timbre, gain = load_timbre(folder, config)
    _say({"ready": True})
    for line in sys.stdin:
        try:
            order = json.loads(line)
            _say(_correct(folder, config, labels, timbre, gain, order))
        except (BsepError, OSError, ValueError) as error:
            _say({"error": str(error)})


def _correct(
    folder: SessionFolder, config: TrainConfig, labels: Labels, timbre: Timbre, gain: float, order: dict[str, Any]
) -> dict[str, Any]:
    take = str(order["take"])
    takes = folder.takes()
    path = takes[take]
    geometry, hop = config.geometry, config.geometry.hop_length
    mixture, rate = read_mixture(path)
    n = mixture.shape[1]
    table = frame_table(labels, list(takes).index(take), -(-n * geometry.sample_rate // rate))
    notes_path = folder.notes(take, corrected=True)
    if notes_path.exists():
        notes = read_notes(notes_path)
        table = corrected_table(table, notes, config.source_names, config.polyphony, geometry)
    # On the grid of the frames, at the recording's own rate as near as whole samples allow.
    step = hop * rate / geometry.sample_rate
    first = max(0, int((float(order["start"]) - MARGIN_SECONDS) * rate / step))
    last = min(len(table), int((float(order["end"]) + MARGIN_SECONDS) * rate / step) + 1)
    warm = max(0, first - int(WARM_UP_SECONDS * rate / step))
    begin, start, end = round(warm * step), round(first * step), min(n, round(last * step))
    tail = min(n, end + round(geometry.n_fft * rate / geometry.sample_rate))
    part = stems_of(mixture[:, begin:tail], rate, config, timbre, gain, table[warm : last + geometry.n_fft // hop])
    stems_folder = folder.stems(FIRST, take)
    sources = np.stack([_stem(stems_folder / f"{name}.wav", mixture.shape) for name in config.source_names])
    fresh = part[..., start - begin : end - begin]
    weight = _fade(end - start, round(FADE_SECONDS * rate), start > 0, end < n)
    sources[..., start:end] = weight * fresh + (1.0 - weight) * sources[..., start:end]
    write_stems(stems_folder, mixture, sources, config.source_names, rate)
    return {"take": take, "start": start, "end": end}


def _stem(path: Path, shape: tuple[int, ...]) -> Any:
    audio, _ = read_recording(path)
    if audio.shape != shape:
        raise ValueError(f"{path} does not belong to this recording")
    return audio


def _fade(n: int, ramp: int, rise: bool, fall: bool) -> Any:
    """Weights of new samples over old ones."""
    weight = np.ones(n, np.float32)
    ramp = min(ramp, n // 2)
    if rise and ramp:
        weight[:ramp] = np.linspace(0.0, 1.0, ramp, dtype=np.float32)
    if fall and ramp:
        weight[n - ramp :] = np.linspace(1.0, 0.0, ramp, dtype=np.float32)
    return weight


def _say(values: dict[str, Any]) -> None:
    print(json.dumps(values), flush=True)
