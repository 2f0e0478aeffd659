"""Labels to notes that a person can read and correct, and corrected notes back to labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bsep_stream.model.geometry import FrameGeometry
from bsep_stream.notes.events import Note, NoteSettings, Tone, frequency_of, pitch_of
from bsep_stream.notes.tracker import NoteTracker
from bsep_stream.train.config.trainconfig import TrainConfig
from bsep_stream.train.session.labels import Labels

HARMONICS = 10
"""By which the level of a note is measured."""

SAME_SEMITONES = 0.8
"""A label so near a corrected note is that note."""


def notes_of(f0_bin: NDArray[np.float32], moduli: NDArray[np.float32], config: TrainConfig) -> list[Note]:
    """Notes of a take, by onset.

    Parameters
    ----------
    f0_bin : ndarray, shape (n_frames, n_tones)
        0: no tone.
    moduli : ndarray, shape (n_frames, n_bins)
        Of the mixture in these frames, at the level 1.
    config : TrainConfig
    """
    geometry = config.geometry
    tracker = NoteTracker(geometry.hop_length / geometry.sample_rate, NoteSettings(on_db=-60.0, off_db=-80.0))
    notes: list[Note] = []
    for row, frame in zip(f0_bin, moduli, strict=True):
        tones = [
            Tone(config.tone_sources[tone], pitch_of(float(row[tone]) * geometry.bin_hz), _level_db(row[tone], frame))
            for tone in np.flatnonzero(row > 0)
        ]
        notes += tracker.process(tones)[1]
    notes += tracker.finish()
    return sorted(notes, key=lambda note: (note.onset_seconds, note.source, note.key))


def _level_db(f0_bin: float, frame: NDArray[np.float32]) -> float:
    places = np.rint(float(f0_bin) * np.arange(1, HARMONICS + 1)).astype(int)
    heights = frame[places[places < len(frame)]]
    return 20.0 * float(np.log10(max(np.sqrt(2.0) * float(np.linalg.norm(heights)), 1e-5)))


def corrected_table(
    f0_bin: NDArray[np.float32],
    notes: Mapping[str, NDArray[np.float64]],
    source_names: Sequence[str],
    limits: Sequence[int],
    geometry: FrameGeometry,
) -> NDArray[np.float32]:
    """Pitches of a take, given to the players whom the notes name.

    What the notes do not speak of stays with its player, unless a note takes its place there.

    Parameters
    ----------
    f0_bin : ndarray, shape (n_frames, n_tones)
        As the search found them; tones of a source stand next to each other.
    notes : mapping of str to ndarray, shape (n_notes, 3)
        Onset, offset and key with its fraction, by source: :func:`bsep_stream.notes.tables.read_notes`.
    source_names : sequence of str
    limits : sequence of int
        Tones of every source.
    geometry : FrameGeometry

    Returns
    -------
    ndarray of the shape of ``f0_bin``
    """
    edges = np.cumsum([0, *limits])
    owner = np.where(f0_bin > 0, np.repeat(np.arange(len(limits)), limits), -1)
    onset_of = np.full(f0_bin.shape, -np.inf)  # of the note that a tone belongs to
    pitch = np.full(f0_bin.shape, -np.inf)
    np.log2(f0_bin * geometry.bin_hz / frequency_of(0.0), out=pitch, where=f0_bin > 0)
    pitch *= 12.0
    seconds = geometry.hop_length / geometry.sample_rate
    for name, rows in notes.items():
        if name not in source_names:
            continue
        source = list(source_names).index(name)
        for onset, offset, key in rows:
            part = slice(max(0, int(np.floor(onset / seconds))), int(np.ceil(offset / seconds)) + 1)
            distance = np.where(np.isfinite(onset_of[part]), np.inf, np.abs(pitch[part] - key))
            nearest = distance.argmin(axis=1)
            frames = np.flatnonzero(distance.min(axis=1) < SAME_SEMITONES)
            owner[part][frames, nearest[frames]] = source
            onset_of[part][frames, nearest[frames]] = onset
    steps = range(1, len(f0_bin))
    for frame in steps:
        _follow(pitch, owner, onset_of, frame, frame - 1)
    for frame in reversed(steps):
        _follow(pitch, owner, onset_of, frame - 1, frame)
    made = np.zeros_like(f0_bin)
    for frame in range(len(f0_bin)):
        for source, limit in enumerate(limits):
            mine = np.flatnonzero(owner[frame] == source)
            mine = mine[np.argsort(-onset_of[frame, mine], kind="stable")][:limit]  # a new note ends the one before
            made[frame, edges[source] : edges[source] + len(mine)] = f0_bin[frame, mine]
    return made


def _follow(
    pitch: NDArray[np.float64], owner: NDArray[np.int64], onset_of: NDArray[np.float64], frame: int, beside: int
) -> None:
    """What no note speaks of, but goes on from one in the frame beside, belongs to that note: attack and decay."""
    for tone in np.flatnonzero(~np.isfinite(onset_of[frame]) & np.isfinite(pitch[frame])):
        known = np.isfinite(onset_of[beside])
        distance = np.where(known, np.abs(pitch[beside] - pitch[frame, tone]), np.inf)
        nearest = int(distance.argmin())
        if distance[nearest] < SAME_SEMITONES:
            owner[frame, tone] = owner[beside, nearest]
            onset_of[frame, tone] = onset_of[beside, nearest]


def corrected_labels(
    labels: Labels, takes: Sequence[Mapping[str, NDArray[np.float64]] | None], config: TrainConfig
) -> Labels:
    """Labels of a session with corrected notes of its takes; None: as they were found."""
    f0_bin = labels.f0_bin.copy()
    for number, notes in enumerate(takes):
        own = np.flatnonzero(labels.take == number)
        if notes is None or not own.size:
            continue
        frames = labels.centre[own] // labels.hop_length
        table = np.zeros((int(frames.max()) + 1, f0_bin.shape[1]), np.float32)
        table[frames] = labels.f0_bin[own]
        corrected = corrected_table(table, notes, config.source_names, config.polyphony, config.geometry)
        f0_bin[own] = corrected[frames]
    return replace(labels, f0_bin=f0_bin)
