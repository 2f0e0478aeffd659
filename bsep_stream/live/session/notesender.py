"""Notes while they are played: tones of the worker's frames to a MIDI port, by a thread that nobody waits for."""

from __future__ import annotations

import threading
import time
from collections import Counter
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import TYPE_CHECKING

from bsep_stream.errors import ConfigError
from bsep_stream.notes.midi import CHANNELS
from bsep_stream.notes.tracker import NoteTracker
from bsep_stream.notes.transcription import ToneReader

if TYPE_CHECKING:
    from bsep_stream.live.devices.midiports import MidiPort
    from bsep_stream.live.engine.liveengine import LiveEngine
    from bsep_stream.model.separation_model import Tones
    from bsep_stream.notes.events import NoteSettings, Tone

HANGING_SECONDS = 0.5
"""Without frames for so long (a device was pulled out) all notes end."""

CLOSE_SECONDS = 2.0
"""What a port may take for the last messages: one that hangs shall not hold the program."""

DELIVERY_SECONDS = 0.1
"""What the system gets to deliver the last messages before the port is closed: JACK takes them a period later, and a
lost one would be a note without an end."""

MOST_WAITING = 256
"""Frames that may wait for a port that takes its time; what comes after them is left out."""


class NoteSender:
    """Follows the tones of an engine's separator and sends their notes: a channel for every source.

    A context: between entering and leaving it notes are sent, and when it is left all of them have ended. Notes go
    out as soon as they are certain and do not wait for the sound of the engine.

    Parameters
    ----------
    engine : LiveEngine
    port : MidiPort
        Closed on leaving.
    settings : NoteSettings, optional

    Raises
    ------
    ConfigError
        More sources than MIDI has channels.
    """

    def __init__(self, engine: LiveEngine, port: MidiPort, settings: NoteSettings | None = None) -> None:
        separator = engine.separator
        n_sources = separator.model.n_sources
        if n_sources > len(CHANNELS):
            raise ConfigError(f"MIDI has {len(CHANNELS)} channels besides the drums, the model has {n_sources} sources")
        self._engine = engine
        self._port = port
        self._tracker = NoteTracker(separator.tones_hop_seconds, settings)
        self._reader = ToneReader(separator.model, self._tracker.settings.a4_hz)
        self._frames: SimpleQueue[list[Tone] | None] = SimpleQueue()
        self._sounding: Counter[tuple[int, int]] = Counter()  # (channel, key): two voices may meet on one key
        self._well = True
        self._thread = threading.Thread(target=self._work, name="bsep notes", daemon=True)

    def hear(self, tones: Tones) -> None:
        """Take the tones of the next frame; for the thread of the separator. Never waits and never raises."""
        if self._frames.qsize() >= MOST_WAITING:
            self._engine.counters.unsent_frames += 1
            return
        self._frames.put(self._reader(tones))

    def __enter__(self) -> NoteSender:
        self._thread.start()
        self._engine.separator.on_tones = self.hear
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._engine.separator.on_tones = None
        self._frames.put(None)
        self._thread.join(CLOSE_SECONDS)
        if not self._thread.is_alive():
            time.sleep(DELIVERY_SECONDS)
            self._port.close()

    def _work(self) -> None:
        while True:
            try:
                tones = self._frames.get(timeout=HANGING_SECONDS)
            except Empty:
                self._end_all()
                continue
            if tones is None:
                break
            started, ended = self._tracker.process(tones)
            for note in ended:
                self._end(note.source, note.key)
            for start in started:
                self._start(start.source, start.key, start.velocity)
        self._end_all()

    def _start(self, source: int, key: int, velocity: int) -> None:
        channel = CHANNELS[source]
        if self._sounding[channel, key]:
            self._send("note_off", channel, key, 0)
        self._sounding[channel, key] += 1
        self._send("note_on", channel, key, velocity)

    def _end(self, source: int, key: int) -> None:
        channel = CHANNELS[source]
        self._sounding[channel, key] -= 1
        if not self._sounding[channel, key]:
            self._send("note_off", channel, key, 0)

    def _end_all(self) -> None:
        for note in self._tracker.finish():
            self._end(note.source, note.key)

    def _send(self, kind: str, channel: int, key: int, velocity: int) -> None:
        import mido

        try:
            self._port.send(mido.Message(kind, channel=channel, note=key, velocity=velocity))
            self._well = True
        except Exception as error:  # a synthesiser that was switched off shall not end the music
            counters = self._engine.counters
            counters.midi_errors += 1
            if self._well:
                counters.report("midi", self._engine.input.end, 0, f"the MIDI port {self._port.name} failed: {error}")
            self._well = False
