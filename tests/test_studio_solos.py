"""Passages in which one plays alone: marked in a session, refused where they make no sense, given to the training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from notetable import NOTES

pytest.importorskip("tomli_w")

from bsep_stream.errors import ConfigError
from bsep_stream.notes.tables import read_notes
from bsep_stream.studio.noteboard import give_notes, give_solos
from bsep_stream.studio.renaming import rename_sources
from bsep_stream.studio.sessionfolder import SessionFolder
from bsep_stream.studio.sessions import Sessions, add_recording, change, keep_recording, remove_recording
from bsep_stream.studio.solos import are_new, keep_heard, mark_solo, solo_options, unmark_solo

RATE, SECONDS = 8_000, 20
FLUTE, OBOE = ({"name": name, "tones": 1} for name in ("flute", "oboe"))


@pytest.fixture
def session(tmp_path: Path) -> SessionFolder:
    folder = Sessions(tmp_path).create("Duet")
    change(folder, {"sources": [FLUTE, OBOE]})
    record(folder, "take.wav")
    return folder


def record(folder: SessionFolder, name: str) -> None:
    path = add_recording(folder, name)
    soundfile.write(path, 0.1 * np.sin(np.arange(SECONDS * RATE)), RATE)
    keep_recording(folder, path)


def solo(source: str, begin: float, end: float) -> dict[str, object]:
    return {"source": source, "from": begin, "to": end}


def test_passages_stand_in_the_session_as_the_command_takes_them(session: SessionFolder) -> None:
    mark_solo(session, solo("oboe", 12.0, 15.5))
    mark_solo(session, solo("flute", 0.0, 8.0))
    assert session.read()["solos"] == [solo("flute", 0.0, 8.0), solo("oboe", 12.0, 15.5)]
    assert solo_options(session) == ["flute=0.000-8.000", "oboe=12.000-15.500"]
    unmark_solo(session, solo("flute", 0.0, 8.0))
    assert solo_options(session) == ["oboe=12.000-15.500"]
    with pytest.raises(ConfigError, match="no such passage any more"):
        unmark_solo(session, solo("flute", 0.0, 8.0))


def test_passages_of_one_instrument_that_meet_are_one(session: SessionFolder) -> None:
    for begin, end in ((0.0, 3.0), (6.0, 9.0), (3.0, 6.0), (7.0, 99.0)):
        mark_solo(session, solo("flute", begin, end))
    assert session.read()["solos"] == [solo("flute", 0.0, float(SECONDS))]  # and end with the recording


def test_one_may_play_alone_right_after_another(session: SessionFolder) -> None:
    mark_solo(session, solo("flute", 0.0, 3.0))
    mark_solo(session, solo("oboe", 3.0, 6.0))
    assert len(session.read()["solos"]) == 2


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (solo("oboe", 2.0, 5.0), "flute plays alone from 0:00.0 to 0:03.0"),
        (solo("harp", 4.0, 5.0), "name the instruments first"),
        (solo("flute", 5.0, 4.0), "ends after it begins"),
        (solo("flute", 5.0, 5.1), "at least 0.2 s"),
        (solo("flute", 20.0, 25.0), "the recording ends at 0:20.0, the passage begins at 0:20.0"),
        (solo("flute", -1.0, 4.0), "from one time to another"),
        (solo("flute", float("nan"), 4.0), "from one time to another"),
        (solo("flute", 0.0, 10**400), "from one time to another"),
        ({"source": "flute", "from": True, "to": "8"}, "from one time to another"),
        ({"source": ["flute"]}, "name the instruments first"),
        ({}, "name the instruments first"),
    ],
)
def test_what_is_no_passage_is_refused_in_a_sentence(
    session: SessionFolder, values: dict[str, object], sentence: str
) -> None:
    mark_solo(session, solo("flute", 0.0, 3.0))
    before = session.read()
    with pytest.raises(ConfigError, match=sentence):
        mark_solo(session, values)
    assert session.read() == before


def test_times_are_those_of_one_recording(session: SessionFolder) -> None:
    mark_solo(session, solo("flute", 0.0, 3.0))
    with pytest.raises(ConfigError, match="take them out first"):
        add_recording(session, "second.wav")
    remove_recording(session, "take.wav")
    assert session.read()["solos"] == []
    for name in ("a.wav", "b.wav"):
        record(session, name)
    with pytest.raises(ConfigError, match="of one recording"):
        mark_solo(session, solo("flute", 0.0, 3.0))


def test_passages_follow_their_instrument(session: SessionFolder) -> None:
    mark_solo(session, solo("flute", 0.0, 3.0))
    mark_solo(session, solo("oboe", 4.0, 6.0))
    change(session, {"sources": [OBOE, FLUTE]})  # another order
    assert solo_options(session) == ["flute=0.000-3.000", "oboe=4.000-6.000"]
    change(session, {"sources": [OBOE, {"name": "piccolo", "tones": 1}]})  # another name
    assert solo_options(session) == ["piccolo=0.000-3.000", "oboe=4.000-6.000"]
    change(session, {"sources": [OBOE]})  # gone
    assert solo_options(session) == ["oboe=4.000-6.000"]


def test_exchanged_names_are_exchanged_and_nothing_is_new(session: SessionFolder) -> None:
    mark_solo(session, solo("flute", 0.0, 3.0))
    session.search.mkdir()
    keep_heard(session)
    rename_sources(session, ["oboe", "flute"])
    assert solo_options(session) == ["oboe=0.000-3.000"]
    assert not are_new(session)


def test_what_a_search_was_not_told_is_new(session: SessionFolder) -> None:
    mark_solo(session, solo("flute", 0.0, 3.0))
    assert not are_new(session)  # there was no search
    session.search.mkdir()
    assert are_new(session)
    keep_heard(session)
    assert not are_new(session)
    unmark_solo(session, solo("flute", 0.0, 3.0))
    assert are_new(session)


def test_a_passage_is_his_in_corrected_notes_too(session: SessionFolder) -> None:
    session.notes("take").parent.mkdir()
    session.notes("take").write_text(NOTES, encoding="utf-8")
    give_solos(session, "take", [solo("flute", 0.0, 0.5)])
    assert not session.notes("take", corrected=True).exists()  # nothing was corrected
    give_notes(session, "take", [2], "flute")
    give_solos(session, "take", [solo("flute", 0.0, 0.5), solo("oboe", 0.55, 2.0)])
    table = read_notes(session.notes("take", corrected=True))
    assert table["flute"][:, 2].tolist() == [72.0, 60.0]
    assert table["oboe"][:, 2].tolist() == [62.0]
