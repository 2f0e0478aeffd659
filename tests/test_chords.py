"""Mixtures with chords: what is written is what is played."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

pytest.importorskip("torch")  # bsep_stream.train

from bsep_stream.train.benchmark import chords
from bsep_stream.train.benchmark.chordscores import PIECES, Part, Piece, WrittenNote
from bsep_stream.train.benchmark.items import find_items

LIMITS = {"piano": 4, "guitar": 3, "harmonium": 3}
ROUNDING = 1e-4  # onsets are written to a tenth of a millisecond
SILENT = 1e-3  # of the peak: before the first note

playable = pytest.mark.skipif(
    shutil.which("fluidsynth") is None or not any(path.is_file() for path in chords.SOUNDFONTS),
    reason="needs fluidsynth and a soundfont",
)


def test_tokens_are_chords_broken_chords_and_rests() -> None:
    part = Part("piano", 0, "C4:1 | r:.5 D4+F#4:1.5 C3~Eb4+G4:2")
    assert part.notes() == [
        WrittenNote(0.0, 1.0, 60),
        WrittenNote(1.5, 1.5, 62),
        WrittenNote(1.5, 1.5, 66),
        WrittenNote(3.0, 2.0, 48),
        WrittenNote(4.0, 1.0, 63),
        WrittenNote(4.0, 1.0, 67),
    ]


@pytest.mark.parametrize("piece", PIECES, ids=lambda piece: piece.item)
def test_parts_are_equally_long_and_play_as_many_notes_as_they_may(piece: Piece) -> None:
    lengths = []
    for part in piece.parts:
        notes = part.notes()
        lengths.append(sum(float(token.split(":")[1]) for token in part.line.replace("|", " ").split()))
        sounding = [
            sum(other.onset <= note.onset < other.onset + other.duration - ROUNDING for other in notes)
            for note in notes
        ]
        assert max(sounding) == LIMITS.get(part.name, 1)
    assert lengths[0] == pytest.approx(lengths[1], abs=ROUNDING)


def test_a_channel_does_not_bend_two_neighbours() -> None:
    notes = [chords.PlayedNote(0.1 * number, 1.0, 60 + number, 5.0 * number, 80) for number in range(15)]
    messages = [message for message in chords.midi_file(notes, 24).tracks[0] if message.type == "note_on"]
    assert len({message.channel for message in messages}) == 15
    assert all(message.channel != 9 for message in messages)


@playable
def test_an_item_is_what_its_notes_say(tmp_path: Path) -> None:
    piece = Piece(
        "00_short", "scale", "nobody", 120.0, (Part("flute", 73, "A4:1 r:1"), Part("piano", 0, "r:1 C3+E3:1"))
    )
    folder = chords.write_item(piece, tmp_path, chords._default_soundfont())
    (item,) = find_items(tmp_path)
    assert item.names == ("flute", "piano")
    mixture = soundfile.read(item.mixture, dtype="int32")[0] >> 8
    stems = [soundfile.read(folder / f"{name}.flac", dtype="int32")[0] >> 8 for name in item.names]
    assert np.array_equal(mixture, sum(stems))
    flute, piano = stems
    flute_notes, piano_notes = item.notes
    assert flute_notes is not None
    assert piano_notes is not None
    spectrum = np.abs(np.fft.rfft(flute * np.hanning(flute.size)))
    hz = spectrum.argmax() * chords.RATE / flute.size
    assert 12 * np.log2(hz / 440.0) == pytest.approx(float(flute_notes.midi[0]) - 69, abs=0.1)
    before = int((piano_notes.onset_seconds.min() - 0.01) * chords.RATE)
    assert np.abs(piano[:before]).max() < SILENT * np.abs(piano).max()
    again = chords.write_item(piece, tmp_path / "again", chords._default_soundfont())
    for name in ("mix.flac", "piano.flac", "meta.json"):
        assert (again / name).read_bytes() == (folder / name).read_bytes()


@playable
def test_a_file_that_is_no_soundfont_is_refused_in_one_sentence(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.sf2"
    wrong.write_bytes(b"nothing")
    result = CliRunner().invoke(chords.main, [str(tmp_path / "out"), "--soundfont", str(wrong)])
    assert result.exit_code == 2
    assert "SF2 soundfont" in result.output
    assert not (tmp_path / "out").exists()


def test_without_fluidsynth_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    soundfont = tmp_path / "any.sf2"
    soundfont.touch()
    result = CliRunner().invoke(chords.main, [str(tmp_path / "out"), "--soundfont", str(soundfont)])
    assert result.exit_code == 2
    assert "apt-get install fluidsynth" in result.output
    monkeypatch.setattr(chords, "SOUNDFONTS", (tmp_path / "none.sf2",))
    result = CliRunner().invoke(chords.main, [str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "--soundfont" in result.output
