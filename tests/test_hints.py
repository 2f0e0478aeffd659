"""What a musician says of who plays: read, refused, matched to notes, and kept with the run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")

import numpy as np
import soundfile
from click.testing import CliRunner

from bsep_stream.errors import ConfigError, NotesError
from bsep_stream.train.config.hints import Hints, read_hints
from bsep_stream.train.config.presets import preset_config
from bsep_stream.train.config.trainconfig import TrainConfig
from bsep_stream.train.runs.command import command
from bsep_stream.train.search.players.given import given_players
from bsep_stream.train.search.players.notes import Notes, cut_notes

NAMES = ("flute", "oboe")
BIN_HZ = 5.0
HOP_SECONDS = 0.1


def two_notes() -> Notes:
    """A4 for a second, then E5."""
    f0_bin = np.array([[440.0 / BIN_HZ] * 10 + [659.3 / BIN_HZ] * 10])
    return cut_notes(f0_bin, np.ones_like(f0_bin), np.arange(20) == 0)


def players(hints: Hints) -> list[int]:
    notes = two_notes()
    return [int(player) for player in given_players(hints, notes, HOP_SECONDS * np.arange(20), BIN_HZ)]


@pytest.mark.parametrize("text", ["flute=0:00-0:08", "flute=0-8", " flute = 0:00.0-8.0", "flute=0:00:00-0:00:08"])
def test_a_passage_is_read_in_minutes_and_seconds(text: str) -> None:
    assert read_hints([text.replace(" = ", "=")], None, NAMES) == Hints(solos=((0, 0.0, 8.0),))


@pytest.mark.parametrize(
    ("solos", "what"),
    [
        (["flute"], "takes a source and a passage"),
        (["flute=a-b"], "takes a source and a passage"),
        (["flute=1:2:3:4-9"], "takes a source and a passage"),
        (["piano=0-8"], "--sources names flute, oboe"),
        (["flute=8-8"], "ends after it begins"),
        (["flute=0-8", "oboe=7-9"], "overlap"),
    ],
)
def test_what_is_no_passage_is_refused(solos: list[str], what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        read_hints(solos, None, NAMES)


def test_notes_of_a_table_are_taken_as_given(tmp_path: Path) -> None:
    table = tmp_path / "notes.csv"
    table.write_text("source,onset_seconds,offset_seconds,key\noboe,0.0,1.0,69\nflute,1.0,2.0,76\n")
    hints = read_hints([], table, NAMES)
    assert hints.sources == {0, 1}
    assert players(hints) == [1, 0]


def test_a_table_of_other_sources_or_none_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "notes.csv"
    table.write_text("source,onset_seconds,offset_seconds,key\npiano,0.0,1.0,69\n")
    with pytest.raises(ConfigError, match="piano"):
        read_hints([], table, NAMES)
    with pytest.raises(NotesError):
        read_hints([], tmp_path / "missing.csv", NAMES)


def test_a_note_belongs_to_the_passage_that_most_of_it_lies_in() -> None:
    assert players(Hints(solos=((1, 0.0, 0.7),))) == [1, -1]
    assert players(Hints(solos=((1, 0.0, 0.3),))) == [-1, -1]
    assert players(Hints(solos=((0, 0.9, 3.0),))) == [-1, 0]


def test_a_given_note_of_another_pitch_says_nothing() -> None:
    assert players(Hints(notes=((1, 0.0, 1.0, 70.0),))) == [-1, -1]
    assert players(Hints(notes=((1, 0.0, 1.0, 69.3),))) == [1, -1]


def test_hints_are_kept_with_the_configuration() -> None:
    from dataclasses import replace

    hints = Hints(((0, 0.0, 8.0),), ((1, 1.0, 2.0, 69.0),))
    config = replace(preset_config("fast", NAMES), hints=hints)
    assert TrainConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    before = {key: value for key, value in preset_config("fast", NAMES).to_dict().items() if key != "hints"}
    assert TrainConfig.from_dict(before).hints == Hints()


@pytest.mark.parametrize("more", [["--resume"], ["--each"]])
def test_hints_are_for_the_beginning_of_one_run(more: list[str], tmp_path: Path) -> None:
    arguments = ["a.wav", "--sources", "flute,oboe", "--solo", "flute=0-8", "--output", str(tmp_path / "run"), *more]
    result = CliRunner().invoke(command, arguments)
    assert isinstance(result.exception, ConfigError)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("more", [["--preset", "paper"], ["--init", "other"], ["b.wav"]])
def test_hints_need_a_search_of_one_recording(more: list[str], tmp_path: Path) -> None:
    arguments = ["a.wav", "--sources", "flute,oboe", "--solo", "flute=0-8", "--output", str(tmp_path / "run"), *more]
    result = CliRunner().invoke(command, arguments)
    assert isinstance(result.exception, ConfigError)
    assert "--solo" in str(result.exception)


@pytest.mark.parametrize("seeds", [[], ["--seeds", "2"]])
def test_a_passage_after_the_end_of_the_recording_is_refused(seeds: list[str], tmp_path: Path) -> None:
    recording = tmp_path / "duet.wav"
    soundfile.write(recording, 0.1 * np.sin(2 * np.pi * 440 / 48_000 * np.arange(48_000)), 48_000)
    arguments = [str(recording), "--sources", "flute,oboe", "--output", str(tmp_path / "run"), *seeds]
    result = CliRunner().invoke(command, [*arguments, "--solo", "oboe=1:12-1:20"])
    assert isinstance(result.exception, ConfigError)
    assert "oboe plays at 72 s, but the recording ends at 1.0 s" in str(result.exception)
    assert not any((tmp_path / "run").glob("*.json"))


def test_notes_of_another_recording_are_refused_and_a_passage_may_go_past_the_end() -> None:
    with pytest.raises(ConfigError, match="--notes"):
        Hints(notes=((1, 0.5, 1.0, 69.0), (0, 30.0, 31.0, 69.0))).refuse_beyond(20.0, NAMES)
    Hints(solos=((0, 19.0, 30.0),)).refuse_beyond(20.0, NAMES)
