"""The notes of a search: its frames, followed as those of a model are."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bsep_stream.notes.events import Note, Tone, pitch_of
from bsep_stream.notes.tracker import NoteTracker
from bsep_stream.train.config.trainconfig import TrainConfig
from bsep_stream.train.session.labels import Labels


def label_notes(path: Path, config: TrainConfig, take: int) -> dict[str, list[Note]]:
    """Notes of every source in a take, in the order of their onsets; the level of all is 0 dB.

    Parameters
    ----------
    path : Path
        File of labels; nothing is found where there is none.
    config : TrainConfig
        Of the run.
    take : int

    Raises
    ------
    RunError
        If the file is damaged.
    """
    found: dict[str, list[Note]] = {name: [] for name in config.source_names}
    if not path.exists():
        return found
    labels = Labels.load(path)
    rate, bin_hz = config.geometry.sample_rate, config.geometry.bin_hz
    inside = labels.take == take
    frame = labels.centre[inside] // labels.hop_length
    pitches = dict(zip(frame.tolist(), labels.f0_bin[inside].astype(np.float64) * bin_hz, strict=True))
    tracker = NoteTracker(labels.hop_length / rate)
    notes: list[Note] = []
    for number in range(int(frame.max(initial=-1)) + 1):  # a frame between two excerpts has no tones
        tones = [
            Tone(source, pitch_of(float(f0_hz)), 0.0)
            for source, f0_hz in zip(config.tone_sources, pitches.get(number, ()), strict=False)
            if f0_hz > 0
        ]
        notes += tracker.process(tones)[1]
    notes += tracker.finish()
    for note in sorted(notes, key=lambda note: (note.onset_seconds, note.key)):
        found[config.source_names[note.source]].append(note)
    return found
