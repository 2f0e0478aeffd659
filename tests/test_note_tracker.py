"""Notes from tones, frame by frame: synthetic tones whose notes are known."""

import numpy as np
import pytest

from bsep_stream.errors import ConfigError
from bsep_stream.notes.events import Note, NoteSettings, NoteStart, Tone, velocity_of
from bsep_stream.notes.tracker import NoteTracker

HOP = 0.02  # 3 frames to confirm, a gap of 2 frames
ONE_FRAME = HOP + 1e-9
LOUD = -3.0


def follow(
    frames: list[list[Tone]], settings: NoteSettings | None = None
) -> tuple[list[tuple[int, NoteStart]], list[Note]]:
    """Starts with the frame in which they were told, and all notes."""
    tracker = NoteTracker(HOP, settings)
    starts, notes = [], []
    for i, tones in enumerate(frames):
        started, ended = tracker.process(tones)
        starts += [(i, start) for start in started]
        notes += ended
    return starts, notes + tracker.finish()


def held(pitch: float, n: int, level_db: float = LOUD, source: int = 0) -> list[list[Tone]]:
    return [[Tone(source, pitch, level_db)]] * n


def test_a_tone_becomes_a_note_with_its_pitch_level_and_time() -> None:
    starts, notes = follow([*[[]] * 5, *held(60.2, 20), *[[]] * 5])
    assert starts == [(7, NoteStart(0, 60, velocity_of(LOUD), 5 * HOP))]
    (note,) = notes
    assert (note.source, note.key) == (0, 60)
    assert note.cents == pytest.approx(20.0)
    assert note.onset_seconds == pytest.approx(5 * HOP, abs=ONE_FRAME)
    assert note.offset_seconds == pytest.approx(24 * HOP, abs=ONE_FRAME)
    assert note.level_db == LOUD
    assert len(note.times) == len(note.pitches) == 20


def test_short_tones_and_quiet_tones_are_no_notes() -> None:
    settings = NoteSettings()
    assert follow([*held(60, 2), [], *held(62, 2)])[1] == []
    assert follow(held(60, 30, settings.on_db - 1))[1] == []
    assert follow(held(60, 30, settings.off_db - 1))[1] == []
    assert len(follow(held(60, 30, settings.on_db))[1]) == 1


def test_note_lives_on_between_the_two_levels_and_over_a_short_gap() -> None:
    between = (NoteSettings().on_db + NoteSettings().off_db) / 2
    (note,) = follow([*held(60, 5), *held(60, 10, between)])[1]
    assert len(note.times) == 15
    (note,) = follow([*held(60, 5), [], *held(60, 5)])[1]
    assert len(note.times) == 10
    assert len(follow([*held(60, 5), *[[]] * 4, *held(60, 5)])[1]) == 2


def test_vibrato_is_one_note_and_a_semitone_another() -> None:
    vibrato = [[Tone(0, 60 + 0.45 * np.sin(2 * np.pi * 5.5 * i * HOP), LOUD)] for i in range(60)]
    (note,) = follow(vibrato)[1]
    assert (note.key, len(note.times)) == (60, 60)
    keys = [note.key for note in follow([*held(60, 10), *held(61, 10), *held(60, 10)])[1]]
    assert keys == [60, 61, 60]


def test_repeated_note_is_told_by_its_dip() -> None:
    dip = [held(60, 1, level)[0] for level in (-8.0, -20.0, -8.0)]
    starts, notes = follow([*held(60, 10), *dip, *held(60, 10)])
    assert [note.key for note in notes] == [60, 60]
    assert notes[0].offset_seconds <= notes[1].onset_seconds
    assert notes[1].onset_seconds == pytest.approx(11 * HOP, abs=ONE_FRAME)
    assert len(starts) == 2
    shallow = [held(60, 1, level)[0] for level in (-5.0, -8.0, -5.0)]
    assert len(follow([*held(60, 10), *shallow, *held(60, 10)])[1]) == 1


def test_note_that_swells_is_one_note() -> None:
    swell = [held(60, 1, level)[0] for level in np.linspace(-25, 0, 40)]
    assert len(follow(swell)[1]) == 1


def test_chord_of_one_source_is_as_many_notes_in_any_order_of_the_tones() -> None:
    frames = []
    for i in range(20):
        tones = [Tone(0, 60, LOUD), Tone(0, 64, LOUD), Tone(0, 67, LOUD)]
        frames.append(tones[i % 3 :] + tones[: i % 3])
    starts, notes = follow(frames)
    assert sorted(note.key for note in notes) == [60, 64, 67]
    assert all(len(note.times) == 20 for note in notes)
    assert len(starts) == 3


def test_sources_do_not_take_each_others_tones() -> None:
    frames = [[Tone(0, 60, LOUD), Tone(1, 60, LOUD)]] * 10 + held(60, 10, source=1)
    notes = sorted(follow(frames)[1], key=lambda note: note.source)
    assert [(note.source, len(note.times)) for note in notes] == [(0, 10), (1, 20)]


def test_the_future_does_not_change_the_past(rng: np.random.Generator) -> None:
    """What is told up to a frame is the same whatever follows."""
    frames = [[Tone(s, float(rng.integers(58, 64)), float(rng.uniform(-30, 0))) for s in range(2)] for _ in range(40)]
    frames = [tones for tones in frames for _ in range(4)]
    full, part = NoteTracker(HOP), NoteTracker(HOP)
    for tones in frames[:80]:
        assert full.process(tones) == part.process(tones)
    part.process([])
    again = NoteTracker(HOP)
    told = [again.process(tones) for tones in frames]
    assert sum(len(started) for started, _ in told) > 10
    assert [full.process(tones) for tones in frames[80:]] == told[80:]


def test_reset_and_finish_are_like_new() -> None:
    frames = [*held(60, 8), *held(62, 8)]
    tracker = NoteTracker(HOP)
    first = [tracker.process(tones) for tones in frames], tracker.finish()
    assert ([tracker.process(tones) for tones in frames], tracker.finish()) == first
    tracker.process(held(60, 1)[0])
    tracker.reset()
    assert ([tracker.process(tones) for tones in frames], tracker.finish()) == first


def test_sounding_says_what_a_pitch_wheel_wants() -> None:
    tracker = NoteTracker(HOP)
    for tones in held(60.1, 5):
        tracker.process(tones)
    tracker.process([Tone(0, 60.3, LOUD)])
    ((source, key, cents),) = tracker.sounding
    assert (source, key) == (0, 60)
    assert cents == pytest.approx(30.0)


def test_edges_lie_where_the_level_comes_near_that_of_the_note() -> None:
    ramp = [held(60, 1, level)[0] for level in (-30.0, -24.0, -12.0, 0.0)]
    (note,) = follow([*ramp, *held(60, 10, 0.0), *ramp[::-1]])[1]
    assert note.onset_seconds == pytest.approx(2 * HOP)
    assert note.offset_seconds == pytest.approx(14.5 * HOP, abs=1e-3)


def test_times_begin_at_zero_also_when_frames_begin_before() -> None:
    tracker = NoteTracker(HOP, start_seconds=-5 * HOP)
    for tones in held(60, 20):
        tracker.process(tones)
    (note,) = tracker.finish()
    assert note.onset_seconds == 0.0
    assert note.offset_seconds == pytest.approx(14 * HOP)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"on_db": -40.0}, "off_db must be at most on_db"),
        ({"confirm_seconds": -1.0}, "must be 0 to 1"),
        ({"hold_cents": 100.0}, "hold_cents between 0 and 100"),
        ({"a4_hz": float("nan")}, "a4_hz must be 220 to 880"),
    ],
)
def test_settings_that_make_no_sense(values: dict[str, float], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        NoteSettings(**values)
    with pytest.raises(ConfigError, match="time between frames"):
        NoteTracker(0.0)


@pytest.mark.parametrize(("level_db", "velocity"), [(0.0, 80), (-200.0, 1), (40.0, 127), (-12.04, 40)])
def test_velocity_follows_the_level(level_db: float, velocity: int) -> None:
    assert velocity_of(level_db) == velocity
