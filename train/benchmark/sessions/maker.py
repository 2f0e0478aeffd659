"""One session: everything that is drawn, played and written for a kind and a seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bsep_stream.train.benchmark.chords import NOTE_COLUMNS, most_at_once
from bsep_stream.train.benchmark.newitem import write_recording
from bsep_stream.train.benchmark.sessions.accompaniment import accompanied
from bsep_stream.train.benchmark.sessions.casting import cast, cast_melody, with_doublings, with_rests
from bsep_stream.train.benchmark.sessions.composer import composed
from bsep_stream.train.benchmark.sessions.expression import LEAD_SECONDS, Gesture, Player, Tempo, performed, struck
from bsep_stream.train.benchmark.sessions.instruments import CHORDAL, LINES, MELODIES, Instrument
from bsep_stream.train.benchmark.sessions.renderer import SOUNDFONTS, Soundfont, rendered
from bsep_stream.train.benchmark.sessions.rooms import place_of, placed
from bsep_stream.train.benchmark.sessions.scores import Line, Score, one_at_a_time
from bsep_stream.train.benchmark.sessions.seeds import generator_of, share_of_works
from bsep_stream.train.benchmark.sessions.works import excerpt
from bsep_stream.train.benchmark.synthesizer import RATE
from bsep_stream.train.config.trainconfig import MAX_POLYPHONY

WORKS_SHARE = 0.65
"""Of the sessions that play a work; the others' notes are by chance."""

SECONDS = (25.0, 35.0)
"""How long a session is, by lot."""

_LEVEL_DB, _MOST_DB = 2.0, 5.0  # one player is louder than the other
_RING_SECONDS = 2.5  # before and after the notes
_SCORE, _CAST, _PLAYERS, _SOUND = range(4)  # stages, see seeds.py


def make_session(kind: str, seed: int, output: Path, seconds: float | None = None, place: str | None = None) -> Path:
    """Write a session into a folder below `output`, whose name begins with its kind and seed.

    Parameters
    ----------
    kind : str
        One of :data:`~bsep_stream.train.benchmark.sessions.seeds.KINDS`.
    seed : int
    output : Path
    seconds : float, optional
        Else by lot, see :data:`SECONDS`.
    place : str, optional
        One of :data:`~bsep_stream.train.benchmark.sessions.rooms.PLACES`, else by lot; all else stays the same.

    Returns
    -------
    Path
        The folder; if it is there and finished it is left as it is.

    Raises
    ------
    ConfigError, MissingDependency
        What it takes is not there: FluidSynth, a soundfont, music21 or pyroomacoustics.
    """
    name = f"{kind}{seed:03d}"
    for meta in output.glob(f"{name}_*/meta.json"):
        return meta.parent
    score, instruments = _scored(kind, seed, seconds)
    lot = generator_of(kind, seed, _PLAYERS)
    tempo = Tempo.drawn(score.beats_per_minute, lot)
    gestures, players = [], []
    for number, (line, instrument) in enumerate(zip(score.lines, instruments, strict=True)):
        player = Player.drawn(instrument, lot)
        chords = kind == "chords" and number == 1
        played = struck(line, tempo, player, lot) if chords else performed(one_at_a_time(line), tempo, player, lot)
        gestures.append(played)
        players.append(player)
    lot = generator_of(kind, seed, _SOUND)
    by_lot, sounds, described = place_of(lot), [], []
    place = place or by_lot
    levels = np.clip(_LEVEL_DB * lot.standard_normal(len(players)), -_MOST_DB, _MOST_DB)
    for instrument, played, level in zip(instruments, gestures, levels, strict=True):
        program = instrument.programs[int(lot.integers(len(instrument.programs)))]
        soundfont = SOUNDFONTS[int(lot.integers(len(SOUNDFONTS)))]
        sounds.append(rendered(played, program, soundfont))
        described.append(_described(instrument, program, soundfont, played, float(level)))
    length = max(sound.size for sound in sounds)
    stems = placed(np.stack([np.pad(sound, (0, length - sound.size)) for sound in sounds]), place, name, RATE)
    tones = [entry["tones_at_once"] for entry in described]
    sources = [f"{one.name}:{most}" if most > 1 else one.name for one, most in zip(instruments, tones, strict=True)]
    about = {
        "piece": score.title,
        "composer": score.composer,
        "source_score": score.origin,
        "kind": kind,
        "seed": seed,
        "tempo_quarters_per_minute": score.beats_per_minute,
        "place": place,
        "sources": ",".join(sources),
        "duration_s": round(stems.shape[-1] / RATE, 3),
        "note_columns": NOTE_COLUMNS,
    }
    folder = output / "_".join((name, *(one.name for one in instruments)))
    return write_recording(folder, stems, RATE, described, levels_db=levels, **about)


def _scored(kind: str, seed: int, seconds: float | None) -> tuple[Score, list[Instrument]]:
    """What is played, from the highest line to the lowest (chords last), and on what."""
    lot = generator_of(kind, seed, _SCORE)
    by_work, length = lot.random() < WORKS_SHARE, float(lot.uniform(*SECONDS))
    chords = kind == "chords"
    n_lines = {"duet": 2, "trio": 3, "chords": 1}[kind]
    playing = max(1.0, (seconds or length) - LEAD_SECONDS - _RING_SECONDS)
    if by_work:
        score = excerpt(n_lines, playing, share_of_works(seed), lot, harmony=chords)
    else:
        score = composed(n_lines, playing, lot, harmony=chords)
    lot = generator_of(kind, seed, _CAST)
    if not chords:
        return cast(with_doublings(with_rests(score, lot), lot), LINES, lot)
    score, player = cast_melody(score, MELODIES, lot)
    under = CHORDAL[int(lot.integers(len(CHORDAL)))]
    both: tuple[Line, ...] = (score.lines[0], accompanied(score, under, lot))
    return with_rests(score.with_lines(both), lot), [player, under]


def _described(
    instrument: Instrument, program: int, soundfont: Soundfont, gestures: list[Gesture], level_db: float
) -> dict[str, Any]:
    notes = [gesture.note for gesture in gestures]
    return {
        "name": instrument.name,
        "program": program,
        "kind": "soundfont render",
        "source": f"{soundfont.name} (Debian: {soundfont.package})",
        "licence": soundfont.licence,
        "level_db": round(level_db, 2),
        "tones_at_once": min(MAX_POLYPHONY, most_at_once(notes)),
        "notes": notes,
    }
