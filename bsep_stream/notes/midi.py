"""Notes to MIDI files and back: one track per source."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bsep_stream.errors import ConfigError, NotesError
from bsep_stream.files.atomic import whole_file
from bsep_stream.notes.events import Note
from bsep_stream.trust.shown import shown
from bsep_stream.trust.textfiles import Fail, read_bytes

if TYPE_CHECKING:
    import mido

    from bsep_stream.notes.transcription import Transcription

BEND_RANGE_SEMITONES = 2
"""Of the pitch wheel; what synthesisers start with."""

CHANNELS = tuple(channel for channel in range(16) if channel != 9)
"""Of sources, counted from 0 as in the bytes of a message; 9 is the drums."""

LARGEST_BYTES = 1_000_000
"""Of a file that is read: a symphony has a tenth of it, and what is read of it takes a hundred times the memory."""
MOST_TRACKS = 256

_TICKS_PER_BEAT = 480
_BEAT_MICROSECONDS = 500_000  # 120 beats a minute: 960 ticks a second
_TICKS_PER_SECOND = _TICKS_PER_BEAT * 1_000_000 / _BEAT_MICROSECONDS
_BEND_STEP = 64  # of 8192: 1.6 cents, below what one hears


def write_midi(path: str | Path, transcription: Transcription, *, bends: bool = False) -> None:
    """Write a MIDI file of type 1 with a track per source, which carries the name of the source.

    Parameters
    ----------
    path : str or Path
        Replaced if it exists.
    transcription : Transcription
    bends : bool
        Whether the pitch wheel follows the pitch of every note. Notes of a source that overlap then get channels of
        their own, since a pitch wheel bends all notes of its channel.

    Raises
    ------
    ConfigError
        More sources, or with bends more simultaneous notes, than MIDI has channels.
    """
    import mido

    by_source = [
        [note for note in transcription.notes if note.source == source]
        for source in range(len(transcription.source_names))
    ]
    channels = _channels(by_source, bends)
    file = mido.MidiFile(type=1, ticks_per_beat=_TICKS_PER_BEAT, charset="utf-8")
    file.tracks.append(mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=_BEAT_MICROSECONDS)]))
    for name, notes, chosen in zip(transcription.source_names, by_source, channels, strict=True):
        events: list[tuple[int, int, mido.Message]] = []  # tick, order within a tick, message
        for note, channel in zip(notes, chosen, strict=True):
            events += _note_events(note, channel, bends)
        track = mido.MidiTrack([mido.MetaMessage("track_name", name=name)])
        now = 0
        for tick, _, message in sorted(events, key=lambda event: event[:2]):
            track.append(message.copy(time=tick - now))
            now = tick
        file.tracks.append(track)
    with whole_file(Path(path)) as temporary:
        file.save(str(temporary))


def read_midi(path: str | Path) -> dict[str, NDArray[np.float64]]:
    """Notes of a MIDI file by track.

    Returns
    -------
    dict of str to ndarray, shape (n_notes, 3)
        Onset and offset in seconds, MIDI key; by onset. Tracks without a name are called after their number; those
        that hold neither notes nor a name are left out. Pitch bends are not read.

    Raises
    ------
    NotesError
        A file that is missing, no MIDI, or larger than music is.
    """
    import mido

    path = Path(path)
    if not path.is_file():
        raise NotesError(f"there is no file {path}; give a MIDI file or a table that bsep notes wrote")
    content = read_bytes(path, LARGEST_BYTES, Fail(NotesError, str(path), "; export it again"))
    try:
        # Latin-1 has a character for every byte, so no name is in the way; names in UTF-8 are told apart below.
        file = mido.MidiFile(file=io.BytesIO(content), charset="latin-1")
    except Exception as error:  # mido's own among them share no base, and some are bare asserts
        reason = shown(str(error) or type(error).__name__)[:200]
        raise NotesError(f"{path} cannot be read as MIDI ({reason}); export it again") from error
    if file.type == 2:
        raise NotesError(f"{path} is a MIDI file of type 2, whose tracks are separate songs; save it as type 1")
    if len(file.tracks) > MOST_TRACKS:
        raise NotesError(f"{path} has {len(file.tracks)} tracks, and {MOST_TRACKS} are possible; save fewer")
    clock = _clock(file, path)
    found: dict[str, NDArray[np.float64]] = {}
    for number, track in enumerate(file.tracks):
        notes = _read_track(track)
        if not notes and (not track.name or any(message.type == "set_tempo" for message in track)):
            continue  # a conductor's track
        name = _name(track.name) or f"track {number}"
        while name in found:
            name += "'"
        ticks = np.array(sorted(notes), dtype=np.float64).reshape(-1, 3)
        found[name] = np.column_stack([clock(ticks[:, 0]), clock(ticks[:, 1]), ticks[:, 2]])
    return found


def _channels(by_source: Sequence[Sequence[Note]], bends: bool) -> list[list[int]]:
    """Channel of every note: one per source or, with bends, as many as a source has notes at once."""
    chosen: list[list[int]] = []
    used = 0
    for notes in by_source:
        free_at: list[float] = [0.0]  # one per channel of this source
        mine = []
        for note in notes:
            voice = 0
            if bends:
                free = [i for i, seconds in enumerate(free_at) if seconds <= note.onset_seconds]
                voice = free[0] if free else len(free_at)
                free_at[voice : voice + 1] = [note.offset_seconds]
            mine.append(used + voice)
        used += len(free_at)
        chosen.append(mine)
    if used > len(CHANNELS):
        raise ConfigError(
            f"MIDI has {len(CHANNELS)} channels for notes and this needs {used}; write it without pitch bends"
            if bends
            else f"MIDI has {len(CHANNELS)} channels for notes and there are {used} sources; write a .csv"
        )
    return [[CHANNELS[channel] for channel in mine] for mine in chosen]


def _note_events(note: Note, channel: int, bends: bool) -> list[tuple[int, int, mido.Message]]:
    import mido

    start = round(note.onset_seconds * _TICKS_PER_SECOND)
    end = max(start + 1, round(note.offset_seconds * _TICKS_PER_SECOND))
    events = [
        (start, 2, mido.Message("note_on", channel=channel, note=note.key, velocity=note.velocity)),
        (end, 0, mido.Message("note_off", channel=channel, note=note.key, velocity=0)),
    ]
    if bends:
        last = None
        for seconds, pitch in zip(note.times, note.pitches, strict=True):
            wheel = round((pitch - note.key) / BEND_RANGE_SEMITONES * 8192 / _BEND_STEP) * _BEND_STEP
            wheel = int(np.clip(wheel, -8192, 8191))
            tick = max(start, round(float(seconds) * _TICKS_PER_SECOND))
            if wheel != last and tick < end:
                events.append((tick, 1, mido.Message("pitchwheel", channel=channel, pitch=wheel)))
                last = wheel
    return events


def _read_track(track: mido.MidiTrack) -> list[tuple[int, int, int]]:
    """Onset and offset in ticks, and key; a note that never ends, ends with its track."""
    now = 0
    sounding: dict[tuple[int, int], deque[int]] = {}
    notes = []
    for message in track:
        now += message.time
        if message.type not in ("note_on", "note_off"):
            continue
        starts = sounding.setdefault((message.channel, message.note), deque())
        if message.type == "note_on" and message.velocity > 0:
            starts.append(now)
        elif starts:
            notes.append((starts.popleft(), now, message.note))
    notes += [(start, now, key) for (_, key), starts in sounding.items() for start in starts]
    return [(start, max(end, start + 1), key) for start, end, key in notes]


def _name(text: str) -> str:
    """Name of a track: UTF-8 if it can be, else Latin-1, as programs of before 2000 write it."""
    try:
        return shown(text.encode("latin-1").decode("utf-8"))
    except UnicodeDecodeError:
        return shown(text)


class _clock:
    """Ticks to seconds: by the tempo changes of all tracks, or of an even length where the file counts frames of film.

    NotesError if no time passes.
    """

    def __init__(self, file: mido.MidiFile, path: Path) -> None:
        division = file.ticks_per_beat
        film = division < 0  # SMPTE: the high byte is minus the frames a second, the low byte ticks in a frame
        ticks_per_second = (-(division >> 8)) * (division & 0xFF) if film else 0
        if (film and not ticks_per_second) or division == 0:
            raise NotesError(f"{path} says that no time passes from tick to tick; export it again")
        changes = {0: _BEAT_MICROSECONDS}
        last = 0
        for track in file.tracks:
            now = 0
            for message in track:
                now += message.time
                if message.type == "set_tempo":
                    if message.tempo == 0:
                        raise NotesError(f"{path} has a tempo of no time a beat; export it again")
                    changes[now] = message.tempo
            last = max(last, now)
        ticks = np.array(sorted(changes), dtype=np.float64)
        slopes = np.array([changes[int(tick)] for tick in ticks]) / (1e6 * division)
        if film:
            slopes[:] = 1.0 / ticks_per_second
        self._ticks = np.append(ticks, max(last, ticks[-1]) + 1.0)
        self._seconds = np.concatenate([[0.0], np.cumsum(np.diff(self._ticks) * slopes)])

    def __call__(self, ticks: NDArray[np.float64]) -> NDArray[np.float64]:
        seconds: NDArray[np.float64] = np.interp(ticks, self._ticks, self._seconds)
        return seconds
