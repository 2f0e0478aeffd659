"""How a player plays: nobody is exactly in time or in tune, phrases swell, tones vibrate, glide and grow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bsep_stream.train.benchmark.chords import PlayedNote
from bsep_stream.train.benchmark.chordscores import WrittenNote
from bsep_stream.train.benchmark.sessions.instruments import Instrument

LEAD_SECONDS = 0.4
_ARTICULATIONS = {"legato": (0.97, 1.02), "plain": (0.82, 0.94), "staccato": (0.4, 0.6)}
_SHORTEST_SECONDS = 0.09
_SHORT_SECONDS = 0.2  # tones that nobody makes shorter yet
_LONG_SECONDS = 0.45  # tones that vibrate and swell
_STRUM_SECONDS = {"guitar": (0.0, 0.045), "harp": (0.0, 0.07), "piano": (0.0, 0.02), "organ": (0.0, 0.008)}
"""From one tone of a chord to the next, at most."""
_RELEASE_SECONDS = 0.03  # a pedal is changed just after the next chord
_SAME_BEAT = 1e-6


class Curve(NamedTuple):
    """What changes within a note: a value at times after its beginning, each of shape (n,)."""

    seconds: NDArray[np.float64]
    values: NDArray[np.float64]


@dataclass(frozen=True)
class Gesture:
    """A note with what its player does to it.

    Parameters
    ----------
    note : PlayedNote
        Its `cents` are those of the tone when it has settled.
    bend_cents : Curve or None
        Pitch against the note's key, with its `cents`.
    gain_db : Curve or None
        Level, at most 0.
    """

    note: PlayedNote
    bend_cents: Curve | None = None
    gain_db: Curve | None = None


@dataclass(frozen=True)
class Tempo:
    """From beats to seconds: nobody's tempo is quite even, but all share it.

    Parameters
    ----------
    beats_per_minute : float
    depth_seconds, period_beats, phase : ndarray, shape (n,)
        Slow waves that are added.
    """

    beats_per_minute: float
    depth_seconds: NDArray[np.float64]
    period_beats: NDArray[np.float64]
    phase: NDArray[np.float64]

    @classmethod
    def drawn(cls, beats_per_minute: float, generator: np.random.Generator) -> Tempo:
        """A tempo that leads by 0 to 80 ms now, and lags then."""
        depth = generator.uniform(0.0, 0.04, size=2)
        return cls(beats_per_minute, depth, generator.uniform(8, 32, size=2), generator.uniform(0, 2 * np.pi, size=2))

    def seconds(self, beat: float) -> float:
        """When a beat is."""
        wave = np.sin(2 * np.pi * beat / self.period_beats + self.phase) - np.sin(self.phase)
        return LEAD_SECONDS + beat * 60 / self.beats_per_minute + float((self.depth_seconds * wave).sum())


@dataclass(frozen=True)
class Player:
    """The habits of one player.

    Parameters
    ----------
    instrument : Instrument
    timing_seconds, cents, tuning_cents : float
        Standard deviation of a beginning and of a pitch; how far the instrument is off.
    velocity, touch, phrase_velocity : float
        Mean, standard deviation, and what phrases add and take.
    articulations : tuple of str
        From phrase to phrase one of these.
    vibrato_cents, vibrato_hz, vibrato_delay_seconds : float
        0 cents: none.
    glide_share, glide_cents, glide_seconds : float
        Of the notes, how many begin that far below (or at the note before), and for how long.
    swell_db : float
        By how much long tones grow or fade.
    strum_seconds : float
        See the table above.
    """

    instrument: Instrument
    timing_seconds: float
    cents: float
    tuning_cents: float
    velocity: float
    touch: float
    phrase_velocity: float
    articulations: tuple[str, ...]
    vibrato_cents: float = 0.0
    vibrato_hz: float = 5.5
    vibrato_delay_seconds: float = 0.2
    glide_share: float = 0.0
    glide_cents: float = 0.0
    glide_seconds: float = 0.08
    swell_db: float = 0.0
    strum_seconds: float = field(default=0.0)

    @classmethod
    def drawn(cls, instrument: Instrument, generator: np.random.Generator) -> Player:
        """A player of an instrument, by lot."""
        lots = generator.random(4)
        names = list(_ARTICULATIONS)
        known = tuple(names[int(number)] for number in generator.choice(3, size=2, p=[0.45, 0.4, 0.15]))
        vibrates, glides = lots[0] < instrument.vibrato, lots[1] < instrument.glides
        most = _STRUM_SECONDS.get(instrument.name, (0.0, 0.0))
        return cls(
            instrument,
            timing_seconds=float(generator.uniform(0.003, 0.02)),
            cents=float(generator.uniform(1, 5)),
            tuning_cents=float(np.clip(4 * generator.standard_normal(), -10, 10)),
            velocity=float(generator.uniform(62, 102)),
            touch=float(generator.uniform(3, 9)),
            phrase_velocity=float(generator.uniform(0, 18)),
            articulations=known,
            vibrato_cents=float(generator.uniform(8, 40)) if vibrates else 0.0,
            vibrato_hz=float(generator.uniform(4.6, 6.6)),
            vibrato_delay_seconds=float(generator.uniform(0.08, 0.35)),
            glide_share=float(generator.uniform(0.1, 0.7)) if glides else 0.0,
            glide_cents=float(generator.uniform(20, 130)),
            glide_seconds=float(generator.uniform(0.04, 0.12)),
            swell_db=float(generator.uniform(0, 9)) if instrument.sustains and lots[2] < 0.7 else 0.0,
            strum_seconds=float(generator.uniform(*most)),
        )


def performed(
    line: Sequence[WrittenNote], tempo: Tempo, player: Player, generator: np.random.Generator
) -> list[Gesture]:
    """A line of one tone at a time as a player plays it, in the order of its beginnings."""
    n_notes = len(line)
    phrase = np.cumsum(generator.random(n_notes) < 0.15)
    articulation = [player.articulations[int(number)] for number in generator.integers(2, size=phrase[-1] + 1)]
    onsets = [tempo.seconds(note.onset) + _delay(player, generator) for note in line]
    swing = generator.uniform(0, 2 * np.pi)
    gestures: list[Gesture] = []
    for number, note in enumerate(line):
        begin = max(0.0, onsets[number])
        written = tempo.seconds(note.onset + note.duration) - tempo.seconds(note.onset)
        manner = articulation[phrase[number]] if written > _SHORT_SECONDS else "legato"
        share = float(generator.uniform(*_ARTICULATIONS[manner]))
        duration = max(_SHORTEST_SECONDS, share * written)
        if number + 1 < n_notes:
            duration = max(0.5 * _SHORTEST_SECONDS, min(duration, onsets[number + 1] - begin))
        wave = player.phrase_velocity * np.sin(swing + 2 * np.pi * note.onset / 13)
        played = _note(begin, duration, note.midi, float(wave), player, generator)
        joined = number > 0 and abs(line[number - 1].onset + line[number - 1].duration - note.onset) < _SAME_BEAT
        before = line[number - 1].midi if joined else None
        gestures.append(Gesture(played, _bend(played, before, player, generator), _swell(played, player, generator)))
    return gestures


def struck(line: Sequence[WrittenNote], tempo: Tempo, player: Player, generator: np.random.Generator) -> list[Gesture]:
    """Chords as a player plays them: their tones one after the other, from below or from above, the highest louder."""
    gestures: list[Gesture] = []
    chords: dict[float, list[WrittenNote]] = {}
    for note in line:
        chords.setdefault(round(note.onset, 6), []).append(note)
    swing = generator.uniform(0, 2 * np.pi)
    ends: dict[int, float] = {}
    for onset, notes in sorted(chords.items()):
        begin = tempo.seconds(onset) + _delay(player, generator)
        wave = player.phrase_velocity * np.sin(swing + 2 * np.pi * onset / 13)
        downwards = player.instrument.name == "guitar" and generator.random() < 0.4
        for turn, note in enumerate(sorted(notes, key=lambda note: -note.midi if downwards else note.midi)):
            start = max(0.0, begin + turn * player.strum_seconds)
            end = tempo.seconds(note.onset + note.duration) + _RELEASE_SECONDS * float(generator.random())
            start = max(start, ends.get(note.midi, 0.0))
            voice = 6.0 if note is max(notes, key=lambda note: note.midi) else 0.0
            duration = max(_SHORTEST_SECONDS, end - start - _RELEASE_SECONDS)
            ends[note.midi] = start + duration
            played = _note(start, duration, note.midi, float(wave) + voice, player, generator)
            gestures.append(Gesture(played, _steady(played)))
    return sorted(gestures, key=lambda gesture: gesture.note)


def _delay(player: Player, generator: np.random.Generator) -> float:
    return float(np.clip(player.timing_seconds * generator.standard_normal(), -0.04, 0.04))


def _note(
    onset: float, duration: float, midi: int, louder: float, player: Player, generator: np.random.Generator
) -> PlayedNote:
    cents = player.tuning_cents + player.cents * generator.standard_normal()
    velocity = round(float(np.clip(player.velocity + louder + player.touch * generator.standard_normal(), 30, 120)))
    return PlayedNote(round(onset, 4), round(duration, 4), midi, round(float(np.clip(cents, -40, 40)), 1), velocity)


def _steady(note: PlayedNote) -> Curve:
    return Curve(np.zeros(1), np.full(1, note.cents))


def _bend(note: PlayedNote, before: int | None, player: Player, generator: np.random.Generator) -> Curve:
    glides = bool(generator.random() < player.glide_share)
    depth, phase = float(generator.uniform(0.6, 1.2)), float(generator.uniform(0, 2 * np.pi))
    vibrates = player.vibrato_cents > 0 and note.duration_seconds > _LONG_SECONDS
    if not glides and not vibrates:
        return _steady(note)
    time = np.arange(0.0, note.duration_seconds + 0.1, 0.01)
    cents = np.full(time.size, note.cents)
    if glides:
        near = before is not None and 0 < abs(note.midi - before) <= 2
        start = 70.0 * np.sign(before - note.midi) if near and before is not None else -player.glide_cents
        cents += start * np.exp(-3 * time / player.glide_seconds)
    if vibrates:
        grown = np.clip((time - player.vibrato_delay_seconds) / 0.2, 0, 1)
        cents += depth * grown * player.vibrato_cents * np.sin(2 * np.pi * player.vibrato_hz * time + phase)
    return Curve(time, cents)


def _swell(note: PlayedNote, player: Player, generator: np.random.Generator) -> Curve | None:
    shape, depth = int(generator.integers(4)), player.swell_db * float(generator.random())
    if depth < 0.5 or note.duration_seconds < _LONG_SECONDS:
        return None
    time = np.arange(0.0, note.duration_seconds, 0.02)
    place = time / note.duration_seconds
    gain = (place, 1 - place, np.sin(np.pi * place), 1 - 0.7 * np.sin(np.pi * place))[shape]
    return Curve(time, depth * (gain - 1))
