"""The workshop of the studio: stems by known tones, notes of labels, labels of corrected notes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from bsep_stream.files.audiofile import read_recording
from bsep_stream.report.measures import evaluate
from bsep_stream.train.config.presets import preset_config
from bsep_stream.train.config.trainconfig import TrainConfig
from bsep_stream.train.session.labels import Labels, frames_at
from bsep_stream.train.tones.timbre import Timbre
from bsep_stream.train.workshop.firststems import Passages, fade_weights, frame_table, stems_of, stems_with, write_stems
from bsep_stream.train.workshop.notesheet import corrected_labels, corrected_table, notes_of

SECONDS = 2.0
HIGH_HZ, LOW_HZ = 660.0, 277.0


@pytest.fixture(scope="module")
def config() -> TrainConfig:
    return preset_config("fast", ("high", "low"))


def tone(hz: float, rate: int, seconds: float = SECONDS) -> np.ndarray:
    time = np.arange(round(seconds * rate)) / rate
    return np.sum([0.1 * 0.5**h * np.sin(2 * np.pi * h * hz * time) for h in range(1, 5)], axis=0).astype(np.float32)


@pytest.fixture(scope="module")
def duet(config: TrainConfig) -> tuple[np.ndarray, np.ndarray, Timbre]:
    """True stems (2, 1, n), table of pitches, timbre."""
    import torch

    geometry = config.geometry
    stems = np.stack([tone(HIGH_HZ, geometry.sample_rate), tone(LOW_HZ, geometry.sample_rate)])[:, None]
    n_frames = -(-stems.shape[-1] // geometry.hop_length)
    table = np.tile(np.array([HIGH_HZ, LOW_HZ], np.float32) / np.float32(geometry.bin_hz), (n_frames, 1))
    timbre = Timbre(config)
    centres = np.arange(n_frames) * geometry.hop_length
    frames = frames_at(stems.sum(axis=0)[0], centres, geometry)
    timbre.fit(torch.from_numpy(np.abs(frames)), torch.from_numpy(table))
    return stems, table, timbre


def test_first_stems_are_the_instruments(config: TrainConfig, duet: tuple[np.ndarray, np.ndarray, Timbre]) -> None:
    stems, table, timbre = duet
    found = stems_of(stems.sum(axis=0), config.geometry.sample_rate, config, timbre, 1.0, table)
    assert found.shape == stems.shape
    measures = evaluate(list(stems), list(found), ["high", "low"]).to_dict()
    assert measures["mean"]["sdr_db"] > 20.0


def test_first_stems_keep_rate_and_channels_of_the_recording(
    config: TrainConfig, duet: tuple[np.ndarray, np.ndarray, Timbre]
) -> None:
    _, table, timbre = duet
    rate = 44_100
    true = [np.stack([tone(hz, rate), 0.5 * tone(hz, rate)]) for hz in (HIGH_HZ, LOW_HZ)]
    found = stems_of(np.sum(true, axis=0), rate, config, timbre, 1.0, table)
    assert found.shape == (2, 2, round(SECONDS * rate))
    inner = slice(rate // 4, -rate // 4)
    for stem, expected in zip(found, true, strict=True):
        error = stem[:, inner] - expected[:, inner]
        assert np.square(error).sum() < 0.02 * np.square(expected[:, inner]).sum()


@pytest.mark.parametrize("rate", [48_000, 44_100])
def test_parts_go_over_into_each_other(
    rate: int, config: TrainConfig, duet: tuple[np.ndarray, np.ndarray, Timbre], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, table, timbre = duet
    mixture = np.sum([tone(hz, rate) for hz in (HIGH_HZ, LOW_HZ)], axis=0)[None]
    whole = stems_of(mixture, rate, config, timbre, 1.0, table)
    monkeypatch.setattr("bsep_stream.train.workshop.firststems.PART_SECONDS", 0.7)
    parts = list(Passages(mixture, rate, config, timbre, 1.0, table).all())
    assert [start for start, _ in parts] == [0, round(0.7 * rate), round(1.4 * rate)]
    joined = np.concatenate([sources for _, sources in parts], axis=-1)
    assert joined.shape == whole.shape
    assert np.abs(joined - whole).max() < 0.02 * np.abs(whole).max()


def test_a_fresh_passage_takes_the_place_of_the_old_one(tmp_path: Path, rng: np.random.Generator) -> None:
    names, n = ("high", "low"), 40_000
    old = (0.1 * rng.standard_normal((2, 1, n))).astype(np.float32)
    mixture = old.sum(axis=0) + np.float32(0.01)
    write_stems(tmp_path, mixture, 48_000, names, [(0, old[..., :30_000]), (30_000, old[..., 30_000:])])
    fresh = np.zeros((2, 1, 5_000), np.float32)
    write_stems(tmp_path, mixture, 48_000, names, stems_with(tmp_path, names, n, 14_000, fresh, 100))
    found = {path.stem: read_recording(path)[0] for path in tmp_path.glob("*.wav")}
    for name, before in zip(names, old, strict=True):
        assert np.array_equal(found[name][:, :14_000], before[:, :14_000])
        assert np.array_equal(found[name][:, 19_000:], before[:, 19_000:])
        assert not found[name][:, 14_100:18_900].any()
    assert np.abs(sum(found.values()) - mixture).max() < 1e-6


def test_where_nobody_was_heard_everything_is_left_over(
    config: TrainConfig, duet: tuple[np.ndarray, np.ndarray, Timbre]
) -> None:
    stems, table, timbre = duet
    found = stems_of(stems.sum(axis=0), config.geometry.sample_rate, config, timbre, 1.0, np.zeros_like(table))
    assert not found.any()


def test_labels_become_notes(config: TrainConfig, duet: tuple[np.ndarray, np.ndarray, Timbre]) -> None:
    stems, table, _ = duet
    table = table.copy()
    table[len(table) // 2 :, 0] = 0.0
    centres = np.arange(len(table)) * config.geometry.hop_length
    moduli = np.abs(frames_at(stems.sum(axis=0)[0], centres, config.geometry)).astype(np.float32)
    notes = notes_of(table, moduli, config)
    assert [(note.source, note.key) for note in notes] == [(0, 76), (1, 61)]
    assert notes[0].offset_seconds == pytest.approx(SECONDS / 2, abs=0.05)
    assert notes[1].offset_seconds == pytest.approx(SECONDS, abs=0.05)
    rms = float(np.sqrt(np.mean(np.square(tone(HIGH_HZ, 48_000)))))
    assert notes[0].level_db == pytest.approx(20 * np.log10(rms), abs=1.0)


HOP_SECONDS = 1024 / 48_000


def table_of(rows: list[tuple[float, float]], config: TrainConfig) -> np.ndarray:
    hz = 440.0 * 2.0 ** ((np.array(rows) - 69.0) / 12.0)
    return np.where(np.array(rows) > 0, hz / config.geometry.bin_hz, 0.0).astype(np.float32)


def corrected(table: np.ndarray, notes: dict[str, list[tuple[float, float, float]]], config: TrainConfig) -> np.ndarray:
    given = {name: np.array(rows) for name, rows in notes.items()}
    return corrected_table(table, given, config.source_names, config.polyphony, config.geometry)


def test_a_corrected_note_changes_its_player_and_nothing_else(config: TrainConfig) -> None:
    table = table_of([(72.0, 0.0)] * 20 + [(74.0, 60.0)] * 20, config)
    made = corrected(table, {"low": [(0.0, 20 * HOP_SECONDS, 72.2)]}, config)
    assert not made[:20, 0].any()
    assert np.array_equal(made[:20, 1], table[:20, 0])
    assert np.array_equal(made[20:], table[20:])


def test_attack_and_decay_go_with_their_note(config: TrainConfig) -> None:
    table = table_of([(72.0, 0.0)] * 20, config)
    made = corrected(table, {"low": [(6 * HOP_SECONDS, 12 * HOP_SECONDS, 72.2)]}, config)
    assert np.array_equal(made, table[:, ::-1])


def test_a_new_note_ends_the_one_before(config: TrainConfig) -> None:
    table = table_of([(72.0, 0.0)] * 8 + [(74.0, 72.0)] * 4 + [(74.0, 0.0)] * 8, config)
    notes = {"high": [(0.0, 11.5 * HOP_SECONDS, 72.0), (8.2 * HOP_SECONDS, 20 * HOP_SECONDS, 74.0)]}
    made = corrected(table, notes, config)
    assert np.array_equal(made[:, 0], table[:, 0])
    assert not made[:, 1].any()


def test_two_notes_change_places(config: TrainConfig) -> None:
    table = table_of([(72.0, 60.0)] * 10, config)
    end = 10 * HOP_SECONDS
    made = corrected(table, {"low": [(0.0, end, 72.0)], "high": [(0.0, end, 60.0)]}, config)
    assert np.array_equal(made, table[:, ::-1])


def test_what_was_given_goes_before_what_was_found(config: TrainConfig) -> None:
    table = table_of([(72.0, 60.0)] * 10, config)
    made = corrected(table, {"low": [(0.0, 10 * HOP_SECONDS, 72.0)]}, config)
    assert np.array_equal(made[:, 1], table[:, 0])  # a player of one tone cannot keep what no note speaks of
    assert not made[:, 0].any()


def test_notes_that_say_what_was_found_change_nothing(config: TrainConfig) -> None:
    table = table_of([(72.0, 60.0)] * 10 + [(0.0, 62.0)] * 10, config)
    end = 20 * HOP_SECONDS
    notes = {"high": [(0.0, end / 2, 72.0)], "low": [(0.0, end / 2, 60.0), (end / 2, end, 62.0)], "nobody": []}
    assert np.array_equal(corrected(table, {name: rows for name, rows in notes.items() if rows}, config), table)


def test_only_the_take_that_was_corrected_changes(config: TrainConfig) -> None:
    table = table_of([(72.0, 0.0)] * 10, config)
    centre = np.tile(np.arange(10) * 1024, 2)
    take = np.repeat([0, 1], 10)
    labels = Labels(take, centre, np.concatenate([table, table]), np.ones((2, 3), np.float32), 1024)
    made = corrected_labels(labels, [None, {"low": np.array([[0.0, 10 * HOP_SECONDS, 72.0]])}], config)
    assert np.array_equal(made.f0_bin[:10], table)
    assert np.array_equal(made.f0_bin[10:], table[:, ::-1])
    assert np.array_equal(frame_table(made, 1, 10 * 1024), table[:, ::-1])
    assert np.array_equal(frame_table(replace(labels, take=take), 2, 5 * 1024), np.zeros((5, 2), np.float32))


def test_new_samples_fade_in_and_out_but_at_the_ends() -> None:
    assert fade_weights(100, 10, True, True)[[0, 9, 50, 90, 99]].tolist() == [0.0, 1.0, 1.0, 1.0, 0.0]
    assert fade_weights(100, 10, False, False).min() == 1.0
    assert len(fade_weights(4, 10, True, True)) == 4
