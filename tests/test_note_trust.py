"""Notes of other programs and of strangers: read as they are meant, or refused in a sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bsep_stream.errors import NotesError
from bsep_stream.notes.tables import read_notes

mido = pytest.importorskip("mido")

from bsep_stream.notes.midi import LARGEST_BYTES, read_midi

NOTE = b"\x00\x90\x3c\x40\x60\x80\x3c\x40"  # middle C, 96 ticks
END = b"\x00\xff\x2f\x00"
HEAD = "source,onset_seconds,offset_seconds,key\n"


def midi(*tracks: bytes, division: bytes = b"\x00\x60", kind: int = 1) -> bytes:
    header = b"MThd\x00\x00\x00\x06" + kind.to_bytes(2, "big") + len(tracks).to_bytes(2, "big") + division
    return header + b"".join(b"MTrk" + len(each).to_bytes(4, "big") + each for each in tracks)


def named(name: bytes) -> bytes:
    return b"\x00\xff\x03" + bytes([len(name)]) + name


def read(content: bytes, folder: Path) -> dict[str, np.ndarray]:
    path = folder / "a.mid"
    path.write_bytes(content)
    return read_midi(path)


@pytest.mark.parametrize(
    ("division", "seconds"),
    [(b"\xe8\x04", 1.0), (b"\xe7\x28", 96 / 1000), (b"\xe3\x08", 96 / 232), (b"\xe2\x50", 0.04), (b"\x00\x60", 0.5)],
)
def test_time_in_frames_of_film_is_time(division: bytes, seconds: float, tmp_path: Path) -> None:
    """SMPTE: 24, 25, 29 and 30 frames a second; a tempo then says nothing."""
    (notes,) = read(midi(NOTE + END, division=division), tmp_path).values()
    np.testing.assert_allclose(notes, [[0.0, seconds, 60]])


def test_names_of_old_programs_and_of_new_ones_are_read(tmp_path: Path) -> None:
    tracks = [named(name) + NOTE + END for name in (b"Fl\xf6te", "Fl\u00f6te 2".encode(), b"evil\x1b[2J")]
    assert list(read(midi(*tracks), tmp_path)) == ["Flöte", "Flöte 2", "evil\\x1b[2J"]


BAD = {
    "no tempo": (midi(b"\x00\xff\x51\x03\x00\x00\x00" + NOTE + END), "a tempo of no time"),
    "no division": (midi(NOTE + END, division=b"\x00\x00"), "no time passes"),
    "no ticks in a frame": (midi(NOTE + END, division=b"\xe8\x00"), "no time passes"),
    "type 2": (midi(NOTE + END, kind=2), "type 2"),
    "many tracks": (midi(*[NOTE + END] * 300), "300 tracks, and 256 are possible"),
    "large": (b"MThd" + bytes(LARGEST_BYTES), "is larger than"),
    "cut": (midi(NOTE + END)[:-3], "cannot be read as MIDI"),
    "key signature": (midi(b"\x00\xff\x59\x02\x70\x70" + END), "cannot be read as MIDI"),
    "nothing": (b"", "cannot be read as MIDI"),
    "endless delta": (midi(b"\xff" * 50), "cannot be read as MIDI"),
    "running status of nothing": (midi(b"\x00\x3c\x40" + END), "cannot be read as MIDI"),
}


@pytest.mark.parametrize("kind", list(BAD))
def test_midi_that_is_none_is_one_sentence(kind: str, tmp_path: Path) -> None:
    content, sentence = BAD[kind]
    with pytest.raises(NotesError, match=sentence) as caught:
        read(content, tmp_path)
    assert str(caught.value).isprintable()


def test_table_of_a_spreadsheet_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes((HEAD + "Flöte,0,1,60\n").encode("latin-1"))
    assert list(read_notes(path)) == ["Flöte"]
    path.write_bytes(b"\xef\xbb\xbf" + (HEAD + "Flöte,0,1,60\n").encode())
    assert list(read_notes(path)) == ["Flöte"]
    path.write_text(HEAD + "\x1b[2J,0,1,60\n")
    assert list(read_notes(path)) == ["\\x1b[2J"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (HEAD + "a,0,1e400,60\n", "no note"),
        (HEAD + "a,0,nan,60\n", "no note"),
        (HEAD + "a,0," + "9" * 5_000 + ",60\n", "no note"),
        (HEAD + "a,0,1," + "9" * 400 + "\n", "no note"),
        (HEAD + "a,0\n", "no note"),
        ("onset_seconds,offset_seconds,key,source\n0,1,60\n", "no note"),
        (HEAD + "a" * 200_000 + ",0,1,60\n", "no note"),
        (HEAD + "".join(f"source {i},0,1,60\n" for i in range(300)), "more than the 256 sources"),
        ("\x1b[2J" * 1_000 + "\n", "should have the columns"),
        ("", "should have the columns"),
        ("\x00", "should have the columns"),
    ],
)
def test_table_that_is_none_is_one_sentence(text: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(NotesError, match=sentence) as caught:
        read_notes(tmp_path / "a.csv")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500


def test_comparison_of_gigabytes_is_refused() -> None:
    pytest.importorskip("mir_eval")
    from bsep_stream.notes.scores import score_notes

    notes = {"a": np.tile([0.0, 1.0, 60.0], (8_000, 1))}
    with pytest.raises(NotesError, match=r"at most 5e\+07 pairs of notes"):
        score_notes(notes, notes)
