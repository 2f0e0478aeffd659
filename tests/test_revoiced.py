"""Held-out mixtures: the notes of a recording, played by other instruments."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

pytest.importorskip("torch")  # bsep_stream.train

from bsep_stream.train.benchmark import chords, revoiced
from bsep_stream.train.benchmark.items import find_items

SOURCE = "04_oboe_euphonium"

playable = pytest.mark.skipif(
    shutil.which("fluidsynth") is None or not any(path.is_file() for path in chords.SOUNDFONTS),
    reason="needs fluidsynth and a soundfont",
)


def _data(folder: Path, *instruments: list[list[float]]) -> Path:
    """A folder with the notes of one recording."""
    meta = {
        "composer": "nobody",
        "note_columns": ["midi", "cents", "velocity", "onset_s", "duration_s"],
        "instruments": [{"name": f"number {n}", "notes": notes} for n, notes in enumerate(instruments)],
    }
    source = folder / "data" / SOURCE
    source.mkdir(parents=True)
    (source / "meta.json").write_text(json.dumps(meta), encoding="utf-8")
    return source.parent


@playable
def test_other_instruments_play_the_same_notes(tmp_path: Path) -> None:
    data = _data(tmp_path, [[69, 3.0, 80, 0.2, 0.5], [71, 0.0, 90, 0.8, 0.5]], [[50, -2.0, 80, 0.2, 1.1]])
    result = CliRunner().invoke(revoiced.main, [str(data), str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert [line for line in lines if "skipped" not in line] == [str(tmp_path / "out" / "h4_trumpet_trombone")]
    assert len(lines) == len(revoiced.REVOICED)  # one line for each, also where the source is missing
    (item,) = find_items(tmp_path / "out")
    assert item.names == ("trumpet", "trombone")
    assert not item.has_chords
    upper = item.notes[0]
    assert upper is not None
    assert upper.midi.tolist() == [69.03, 71.0]
    assert upper.onset_seconds.tolist() == [0.2, 0.8]
    mixture = soundfile.read(item.mixture, dtype="int32")[0]
    stems = [soundfile.read(item.folder / f"{name}.flac", dtype="int32")[0] for name in item.names]
    assert np.array_equal(mixture, sum(stems))
    assert all(stem.any() for stem in stems)


def test_without_any_source_there_is_one_sentence(tmp_path: Path) -> None:
    result = CliRunner().invoke(revoiced.main, [str(tmp_path), str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "01_recorder_violin" in result.output.splitlines()[-1]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "instruments",
    [
        ([[69, 0.0, 80, 0.2, 0.5]],),  # one is missing
        ([[69, 0.0, 80, 0.2, 0.5]], [[50, 0.0, 0.6, 0.2, 0.5]]),  # velocity is no MIDI velocity
        ([[69, 0.0, 80, 0.2, 0.5]], [[50, 0.0]]),
    ],
)
def test_notes_that_nobody_can_play_are_refused_in_one_sentence(
    tmp_path: Path, instruments: tuple[list[list[float]], ...]
) -> None:
    result = CliRunner().invoke(revoiced.main, [str(_data(tmp_path, *instruments)), str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "`note_columns`" in result.output
    assert not (tmp_path / "out").exists()
