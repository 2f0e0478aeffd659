"""Sessions of the studio: names that are harmless, recordings with words about them, notes that change hands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from notetable import NOTES

from bsep_stream.errors import ConfigError
from bsep_stream.notes.tables import read_notes
from bsep_stream.studio.fulldisk import FULL_DISK, told
from bsep_stream.studio.noteboard import give_notes, read_board, restore_notes
from bsep_stream.studio.recordings import POINTS, look_at, measure
from bsep_stream.studio.sessionfolder import SessionFolder, file_name
from bsep_stream.studio.sessions import Sessions, add_recording, change, checked_sources, keep_recording
from bsep_stream.studio.training import state_of

RATE = 8_000


@pytest.fixture
def session(tmp_path: Path) -> SessionFolder:
    folder = Sessions(tmp_path).create("Duet")
    change(folder, {"sources": [{"name": "flute", "tones": 1}, {"name": "oboe", "tones": 1}]})
    folder.notes("take").parent.mkdir()
    folder.notes("take").write_text(NOTES, encoding="utf-8")
    return folder


def write(path: Path, audio: np.ndarray) -> Path:
    soundfile.write(path, audio, RATE, subtype="FLOAT")
    return path


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\duet.wav", "duet.wav"),
        ("<b>duet</b>.wav", "b_.wav"),
        ("a\x00b\n.flac", "a_b_.flac"),
        ("..hidden.mp3", "hidden.mp3"),
        ("Übung 3 (Flöte).wav", "Übung 3 (Flöte).wav"),
        (f"{'x' * 300}.wav", f"{'x' * 76}.wav"),
    ],
)
def test_names_of_files_are_harmless(given: str, kept: str) -> None:
    assert file_name(given) == kept


@pytest.mark.parametrize("given", ["", "...", "///", "con", "NUL.wav", "-rf"])
def test_names_of_which_nothing_is_left_are_refused(given: str) -> None:
    with pytest.raises(ConfigError, match="cannot be the name of a file"):
        file_name(given)


def test_sessions_of_one_title_have_folders_of_their_own(tmp_path: Path) -> None:
    sessions = Sessions(tmp_path)
    names = [sessions.create("Duet <1> / Bach").name for _ in range(3)]
    assert names == ["duet-1-bach", "duet-1-bach-2", "duet-1-bach-3"]
    assert [row["name"] for row in sessions.all()] == names[::-1]
    sessions.delete(names[1])
    assert len(sessions.all()) == 2


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", "../other", "missing"])
def test_no_session_lies_outside_of_the_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "session.json").write_text("{}")
    (tmp_path / "inner").mkdir()
    with pytest.raises(ConfigError, match="no session"):
        Sessions(tmp_path / "inner").find(name)


@pytest.mark.parametrize(
    ("sources", "sentence"),
    [
        ([{"name": "a b!", "tones": 1}], "letters, digits"),
        ([{"name": "../x", "tones": 1}], "letters, digits"),
        ([{"name": "residual", "tones": 1}], "stands beside the stems"),
        ([{"name": "harp", "tones": 5}], "1 to 4 tones"),
        ([{"name": "Flute", "tones": 1}, {"name": "flute", "tones": 1}], "the same name"),
        ([{"name": f"v{n}", "tones": 1} for n in range(5)], "2 to 4 instruments"),
        ("flute", "2 to 4 instruments"),
    ],
)
def test_instruments_that_make_no_sense_are_refused(sources: object, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        checked_sources(sources)


def test_a_name_of_two_words_is_joined(session: SessionFolder) -> None:
    change(session, {"sources": [{"name": "english  horn", "tones": 1}, {"name": "harp", "tones": 4}]})
    assert session.read()["sources"] == [{"name": "english_horn", "tones": 1}, {"name": "harp", "tones": 4}]


def test_recordings_of_one_take_are_not_there_twice(session: SessionFolder) -> None:
    first = add_recording(session, "duet.wav")
    keep_recording(session, write(first, np.zeros(RATE)))
    for name in ("duet.wav", "DUET.flac", "x/duet.wav"):
        with pytest.raises(ConfigError, match="already"):
            add_recording(session, name)


@pytest.mark.parametrize(
    ("audio", "kind", "words"),
    [
        (np.zeros(RATE * 3), "bad", "silent"),
        (0.1 * np.ones(RATE // 2), "bad", "At least one second"),
        (np.clip(3.0 * np.sin(np.arange(RATE * 3) / 9.0), -1.0, 1.0), "warn", "clips"),
        (3.0 * np.sin(np.arange(RATE * 3) / 99.0), "hint", "9.5 dB beyond full scale"),  # slow, and not cut
        (0.001 * np.sin(np.arange(RATE * 3) / 9.0), "warn", "quiet"),
        (0.2 + 0.1 * np.sin(np.arange(RATE * 3) / 9.0), "warn", "offset"),
        (0.1 * np.sin(np.arange(RATE * 3) / 9.0), "hint", "mono"),
        (np.outer(np.sin(np.arange(RATE * 3) / 9.0), [0.1, -0.1]), "bad", "cancel"),
    ],
)
def test_what_could_be_better_is_said(tmp_path: Path, audio: np.ndarray, kind: str, words: str) -> None:
    said = measure(write(tmp_path / "x.wav", audio))["remarks"]
    assert any(remark["kind"] == kind and words in remark["text"] for remark in said), said


def test_waveform_shows_where_it_is_loud(tmp_path: Path) -> None:
    audio = np.zeros(RATE * 30)
    audio[RATE * 10 : RATE * 20] = 0.5 * np.sin(np.arange(RATE * 10) / 9.0)
    found = look_at(write(tmp_path / "x.wav", audio), tmp_path / "cache")
    high = np.array(found["high"])
    assert len(high) == POINTS
    assert high[POINTS // 2] == 127
    assert not high[: POINTS // 3 - 1].any()
    assert not any(remark["kind"] != "hint" for remark in found["remarks"])
    assert look_at(tmp_path / "x.wav", tmp_path / "cache") == found  # kept


def test_a_file_that_is_cut_short_is_told(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.flac", tmp_path / "cut.flac"
    soundfile.write(whole, 0.1 * np.random.default_rng(1).standard_normal(RATE * 30), RATE)
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    said = [remark["text"] for remark in look_at(cut, tmp_path / "cache")["remarks"]]
    assert any("cut.flac" in text and "missing" in text for text in said), said
    assert not any(str(tmp_path) in text for text in said)
    assert not any("missing" in remark["text"] for remark in look_at(whole, tmp_path / "cache")["remarks"])


def test_a_file_that_is_no_sound_has_a_remark_and_no_path(tmp_path: Path) -> None:
    path = tmp_path / "song.wav"
    path.write_text("no sound")
    found = look_at(path, tmp_path / "cache")
    assert found["remarks"][0]["kind"] == "bad"
    assert str(tmp_path) not in found["remarks"][0]["text"]


def test_a_note_goes_to_another_player_and_what_is_in_its_way_comes_back(session: SessionFolder) -> None:
    change_made = give_notes(session, "take", [0], "oboe")
    board = read_board(session, "take")
    assert [note["source"] for note in board["notes"]] == ["oboe", "flute", "oboe"]
    assert board["corrected"] == 2
    assert (change_made["start"], change_made["end"]) == (0.0, 0.5)
    table = read_notes(session.notes("take", corrected=True))  # what bsep notes writes
    assert table["oboe"][:, 2].tolist() == [72.0, 62.0]
    restore_notes(session, "take", {"0": "flute", "1": "oboe"})
    assert read_board(session, "take")["corrected"] == 0
    assert not session.notes("take", corrected=True).exists()


def test_notes_that_follow_one_another_do_not_hinder(session: SessionFolder) -> None:
    table = NOTES.replace("oboe,0.6000,0.9000", "oboe,0.4500,0.9000")  # the room keeps the one before for 50 ms
    session.notes("take").write_text(table.replace("oboe,0.1000,0.4000", "flute,0.9100,0.9900"), encoding="utf-8")
    assert give_notes(session, "take", [0], "oboe")["moved"] == [0]


def test_a_player_of_chords_keeps_its_notes(session: SessionFolder) -> None:
    change(session, {"sources": [{"name": "flute", "tones": 1}, {"name": "oboe", "tones": 2}]})
    assert give_notes(session, "take", [0], "oboe")["moved"] == [0]


@pytest.mark.parametrize("numbers", [[], [7], [-1], ["0"], [None]])
def test_notes_that_are_not_there_are_refused(session: SessionFolder, numbers: list[object]) -> None:
    with pytest.raises(ConfigError, match="no such notes"):
        give_notes(session, "take", numbers, "oboe")


def test_a_killed_training_is_paused_or_failed_and_never_busy(session: SessionFolder) -> None:
    session.progress.write_text('{"phase": "learning", "share": 0.5, "pid": 1}')
    session.log.write_text("Traceback\nMemoryError: no memory\n")
    assert state_of(session)["phase"] == "failed"
    assert "no memory" in state_of(session)["message"]
    session.search.mkdir()
    (session.search / "labels.npz").touch()
    assert state_of(session)["phase"] == "paused"
    assert state_of(session, pid=2)["phase"] == "starting"
    assert state_of(session, pid=1) | {"versions": {}} == {
        "phase": "learning", "share": 0.5, "pid": 1, "running": True, "versions": {}
    }  # fmt: skip


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        ConfigError("cannot write to x (System error: is the disk full?); make room or give another --output"),
        ConfigError(
            "run cannot be written to (I/O error: No space left on device (os error 28)): choose another --output"
        ),
    ],
)
def test_a_full_disk_is_told_in_words_of_the_page(error: Exception) -> None:
    assert told(error) == FULL_DISK
    assert told(ConfigError("drop a recording first")) == "drop a recording first"


def test_a_training_that_could_not_say_that_the_disk_is_full(
    session: SessionFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.progress.write_text('{"phase": "learning", "pid": 1}')
    monkeypatch.setattr("bsep_stream.studio.training.is_full", lambda _: True)
    assert state_of(session)["message"] == FULL_DISK
