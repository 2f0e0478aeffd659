"""Who rests, who plays alone, who doubles whom, and in which registers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bsep_stream.train.benchmark.sessions.instruments import Instrument, players_of
from bsep_stream.train.benchmark.sessions.scores import Line, Score, centre, compass, transposed

DIALOGUE_SHARE = 0.2
"""Of the sessions in which players take turns, phrase by phrase."""

RESTS_SHARE = 0.6
"""Of the others, in which somebody rests now and then."""

DOUBLING_SHARE = 0.15
"""Of the sessions in which one doubles the other for a while, mostly an octave away."""

MEETING_SHARE = 0.45
"""Of the sessions whose lines are brought into one register."""

DECAYING_SHARE = 0.2
"""Of the sessions in which a line may be plucked or struck."""

_PHRASE_SECONDS = (2.0, 6.0)
_DOUBLING_SECONDS = (4.0, 9.0)
_FEWEST_NOTES = 6
_TRIES = 200


def with_rests(score: Score, generator: np.random.Generator) -> Score:
    """The score with rests by lot: in every moment at least one line that has notes keeps them."""
    if len(score.lines) < 2:
        return score
    end = max(note.onset + note.duration for line in score.lines for note in line)
    kind = generator.random()
    silent = [np.zeros(0)] * len(score.lines)
    passages: list[tuple[float, float, int]] = []  # from beat, to beat, line that rests
    if kind < DIALOGUE_SHARE:
        beat = 0.0
        while beat < end:
            until = beat + score.beats(float(generator.uniform(*_PHRASE_SECONDS)))
            playing = generator.random(len(score.lines)) < 0.6
            playing[int(generator.integers(len(score.lines)))] = True
            passages += [(beat, until, line) for line in range(len(silent)) if not playing[line]]
            beat = until
    elif kind < DIALOGUE_SHARE + (1 - DIALOGUE_SHARE) * RESTS_SHARE:
        for line in range(len(score.lines)):
            for _ in range(int(generator.integers(3))):
                start = float(generator.uniform(0, end))
                until = start + score.beats(float(generator.uniform(*_PHRASE_SECONDS)))
                if not any(first < until and start < last and other != line for first, last, other in passages):
                    passages.append((start, until, line))
    lines = [
        tuple(
            note
            for note in line
            if not any(first <= note.onset < last for first, last, resting in passages if resting == number)
        )
        for number, line in enumerate(score.lines)
    ]
    return score.with_lines(
        rested if len(rested) >= _FEWEST_NOTES else line for rested, line in zip(lines, score.lines, strict=True)
    )


def with_doublings(score: Score, generator: np.random.Generator) -> Score:
    """The score, in some lots with a passage in which a line has the notes of its neighbour."""
    if len(score.lines) < 2 or generator.random() >= DOUBLING_SHARE:
        return score
    end = max(note.onset + note.duration for line in score.lines for note in line)
    length = score.beats(float(generator.uniform(*_DOUBLING_SECONDS)))
    start = float(generator.uniform(0, max(0.1, end - length)))
    upper = int(generator.integers(len(score.lines) - 1))
    octaves = int(generator.choice([0, 12, 24], p=[0.15, 0.65, 0.2]))
    own = [note for note in score.lines[upper + 1] if not start <= note.onset < start + length]
    copied = transposed([note for note in score.lines[upper] if start <= note.onset < start + length], -octaves)
    cut = [
        note._replace(duration=min(note.duration, start - note.onset)) if note.onset < start else note for note in own
    ]
    lines = list(score.lines)
    lines[upper + 1] = tuple(sorted([*cut, *copied]))
    return score.with_lines(lines)


def cast(
    score: Score, instruments: tuple[Instrument, ...], generator: np.random.Generator
) -> tuple[Score, list[Instrument]]:
    """Players for all lines, and the score where they can play it, from the highest line to the lowest.

    Lines keep their distance, or are brought into one register; all together are transposed. Where nobody reaches a
    note it is played in another octave.
    """
    lines = list(score.lines)
    if generator.random() >= DECAYING_SHARE:
        instruments = tuple(one for one in instruments if one.sustains)
    if generator.random() < MEETING_SHARE:
        goal = centre(lines[0])
        lines = [transposed(line, 12 * round((goal - centre(line)) / 12)) for line in lines]
    for _ in range(_TRIES):
        shift = int(generator.integers(-7, 8)) + 12 * int(generator.integers(-1, 2))
        moved = [transposed(line, shift) for line in lines]
        players = players_of([compass(line) for line in moved], instruments, generator)
        if players is not None:
            return _from_above(replace(score, harmony=transposed(score.harmony, shift)), moved, players)
    players = [instruments[int(number)] for number in generator.choice(len(instruments), len(lines), replace=False)]
    return _from_above(score, [_folded(line, player) for line, player in zip(lines, players, strict=True)], players)


def cast_melody(
    score: Score, instruments: tuple[Instrument, ...], generator: np.random.Generator
) -> tuple[Score, Instrument]:
    """A player for the only line, family by family, and the score transposed to where the player reaches most of it."""
    families = sorted({one.family for one in instruments})
    family = families[int(generator.integers(len(families)))]
    members = [one for one in instruments if one.family == family]
    player = members[int(generator.integers(len(members)))]
    shifts = np.arange(-30, 31)
    pitches = np.array([note.midi for note in score.lines[0]]) + shifts[:, None]
    beyond = ((pitches < player.lowest) | (pitches > player.highest)).sum(axis=1)
    best = shifts[beyond == beyond.min()]
    shift = int(best[int(generator.integers(len(best)))])
    line = tuple(note._replace(midi=_reached(note.midi, player)) for note in transposed(score.lines[0], shift))
    return replace(score, lines=(line,), harmony=transposed(score.harmony, shift)), player


def _from_above(score: Score, lines: list[Line], players: list[Instrument]) -> tuple[Score, list[Instrument]]:
    order = sorted(range(len(lines)), key=lambda number: -centre(lines[number]))
    return score.with_lines(lines[number] for number in order), [players[number] for number in order]


def _folded(line: Line, player: Instrument) -> Line:
    middle = (player.lowest + player.highest) / 2
    moved = transposed(line, 12 * round((middle - centre(line)) / 12))
    return tuple(note._replace(midi=_reached(note.midi, player)) for note in moved)


def _reached(midi: int, player: Instrument) -> int:
    while midi < player.lowest:
        midi += 12
    while midi > player.highest:
        midi -= 12
    return midi
