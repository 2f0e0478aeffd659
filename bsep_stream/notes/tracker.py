"""Tones of single frames become notes, by hysteresis in level, pitch and time: frame by frame, without looking ahead.

A voice is a pitch of one source that is being followed:

    tone on, at least off_db  ->  candidate  -- confirm_seconds long, once at least on_db -->  note starts
    note  -- no tone near its pitch for more than release_seconds -->  note ends, where it was last heard
    note  -- level rises by reattack_db out of a dip -->  note ends, the next one of the same pitch starts

The start is reported when it is certain, ``confirm_seconds`` after the first frame. Where the note began and
ended is known better once it is over: the window smears the edges of a note over some frames, and
the edges themselves lie where the level comes near that of the note.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bsep_stream.errors import ConfigError
from bsep_stream.notes.events import Note, NoteSettings, NoteStart, Tone, velocity_of

_ONSET_DB = 12.0  # an attack takes some time: it begins well before half of the level is reached
_OFFSET_DB = 6.02  # half: where a sound that stops at once, smeared by a symmetric window, stopped
_EDGE_SECONDS = 0.12  # a step of level is over by then, smeared by a window of 20 to 25 ms standard deviation
_FURTHEST = 0.85  # semitones that a note may glide from its pitch: a semitone further is another note
_CENTRE_SECONDS = 0.4  # the pitch of a note is the median over so long: two periods of vibrato


@dataclass(eq=False)  # a voice is itself, whatever it holds
class _Voice:
    """A pitch of one source that is being followed; times in frames."""

    source: int
    frames: list[int] = field(default_factory=list)
    pitches: list[float] = field(default_factory=list)
    levels: list[float] = field(default_factory=list)
    key: int | None = None  # known once it is a note

    def distance(self, tone: Tone, centre_frames: int) -> float:
        """Semitones from the pitch of the voice or from its last frame, whichever is nearer; inf if it cannot be it."""
        from_centre = abs(tone.pitch - float(np.median(self.pitches[-centre_frames:])))
        if tone.source != self.source or from_centre > _FURTHEST:
            return np.inf
        return min(from_centre, abs(tone.pitch - self.pitches[-1]))

    def add(self, frame: int, tone: Tone) -> None:
        self.frames.append(frame)
        self.pitches.append(tone.pitch)
        self.levels.append(tone.level_db)


class NoteTracker:
    """Follows the tones of a stream, frame by frame.

    Parameters
    ----------
    hop_seconds : float
        Time between frames.
    settings : NoteSettings, optional
    start_seconds : float
        Time of the centre of the first frame; notes begin at 0 at the earliest.

    Notes
    -----
    What :meth:`process` returns depends on the frames so far alone. A stream that stops calls :meth:`finish`.
    """

    def __init__(self, hop_seconds: float, settings: NoteSettings | None = None, *, start_seconds: float = 0.0) -> None:
        if not hop_seconds > 0.0:
            raise ConfigError(f"the time between frames must be positive, got {hop_seconds:g}")
        self.settings = settings or NoteSettings()
        self.hop_seconds = hop_seconds
        self.start_seconds = start_seconds
        self._confirm = max(1, round(self.settings.confirm_seconds / hop_seconds))
        self._gap = round(self.settings.release_seconds / hop_seconds)
        self._edge = max(2, round(_EDGE_SECONDS / hop_seconds))
        self._centre_frames = max(1, round(_CENTRE_SECONDS / hop_seconds))
        self.reset()

    def reset(self) -> None:
        """Forget all tones: the next frame is the first of a new stream."""
        self._frame = -1
        self._voices: list[_Voice] = []

    @property
    def sounding(self) -> list[tuple[int, int, float]]:
        """Notes that sound now: source, key, and cents above the key in their last frame (for pitch bends)."""
        return [(v.source, v.key, 100.0 * (v.pitches[-1] - v.key)) for v in self._voices if v.key is not None]

    def process(self, tones: Sequence[Tone]) -> tuple[list[NoteStart], list[Note]]:
        """Take the tones of the next frame.

        Parameters
        ----------
        tones : sequence of Tone
            Those that are on, in any order.

        Returns
        -------
        started : list of NoteStart
        ended : list of Note
            To be handled first: a repeated note ends and starts in the same frame.
        """
        self._frame += 1
        heard = [tone for tone in tones if tone.level_db >= self.settings.off_db]
        ended = []
        for voice, tone in self._matched(heard):
            if voice.key is not None and self._is_reattack(voice, tone):
                before, again = self._split(voice)
                ended.append(self._note(before))
                self._voices[self._voices.index(voice)] = again
                voice = again
            voice.add(self._frame, tone)
        ended += self._release()
        started = [self._start(voice) for voice in self._voices if voice.key is None and self._is_certain(voice)]
        return started, ended

    def finish(self) -> list[Note]:
        """The notes that still sound; then the tracker is like new."""
        ended = [self._note(voice) for voice in self._voices if voice.key is not None]
        self.reset()
        return ended

    def _matched(self, tones: list[Tone]) -> list[tuple[_Voice, Tone]]:
        """Every tone with its voice, the nearest pairs first; a tone that fits no voice gets a new one."""
        hold = self.settings.hold_cents / 100.0
        pairs = sorted(
            (voice.distance(tone, self._centre_frames), v, t)
            for v, voice in enumerate(self._voices)
            for t, tone in enumerate(tones)
        )
        taken_voices: set[int] = set()
        taken_tones: set[int] = set()
        matched = []
        for distance, v, t in pairs:
            if distance <= hold and v not in taken_voices and t not in taken_tones:
                taken_voices.add(v)
                taken_tones.add(t)
                matched.append((self._voices[v], tones[t]))
        for t, tone in enumerate(tones):
            if t not in taken_tones:
                self._voices.append(_Voice(tone.source))
                matched.append((self._voices[-1], tone))
        return matched

    def _is_certain(self, voice: _Voice) -> bool:
        return len(voice.frames) >= self._confirm and max(voice.levels) >= self.settings.on_db

    def _start(self, voice: _Voice) -> NoteStart:
        voice.key = int(np.clip(round(float(np.median(voice.pitches))), 0, 127))
        return NoteStart(voice.source, voice.key, velocity_of(max(voice.levels)), float(self._seconds(voice.frames)[0]))

    def _release(self) -> list[Note]:
        """End what has not been heard for too long; candidates have no right to a gap."""
        gone = [v for v in self._voices if self._frame - v.frames[-1] > (self._gap if v.key is not None else 0)]
        self._voices = [voice for voice in self._voices if voice not in gone]
        return [self._note(voice) for voice in gone if voice.key is not None]

    def _is_reattack(self, voice: _Voice, tone: Tone) -> bool:
        recent = voice.levels[-self._edge :]
        lowest = int(np.argmin(recent))
        before = voice.levels[: len(voice.levels) - len(recent) + lowest + 1][-self._edge :]
        return (
            len(voice.levels) > self._confirm
            and tone.level_db >= self.settings.on_db
            and tone.level_db - recent[lowest] >= self.settings.reattack_db
            and max(before) - recent[lowest] >= self.settings.reattack_db / 2.0
        )

    def _split(self, voice: _Voice) -> tuple[_Voice, _Voice]:
        """The voice up to its last dip, and a candidate from there on."""
        start = max(0, len(voice.levels) - self._edge)
        dip = start + int(np.argmin(voice.levels[start:]))
        before = _Voice(voice.source, voice.frames[:dip], voice.pitches[:dip], voice.levels[:dip], voice.key)
        again = _Voice(voice.source, voice.frames[dip:], voice.pitches[dip:], voice.levels[dip:])
        return before, again

    def _note(self, voice: _Voice) -> Note:
        assert voice.key is not None
        levels = np.array(voice.levels)
        first = _edge_place(levels[: self._edge], _ONSET_DB)
        last = len(levels) - 1 - _edge_place(levels[::-1][: self._edge], _OFFSET_DB)
        times = self._seconds(voice.frames)
        places = np.arange(len(times))
        onset = float(np.interp(first, places, times))
        offset = float(np.interp(last, places, times))
        inner = np.array(voice.pitches)[(places >= first) & (places <= last)]
        return Note(
            source=voice.source,
            key=voice.key,
            onset_seconds=onset,
            offset_seconds=max(offset, onset + self.hop_seconds),
            pitch=float(np.median(inner if inner.size else voice.pitches)),
            level_db=float(levels.max()),
            times=times,
            pitches=np.array(voice.pitches),
        )

    def _seconds(self, frames: list[int]) -> NDArray[np.float64]:
        return np.maximum(self.start_seconds + np.array(frames) * self.hop_seconds, 0.0)


def _edge_place(levels: NDArray[np.float64], below_db: float) -> float:
    """Where a rise of level (dB) comes within ``below_db`` of its top: an index with its fraction."""
    wanted = levels.max() - below_db
    first = int(np.argmax(levels >= wanted))
    if first == 0:
        return 0.0
    low, high = levels[first - 1], levels[first]
    return first - float((high - wanted) / (high - low)) if high > low else float(first)
