"""A session that is as large as the page must bear: four players of five minutes, whose notes are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from bsep_stream.studio.sessionfolder import SessionFolder
from bsep_stream.studio.sessions import Sessions, add_recording, change, keep_recording
from bsep_stream.train.config.trainconfig import TrainConfig
from bsep_stream.train.session.labels import Labels
from bsep_stream.train.session.recording import load_session
from bsep_stream.train.tones.timbrefit import fit_timbre
from bsep_stream.train.workshop.apprentice import keep_search, session_config, write_first_stems
from bsep_stream.train.workshop.journal import DONE, Journal

TITLE = "Long quartet"
NAMES = ("flute", "oboe", "clarinet", "bassoon")
LOWEST_KEYS = (74, 66, 57, 43)
COMPASS_KEYS = 12
SHORTEST_SECONDS, LONGEST_SECONDS = 0.15, 0.7
"""Of a note."""

SAMPLE_RATE = 44_100
N_HARMONICS = 8
RAMP_SECONDS = 0.01
LEVEL = 0.08
SEED = 20210407

Part = list[tuple[float, float, float]]
"""Onset, offset and frequency of every note of a player."""


def long_session(place: Path, seconds: float) -> SessionFolder:
    """Make the session in a folder of sessions, with first stems, as the search would have left it."""
    folder = Sessions(place).create(TITLE)
    change(folder, {"sources": [{"name": name, "tones": 1} for name in NAMES]})
    parts = _parts(seconds)
    target = add_recording(folder, "quartet.flac")
    soundfile.write(target, _audio(parts, seconds).T, SAMPLE_RATE)
    keep_recording(folder, target)
    config = session_config(folder)
    session = load_session([target], config.geometry.sample_rate)
    labels = _labels(parts, session.takes[0].samples.size, config)
    progress = Journal(folder)
    keep_search(folder, session, labels, fit_timbre(labels, session, config))
    write_first_stems(folder, session, config, progress)
    progress.phase(DONE)
    return folder


def _parts(seconds: float) -> list[Part]:
    """Walks of small steps, one in the compass of every player."""
    rng = np.random.default_rng(SEED)
    parts = []
    for lowest in LOWEST_KEYS:
        part, onset, key = [], 0.2, lowest + COMPASS_KEYS // 2
        while onset < seconds - 2 * LONGEST_SECONDS:
            length = float(rng.uniform(SHORTEST_SECONDS, LONGEST_SECONDS))
            key = int(np.clip(key + rng.integers(-4, 5), lowest, lowest + COMPASS_KEYS))
            part.append((onset, onset + length, 440.0 * 2.0 ** ((key - 69) / 12)))
            onset += length
        parts.append(part)
    return parts


def _audio(parts: list[Part], seconds: float) -> NDArray[np.float32]:
    """In stereo, from left to right."""
    audio = np.zeros((2, round(seconds * SAMPLE_RATE)), np.float32)
    for number, part in enumerate(parts):
        right = (number + 0.5) / len(parts)
        sides = np.sqrt(np.array([[1.0 - right], [right]]))
        for onset, offset, hz in part:
            start, time = round(onset * SAMPLE_RATE), np.arange(0.0, offset - onset, 1.0 / SAMPLE_RATE)
            orders = np.arange(1, N_HARMONICS + 1)[:, None]
            weights = (0.4 + 0.12 * number) ** (orders - 1)
            edge = np.minimum(time, time[-1] - time) / RAMP_SECONDS
            tone = (weights * np.sin(2 * np.pi * hz * orders * time)).sum(axis=0) * np.clip(edge, 0.0, 1.0)
            audio[:, start : start + time.size] += (LEVEL * sides * tone).astype(np.float32)
    return audio


def _labels(parts: list[Part], n_samples: int, config: TrainConfig) -> Labels:
    """What a search would find that is never wrong."""
    geometry = config.geometry
    centre = np.arange(0, n_samples, geometry.hop_length)
    seconds = centre / geometry.sample_rate
    f0_bin = np.zeros((centre.size, config.n_tones), np.float32)
    for source, part in enumerate(parts):
        for onset, offset, hz in part:
            first, last = np.searchsorted(seconds, (onset, offset))
            f0_bin[first:last, source] = hz / geometry.bin_hz
    envelopes = np.tile(np.float32(0.5) ** np.arange(config.n_harmonics, dtype=np.float32), (config.n_sources, 1))
    return Labels(np.zeros(centre.size, np.int64), centre, f0_bin, envelopes, geometry.hop_length)
