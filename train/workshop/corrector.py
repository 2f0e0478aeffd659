"""Notes that the user gave to another player: the first stems follow at once.

The studio writes the corrected table of notes, then a line with the take and the seconds that have changed:
``{"take": "duet", "start": 3.2, "end": 4.1}``. The answer, a line on standard output, says which samples are new.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from bsep_stream.errors import BsepError
from bsep_stream.files.audiofile import read_recording
from bsep_stream.notes.tables import read_notes
from bsep_stream.studio import fulldisk
from bsep_stream.studio.sessionfolder import FIRST, SessionFolder
from bsep_stream.train.config.trainconfig import TrainConfig
from bsep_stream.train.session.labels import Labels
from bsep_stream.train.tones.timbre import Timbre
from bsep_stream.train.workshop.apprentice import LABELS, load_timbre, session_config
from bsep_stream.train.workshop.firststems import Passages, frame_table, stems_with, write_stems
from bsep_stream.train.workshop.notesheet import corrected_table
from bsep_stream.trust.terminal import say

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
            _say({"error": fulldisk.told(error)})


def _correct(
    folder: SessionFolder, config: TrainConfig, labels: Labels, timbre: Timbre, gain: float, order: dict[str, Any]
) -> dict[str, Any]:
    take = str(order["take"])
    takes = folder.takes()
    path = takes[take]
    mixture, rate = read_recording(path)
    n = mixture.shape[1]
    table = frame_table(labels, list(takes).index(take), -(-n * config.geometry.sample_rate // rate))
    notes_path = folder.notes(take, corrected=True)
    if notes_path.exists():
        notes = read_notes(notes_path)
        table = corrected_table(table, notes, config.source_names, config.polyphony, config.geometry)
    passages = Passages(mixture, rate, config, timbre, gain, table)
    start, fresh = passages.between(float(order["start"]) - MARGIN_SECONDS, float(order["end"]) + MARGIN_SECONDS)
    target = folder.stems(FIRST, take)
    with_them = stems_with(target, config.source_names, n, start, fresh, round(FADE_SECONDS * rate))
    write_stems(target, mixture, rate, config.source_names, with_them)
    return {"take": take, "start": start, "end": start + fresh.shape[-1]}


def _say(values: dict[str, Any]) -> None:
    say(json.dumps(values))
