"""Notes as MIDI and as tables, and back."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bsep_stream.errors import ConfigError, NotesError
from bsep_stream.notes.events import Note, NoteSettings
from bsep_stream.notes.tables import read_notes, write_notes, write_track
from bsep_stream.notes.transcription import PitchTrack, Transcription

TICK_SECONDS = 1 / 960


def transcription(notes: list[Note], names: tuple[str, ...] = ("flute", "oboe")) -> Transcription:
    empty = PitchTrack(np.empty(0), np.empty((2, 0)), np.empty((2, 0)), (0, 1))
    return Transcription(names, notes, empty, NoteSettings())


def note(source: int, key: int, onset: float, offset: float, cents: float = 0.0) -> Note:
    times = np.arange(onset, offset, 0.02)
    return Note(source, key, onset, offset, key + cents / 100, 0.0, times, np.full(times.shape, key + cents / 100))


def test_table_is_read_back(tmp_path: Path) -> None:
    write_notes(tmp_path / "a.csv", transcription([note(0, 60, 0.5, 1.0, -20.0), note(1, 48, 0.25, 2.0)]))
    found = read_notes(tmp_path / "a.csv")
    np.testing.assert_allclose(found["flute"], [[0.5, 1.0, 59.8]])
    np.testing.assert_allclose(found["oboe"], [[0.25, 2.0, 48.0]])


def test_track_table_has_cents(tmp_path: Path) -> None:
    f0_hz = np.array([[440.0, np.nan], [445.0, 261.0]])
    track = PitchTrack(np.array([0.0, 0.02]), f0_hz, np.where(np.isnan(f0_hz), np.nan, -3.0), (0, 1))
    write_track(tmp_path / "a.csv", replace(transcription([]), track=track))
    rows = list(csv.DictReader((tmp_path / "a.csv").open()))
    assert [(row["seconds"], row["source"], row["name"], row["cents"]) for row in rows] == [
        ("0.0000", "flute", "A4", "0.0"),
        ("0.0000", "oboe", "A4", "19.6"),
        ("0.0200", "oboe", "C4", "-4.1"),
    ]


def test_midi_has_a_track_per_source_and_is_read_back(tmp_path: Path) -> None:
    pytest.importorskip("mido")
    from bsep_stream.notes.midi import read_midi, write_midi

    notes = [note(0, 60, 0.5, 1.0), note(0, 60, 1.0, 1.5), note(0, 64, 1.2, 1.5), note(1, 48, 0.0, 2.0)]
    write_midi(tmp_path / "a.mid", transcription(notes, ("flöte", "oboe")))
    found = read_midi(tmp_path / "a.mid")
    assert list(found) == ["flöte", "oboe"]
    np.testing.assert_allclose(found["flöte"], [[0.5, 1.0, 60], [1.0, 1.5, 60], [1.2, 1.5, 64]], atol=TICK_SECONDS)
    np.testing.assert_allclose(found["oboe"], [[0.0, 2.0, 48]], atol=TICK_SECONDS)


def test_source_without_notes_keeps_its_track(tmp_path: Path) -> None:
    pytest.importorskip("mido")
    from bsep_stream.notes.midi import read_midi, write_midi

    write_midi(tmp_path / "a.mid", transcription([note(0, 60, 0.5, 1.0)]))
    assert {name: len(notes) for name, notes in read_midi(tmp_path / "a.mid").items()} == {"flute": 1, "oboe": 0}


def test_pitch_wheel_follows_and_overlapping_notes_have_their_own(tmp_path: Path) -> None:
    mido = pytest.importorskip("mido")
    from bsep_stream.notes.midi import write_midi

    bent = replace(note(0, 60, 0.0, 0.5), pitches=60 + np.linspace(0, 0.5, 25))
    write_midi(tmp_path / "a.mid", transcription([bent, note(0, 64, 0.2, 1.0), note(1, 48, 0.0, 1.0)]), bends=True)
    flute, oboe = mido.MidiFile(tmp_path / "a.mid").tracks[1:]
    channels = {message.note: message.channel for message in (*flute, *oboe) if message.type == "note_on"}
    assert channels == {60: 0, 64: 1, 48: 2}
    wheels = [message.pitch for message in flute if message.type == "pitchwheel" and message.channel == 0]
    assert wheels == sorted(wheels)
    assert (wheels[0], wheels[-1]) == (0, 2048)  # half a semitone of the two that 8192 stand for
    first = [message.type for message in oboe if not message.is_meta][:2]
    assert first == ["pitchwheel", "note_on"]


def test_more_sources_than_channels_is_one_sentence(tmp_path: Path) -> None:
    pytest.importorskip("mido")
    from bsep_stream.notes.midi import write_midi

    with pytest.raises(ConfigError, match="15 channels for notes and there are 16 sources"):
        write_midi(tmp_path / "a.mid", transcription([], tuple(f"s{i}" for i in range(16))))
    chord = [note(0, 40 + i, 0.0, 1.0) for i in range(16)]
    with pytest.raises(ConfigError, match="without pitch bends"):
        write_midi(tmp_path / "a.mid", transcription(chord), bends=True)


def test_foreign_midi_with_tempo_changes_is_read_in_seconds(tmp_path: Path) -> None:
    mido = pytest.importorskip("mido")
    from bsep_stream.notes.midi import read_midi

    tempo = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=500_000), mido.MetaMessage("set_tempo", tempo=250_000)])
    tempo[1].time = 480
    played = mido.MidiTrack(
        [
            mido.Message("note_on", note=60, velocity=9, time=0),
            mido.Message("note_on", note=60, velocity=0, time=960),
            mido.Message("note_on", note=62, velocity=9, time=0),
            mido.MetaMessage("end_of_track", time=480),
        ]
    )
    mido.MidiFile(type=1, ticks_per_beat=480, tracks=[tempo, played]).save(tmp_path / "a.mid")
    (notes,) = read_midi(tmp_path / "a.mid").values()
    np.testing.assert_allclose(notes, [[0.0, 0.75, 60], [0.75, 1.0, 62]])


@pytest.mark.parametrize("content", [b"", b"MThd", b"RIFF" * 20])
def test_file_that_is_no_midi_is_one_sentence(content: bytes, tmp_path: Path) -> None:
    pytest.importorskip("mido")
    from bsep_stream.notes.midi import read_midi

    (tmp_path / "a.mid").write_bytes(content)
    with pytest.raises(NotesError, match="cannot be read as MIDI"):
        read_midi(tmp_path / "a.mid")
    with pytest.raises(NotesError, match="there is no file"):
        read_midi(tmp_path / "b.mid")
