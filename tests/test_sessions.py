"""Sessions by seed: what is drawn, and that what is written is what is played."""

from __future__ import annotations

import json
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

pytest.importorskip("torch")  # bsep_stream.train

from bsep_stream.errors import ConfigError, MissingDependency
from bsep_stream.train.benchmark import chords
from bsep_stream.train.benchmark.chords import most_at_once
from bsep_stream.train.benchmark.chordscores import WrittenNote
from bsep_stream.train.benchmark.items import find_items
from bsep_stream.train.benchmark.sessions import maker, seeds, works
from bsep_stream.train.benchmark.sessions.accompaniment import accompanied, harmonies
from bsep_stream.train.benchmark.sessions.casting import cast, cast_melody, with_doublings, with_rests
from bsep_stream.train.benchmark.sessions.command import main
from bsep_stream.train.benchmark.sessions.composer import composed
from bsep_stream.train.benchmark.sessions.expression import Player, Tempo, performed, struck
from bsep_stream.train.benchmark.sessions.instruments import CHORDAL, LINES, MELODIES, players_of
from bsep_stream.train.benchmark.sessions.renderer import FLUID, SOUNDFONTS, midi_file
from bsep_stream.train.benchmark.sessions.scores import between, centre, compass, one_at_a_time

MOST_TONES = 4
ROUNDING = 1e-3

ANY_SOUNDFONT = FLUID._replace(places=tuple(map(str, chords.SOUNDFONTS)))

playable = pytest.mark.skipif(
    shutil.which("fluidsynth") is None or not any(path.is_file() for path in chords.SOUNDFONTS),
    reason="needs fluidsynth and a soundfont",
)


@pytest.fixture
def one_soundfont(monkeypatch: pytest.MonkeyPatch) -> None:
    """One soundfont, which is quickly read; notes by chance, dry."""
    monkeypatch.setattr(maker, "SOUNDFONTS", (ANY_SOUNDFONT,))
    monkeypatch.setattr(maker, "WORKS_SHARE", 0.0)
    monkeypatch.setattr(maker, "place_of", lambda lot: "dry")


def test_sets_of_seeds_never_mix() -> None:
    for kind in seeds.KINDS:
        sets = [set(seeds.seeds_of(name, kind)) for name in seeds.FIRST]
        assert all(len(own) == seeds.HOW_MANY[kind] for own in sets)
        assert len(set.union(*sets)) == sum(map(len, sets))
        shares = [{seeds.share_of_works(seed) for seed in own} for own in sets]
        assert all(len(own) == 1 for own in shares)
        assert len(set.union(*shares)) == len(sets)


def test_seeds_are_a_set_numbers_or_ranges() -> None:
    assert seeds.read_seeds("confirm", "trio") == tuple(range(100, 115))
    assert seeds.read_seeds("3,7-9,7", "duet") == (3, 7, 8, 9)
    for wrong in ("some", "3-", "-1", "9-3", ""):
        with pytest.raises(ConfigError, match="--seeds should"):
            seeds.read_seeds(wrong, "duet")


def test_one_tone_at_a_time_keeps_the_highest_and_cuts_what_rings() -> None:
    notes = [WrittenNote(0.0, 2.0, 60), WrittenNote(0.0, 1.0, 67), WrittenNote(0.5, 1.0, 64)]
    assert one_at_a_time(notes) == (WrittenNote(0.0, 0.5, 67), WrittenNote(0.5, 1.0, 64))
    assert between([WrittenNote(1.0, 4.0, 60), WrittenNote(3.0, 1.0, 62)], 1.0, 3.0) == (WrittenNote(0.0, 2.0, 60),)


def test_lines_by_chance_fill_the_time_and_stay_in_their_registers(rng: np.random.Generator) -> None:
    for _ in range(20):
        score = composed(3, 20.0, rng)
        for line in score.lines:
            assert line[-1].onset + line[-1].duration >= score.beats(20.0) - ROUNDING
            ends = np.array([note.onset + note.duration for note in line])
            assert ends[:-1] == pytest.approx([note.onset for note in line[1:]])
            lowest, highest = compass(line)
            assert highest - lowest <= 18


def test_somebody_always_plays_and_players_reach_their_notes(rng: np.random.Generator) -> None:
    rested = 0
    for _ in range(40):
        score = composed(2, 20.0, rng)
        quieter = with_rests(score, rng)
        rested += quieter != score
        moved, players = cast(with_doublings(quieter, rng), LINES, rng)
        assert len(set(players)) == 2
        assert centre(moved.lines[0]) >= centre(moved.lines[1])
        for line, player in zip(moved.lines, players, strict=True):
            assert player.lowest <= compass(line)[0]
            assert compass(line)[1] <= player.highest
    assert 10 < rested < 40


def test_a_melody_goes_with_its_harmony_to_where_its_player_reaches_it(rng: np.random.Generator) -> None:
    families = set()
    for _ in range(30):
        score = composed(1, 20.0, rng, harmony=True)
        moved, player = cast_melody(score, MELODIES, rng)
        families.add(player.family)
        lowest, highest = compass(moved.lines[0])
        assert player.lowest <= lowest
        assert highest <= player.highest
        shift = moved.harmony[0].midi - score.harmony[0].midi
        pairs = zip(score.lines[0], moved.lines[0], strict=True)
        assert all((other.midi - one.midi - shift) % 12 == 0 for one, other in pairs)
    assert len(families) == 6


def test_nobody_can_play_what_is_too_wide(rng: np.random.Generator) -> None:
    assert players_of([(20, 120)], LINES, rng) is None


def test_chords_follow_the_harmony_in_the_register_of_the_instrument(rng: np.random.Generator) -> None:
    for number in range(20):
        score, instrument = composed(1, 20.0, rng, harmony=True), CHORDAL[number % len(CHORDAL)]
        line = accompanied(score, instrument, rng)
        known = {note.midi % 12 for note in score.harmony}
        assert {note.midi % 12 for note in line} <= known
        assert instrument.lowest <= compass(line)[0]
        assert compass(line)[1] <= instrument.highest
        gestures = struck(line, Tempo.drawn(score.beats_per_minute, rng), Player.drawn(instrument, rng), rng)
        assert 2 <= most_at_once([gesture.note for gesture in gestures]) <= MOST_TONES


def test_chords_are_played_over_a_melody_that_is_lower_than_the_instrument(rng: np.random.Generator) -> None:
    score = composed(1, 20.0, rng, harmony=True)
    deep = score.with_lines([tuple(note._replace(midi=30) for note in score.lines[0])])
    for instrument in CHORDAL:
        assert compass(accompanied(deep, instrument, rng))[0] >= instrument.lowest


def test_harmonies_are_chords_by_beats_and_no_longer_than_asked() -> None:
    notes = (*(WrittenNote(0.0, 3.0, midi) for midi in (60, 64, 67)), WrittenNote(3.0, 1.0, 62))
    triad = frozenset((0, 4, 7))
    assert harmonies(notes, 2.0) == [(0.0, 2.0, triad), (2.0, 1.0, triad), (3.0, 1.0, frozenset((2,)))]


def test_notes_of_a_line_do_not_overlap_and_differ_from_what_is_written(rng: np.random.Generator) -> None:
    score = composed(1, 20.0, rng)
    for instrument in LINES:
        played = performed(score.lines[0], Tempo.drawn(100.0, rng), Player.drawn(instrument, rng), rng)
        notes = [gesture.note for gesture in played]
        assert [note.midi for note in notes] == [note.midi for note in score.lines[0]]
        for one, other in pairwise(notes):
            assert one.onset_seconds + one.duration_seconds <= other.onset_seconds + 0.05
        assert len({note.velocity for note in notes}) > 3


def test_a_note_bends_on_a_channel_of_its_own(rng: np.random.Generator) -> None:
    pytest.importorskip("mido")
    violin = next(one for one in LINES if one.name == "violin")
    player = Player(violin, 0.0, 0.0, 0.0, 80.0, 0.0, 0.0, ("legato", "legato"), vibrato_cents=30.0)
    line = tuple(WrittenNote(float(number), 1.0, 60 + number) for number in range(5))
    tempo = Tempo(60.0, np.zeros(2), np.ones(2), np.zeros(2))
    midi = midi_file(performed(line, tempo, player, rng), 40)
    channels = [message.channel for message in midi.tracks[0] if message.type == "note_on"]
    assert len(set(channels)) == len(line)
    wheels = [message.pitch for message in midi.tracks[0] if message.type == "pitchwheel"]
    assert max(wheels) > 20 / 200 * 8192
    assert min(wheels) < -20 / 200 * 8192


def test_a_passage_of_a_work_begins_again_where_the_work_is_short(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("music21")
    monkeypatch.setattr(works, "COMPOSERS", {"bach": ("J. S. Bach", 1.0)})
    for harmony in (False, True):
        score = works.excerpt(1 if harmony else 2, 40.0, (0, 1), rng, harmony)
        assert score.origin.startswith("music21 corpus ")
        for line in score.lines:
            assert line[0].onset >= 0
            assert line[-1].onset < score.beats(40.0)
            assert line[-1].onset > score.beats(20.0)
        assert bool(score.harmony) == harmony


def test_shares_have_no_work_in_common() -> None:
    pytest.importorskip("music21")
    shares = [works.works_of((number, 3)) for number in range(3)]
    names = [name for share in shares for own in share.values() for name in own]
    assert len(names) == len(set(names))
    assert all(len(share["bach"]) > 100 for share in shares)


def test_missing_music21_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "music21", None)
    with pytest.raises(MissingDependency, match=r"pip install 'bsep-stream\[sessions\]'"):
        works._corpus()


def test_missing_soundfont_is_said() -> None:
    for soundfont in SOUNDFONTS:
        with pytest.raises(ConfigError, match=f"apt-get install {soundfont.package}"):
            soundfont._replace(places=("/nowhere",)).path()


@playable
@pytest.mark.usefixtures("one_soundfont")
@pytest.mark.parametrize("kind", seeds.KINDS)
def test_the_same_seed_writes_the_same_session_and_another_one_another(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("mido")
    first, again = (maker.make_session(kind, 1, tmp_path / name, 6.0) for name in ("first", "again"))
    assert first.name == again.name
    files = sorted(path.name for path in first.iterdir())
    assert len(files) == {"duet": 2, "trio": 3, "chords": 2}[kind] + 2
    for name in files:
        assert (first / name).read_bytes() == (again / name).read_bytes()
    other = maker.make_session(kind, 2, tmp_path / "first", 6.0)
    assert (other / "mix.flac").read_bytes() != (first / "mix.flac").read_bytes()
    (item, _) = find_items(tmp_path / "first")
    whole = [soundfile.read(path, dtype="int32")[0] >> 8 for path in (item.mixture, *_stems(first))]
    assert np.array_equal(whole[0], sum(whole[1:]))
    meta = json.loads((first / "meta.json").read_text())
    assert item.names == tuple(name.split(":")[0] for name in meta["sources"].split(","))
    assert (max(item.polyphony) > 1) == (kind == "chords")


@playable
@pytest.mark.usefixtures("one_soundfont")
def test_a_session_elsewhere_is_the_same_but_for_its_place(tmp_path: Path) -> None:
    pytest.importorskip("mido")
    dry, panned = (maker.make_session("duet", 1, tmp_path / name, 6.0, name) for name in ("dry", "panned"))
    described = [json.loads((folder / "meta.json").read_text()) for folder in (dry, panned)]
    assert [(meta.pop("place"), meta.pop("channels")) for meta in described] == [("dry", 1), ("panned", 2)]
    assert described[0] == described[1]
    for one, other in zip(_stems(dry), _stems(panned), strict=True):
        alone, sides = soundfile.read(one)[0], soundfile.read(other)[0]
        assert sides.shape == (len(alone), 2)
        for side in sides.T:
            gain = side @ alone / (alone @ alone)
            assert np.abs(side - gain * alone).max() < ROUNDING


def _stems(folder: Path) -> list[Path]:
    return [path for path in folder.glob("*.flac") if path.name != "mix.flac"]


@playable
@pytest.mark.usefixtures("one_soundfont")
def test_a_finished_session_is_left_as_it_is(tmp_path: Path) -> None:
    pytest.importorskip("mido")
    arguments = [str(tmp_path), "--seeds", "3", "--seconds", "6"]
    first = CliRunner().invoke(main, arguments)
    assert first.exit_code == 0, first.output
    (folder,) = tmp_path.iterdir()
    written = (folder / "mix.flac").stat().st_mtime_ns
    assert CliRunner().invoke(main, arguments).output == first.output
    assert (folder / "mix.flac").stat().st_mtime_ns == written


def test_wrong_seeds_are_told(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, [str(tmp_path), "--seeds", "few"])
    assert result.exit_code == 2
    assert "--seeds should be tune, confirm, final" in result.output
