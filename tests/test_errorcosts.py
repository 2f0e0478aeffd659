"""What errors cost: which error a tone is, and that the truth mends it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

pytest.importorskip("torch")  # bsep_stream.train

from bsep_stream.train.benchmark import errorcosts, judge
from bsep_stream.train.benchmark.items import Item, Notes
from bsep_stream.train.benchmark.lonenotes import LoneNotes, lone_notes
from bsep_stream.train.benchmark.mending import KINDS, Tone, mended, players_order, sorted_tones
from bsep_stream.train.config.presets import preset_config

RATE = 48_000
LOW, HIGH, SECONDS = 48, 76, 2.0  # MIDI


def test_a_tone_is_right_another_players_a_harmonic_wrong_surplus_or_missed() -> None:
    found = [Tone(0, 100.0), Tone(1, 300.5), Tone(2, 50.0), Tone(3, 71.0), Tone(4, 90.0)]
    true = [Tone(0, 101.0), Tone(2, 150.0), Tone(3, 60.0), Tone(5, 300.0), Tone(6, 20.0)]
    kinds = sorted_tones(found, true)
    assert kinds.right == [(found[0], true[0])]
    assert kinds.players == [(found[1], true[3])]
    assert kinds.harmonics == [(found[2], true[1])]
    assert kinds.wrong == [(found[3], true[2])]
    assert kinds.surplus == [found[4]]
    assert kinds.missed == [true[4]]


def test_each_kind_mends_its_errors_and_leaves_the_others() -> None:
    sources = (0, 1, 1)
    # Frames: right; the wrong player, who is silent; an octave; a tone of nobody; one that is missed; swapped players.
    true = np.array([[10, 10, 10, 10, 10, 10], [33, 0, 33, 0, 33, 33], [0, 0, 0, 0, 21, 0]], np.float32)
    found = np.array([[10, 0, 20, 10, 10, 33], [33, 10, 33, 14, 33, 10], [0, 0, 0, 0, 0, 0]], np.float32)
    edges = np.zeros((2, 6), bool)
    edges[1, 4] = True
    results = mended(found, true, sources, edges)
    assert tuple(results) == KINDS
    assert np.array_equal(results["as heard"], found)
    assert np.array_equal(results["all"], true)
    changed = {kind: np.flatnonzero((results[kind] != found).any(axis=0)).tolist() for kind in KINDS}
    assert changed == {
        "as heard": [],
        "silence": [1, 3],
        "players": [1, 5],
        "harmonics": [2],
        "edges": [4],
        "others": [4],
        "all": [1, 2, 3, 4, 5],
    }
    for kind, frame in (("players", 1), ("players", 5), ("harmonics", 2), ("silence", 3), ("others", 4), ("edges", 4)):
        assert np.array_equal(results[kind][:, frame], true[:, frame]), kind


def test_only_sources_of_one_limit_change_places() -> None:
    true = np.array([[10, 10], [30, 30]], np.float32)
    assert players_order(true[::-1], true, (0, 1)) == (1, 0)
    chords = np.array([[10, 10], [30, 30], [0, 0]], np.float32)
    swapped = np.array([[30, 30], [10, 10], [0, 0]], np.float32)
    assert players_order(swapped, chords, (0, 1, 1)) == (0, 1)


def test_lone_notes_are_those_during_which_no_other_sounds() -> None:
    config = preset_config("fast", ("a", "b"), (1, 1))
    geometry = config.geometry
    time = np.arange(round(6 * RATE / geometry.hop_length)) * geometry.hop_length / RATE
    notes = (
        Notes(np.array([0.0, 2.0, 4.0]), np.array([1.0, 3.0, 5.0]), np.array([69.0, 69.0, 69.0])),
        Notes(np.array([1.4, 4.1]), np.array([1.8, 4.9]), np.array([57.0, 57.0])),
    )
    item = Item(Path("none"), ("a", "b"), notes)
    high, low = (np.float32(hz / geometry.bin_hz) for hz in (440.0, 220.0))
    found = np.zeros((2, time.size), np.float32)
    found[0, (time < 1) | ((time > 4) & (time < 5))] = high
    found[1, (time > 2) & (time < 3)] = high  # the other player's
    found[1, (time > 4) & (time < 5)] = low
    counted = lone_notes(item, found, (0, 1), (0, 1), geometry)
    assert counted == LoneNotes(own=1, other=1, missed=1)  # the lower player's first note was not found
    assert counted.wrong_share == 0.5
    assert lone_notes(item, found, (0, 1), (1, 0), geometry) == LoneNotes(own=1, other=1, missed=1)
    unwritten = Item(Path("none"), ("a", "b"), (notes[0], None))
    assert lone_notes(unwritten, found, (0, 1), (0, 1), geometry) is None


def test_chords_as_written_are_the_newest_notes_from_high_to_low() -> None:
    geometry = preset_config("fast", ("a",), (2,)).geometry
    notes = Notes(np.array([0.0, 0.1, 0.2]), np.array([1.0, 1.0, 1.0]), np.array([69.0, 57.0, 81.0]))
    rows = errorcosts.written_rows(notes, 2, 60, geometry) * geometry.bin_hz
    frame = round(0.5 * RATE / geometry.hop_length)
    assert rows[:, frame] == pytest.approx([880.0, 220.0], rel=1e-4)
    assert rows[:, 0] == pytest.approx([440.0, 0.0], rel=1e-4)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording of two tones, one after the other and then together."""
    folder = tmp_path_factory.mktemp("data") / "01_low_high"
    folder.mkdir()
    time = np.arange(round(SECONDS * RATE)) / RATE
    spans = {"high": (HIGH, 0.2, 1.2), "low": (LOW, 0.8, 1.8)}
    stems, instruments = {}, []
    for name, (midi, start, end) in spans.items():
        hz = 440 * 2 ** ((midi - 69) / 12)
        tone = sum(0.6**n * np.sin(2 * np.pi * n * hz * time) for n in range(1, 9))
        stems[name] = 0.1 * tone * ((time > start) & (time < end))
        instruments.append({"name": name, "notes": [[start, end - start, midi, 0.0]]})
    for name, samples in (("mix", sum(stems.values())), *stems.items()):
        soundfile.write(folder / f"{name}.flac", samples, RATE)
    columns = ["onset_s", "duration_s", "midi", "cents"]
    (folder / "meta.json").write_text(json.dumps({"instruments": instruments, "note_columns": columns}))
    return folder.parent


def test_table_of_steady_tones_gains_nothing_from_the_truth(data: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(errorcosts.main, [str(data), "--output", str(tmp_path), "--set", "sweeps=2"])
    assert result.exit_code == 0, result.output
    rows = json.loads((tmp_path / "errorcosts.json").read_text())
    sdr = {kind: rows[0]["measures"][kind]["mean"]["sdr_db"] for kind in KINDS}
    assert sdr["as heard"] > 12.0
    assert abs(sdr["all"] - sdr["as heard"]) < 6.0
    assert "| 01_low_high |" in (tmp_path / "errorcosts.md").read_text()
    assert len(list((tmp_path / "truth").iterdir())) == 1


def test_judge_sums_up_what_it_chose(data: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(judge.main, [str(data), "--best", "--output", str(tmp_path / "rows.json")])
    assert result.exit_code == 0, result.output
    (row,) = json.loads((tmp_path / "rows.json").read_text())
    assert row["lone_notes"] == {"own": 2, "other": 0, "missed": 0}
    assert f"| 1 | {row['measures']['mean']['sdr_db']:.2f} |" in result.output
    assert "0 % of 2, 0 missed" in result.output


def test_unknown_constants_of_the_search_are_told(data: Path) -> None:
    for change in ("nothing=1", "sweeps=many", "transitions=1"):
        result = CliRunner().invoke(judge.main, [str(data), "--set", change])
        assert result.exit_code == 2
        assert "--set" in result.output
