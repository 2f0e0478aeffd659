"""Notes to a MIDI port while it plays: the notes of the recording, whatever the port does."""

from __future__ import annotations

import threading
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

mido = pytest.importorskip("mido")

from bsep_stream.demo import MIX, MODEL
from bsep_stream.errors import ConfigError
from bsep_stream.files.audiofile import read_recording
from bsep_stream.live.engine.liveengine import LiveEngine
from bsep_stream.live.session import notesender
from bsep_stream.live.session.notesender import MOST_WAITING, NoteSender
from bsep_stream.model.separation_model import Tones
from bsep_stream.notes.events import frequency_of, velocity_of
from bsep_stream.separator import StreamingSeparator

PATIENCE = 60.0  # seconds; a thread that does not answer at all shall fail the test and not hang it
LOUD = 0.5
HOPS_TO_BE_SURE = 60  # 80 ms at the tiny model's hop: longer than a note takes to be confirmed, or to be over


class FakePort:
    """Keeps what it is sent, as (type, channel, key); tells who waits."""

    name = "synth"

    def __init__(self) -> None:
        self.sent: list[tuple[str, int, int]] = []
        self.velocities: list[int] = []
        self.closed = False
        self.came = threading.Event()

    def send(self, message: Any) -> None:
        self.sent.append((message.type, message.channel, message.note))
        self.velocities.append(message.velocity)
        self.came.set()

    def close(self) -> None:
        self.closed = True


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A port that exists only here delivers at once."""
    monkeypatch.setattr(notesender, "DELIVERY_SECONDS", 0.0)


@pytest.fixture
def engine(tiny_model_path: Path) -> LiveEngine:
    return LiveEngine(StreamingSeparator(tiny_model_path))


def tones(engine: LiveEngine, *keys: float | None) -> Tones:
    """A frame in which every source plays a key, or nothing."""
    model = engine.separator.model
    n, n_bins = model.n_sources, model.geometry.n_bins
    f0_bin = [frequency_of(key or 69) / model.geometry.bin_hz for key in keys]
    coefficients = np.zeros((n, model.dictionary.shape[1]), dtype=np.complex64)
    coefficients[:, 0] = LOUD
    return Tones(
        direct=np.zeros((n, n_bins), dtype=np.complex64),
        dictionary=np.zeros((n, n_bins), dtype=np.complex64),
        f0_bin=np.array(f0_bin, dtype=np.float32),
        inharmonicity=np.zeros(n, dtype=np.float32),
        width_bins=np.ones(n, dtype=np.float32),
        amplitude=np.zeros(n, dtype=np.float32),
        on=np.array([key is not None for key in keys], dtype=np.float32),
        coefficients=coefficients,
        timbre=np.zeros((n, n_bins), dtype=np.float32),
    )


def test_a_note_goes_on_and_off_in_the_channel_of_its_source(engine: LiveEngine) -> None:
    port = FakePort()
    with NoteSender(engine, port) as sender:
        for keys in ((60, None), (60, 67), (None, 67)):
            for _ in range(HOPS_TO_BE_SURE):
                sender.hear(tones(engine, *keys))
    assert port.sent == [("note_on", 0, 60), ("note_on", 1, 67), ("note_off", 0, 60), ("note_off", 1, 67)]
    level_db = 20 * np.log10(np.sqrt(2) * LOUD)
    assert port.velocities[:2] == [velocity_of(level_db)] * 2
    assert port.closed


def test_what_is_played_is_what_is_sent() -> None:
    """The theme of the demo, by the shipped model, through the engine."""
    audio, rate = read_recording(MIX)
    port = FakePort()
    engine = LiveEngine(StreamingSeparator(MODEL, sample_rate=rate))
    with NoteSender(engine, port):
        for start in range(0, round(1.75 * rate), 256):
            engine.callback(audio[:, start : start + 256], np.empty((1, 256), dtype=np.float32))
            engine.step()
    theme = [72, 74, 76, 77, 74, 76]
    assert [key for kind, _, key in port.sent if kind == "note_on"][: len(theme)] == theme
    assert sorted(key for kind, _, key in port.sent if kind == "note_off") == sorted(
        key for kind, _, key in port.sent if kind == "note_on"
    )


def test_tones_are_copied_before_the_next_frame_overwrites_them(engine: LiveEngine) -> None:
    """They may be views of memory that the model uses again."""
    port = FakePort()
    frame = tones(engine, 60, None)
    with NoteSender(engine, port) as sender:
        for _ in range(HOPS_TO_BE_SURE):
            frame.f0_bin[0] = frequency_of(60) / engine.separator.model.geometry.bin_hz
            sender.hear(frame)
            frame.f0_bin[0] = 1e3
    assert port.sent == [("note_on", 0, 60), ("note_off", 0, 60)]


def test_notes_end_when_no_sound_comes_any_more(engine: LiveEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that was pulled out sends no silence."""
    monkeypatch.setattr(notesender, "HANGING_SECONDS", 0.01)
    port = FakePort()
    with NoteSender(engine, port) as sender:
        for _ in range(HOPS_TO_BE_SURE):
            sender.hear(tones(engine, 60, None))
        while ("note_off", 0, 60) not in port.sent:
            port.came.clear()
            assert port.came.wait(PATIENCE) or ("note_off", 0, 60) in port.sent
        assert not port.closed


def test_two_voices_on_one_key_do_not_end_each_other(engine: LiveEngine) -> None:
    port = FakePort()
    sender = NoteSender(engine, port)
    for begin in (True, True, False, False):
        if begin:
            sender._start(1, 60, 80)
        else:
            sender._end(1, 60)
    assert port.sent == [("note_on", 1, 60), ("note_off", 1, 60), ("note_on", 1, 60), ("note_off", 1, 60)]


def test_port_that_fails_is_counted_and_told_once(engine: LiveEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    port = FakePort()
    monkeypatch.setattr(port, "send", lambda _message: (_ for _ in ()).throw(OSError("unplugged")))
    with NoteSender(engine, port) as sender:
        for keys in ((60, 64), (62, 65)):
            for _ in range(HOPS_TO_BE_SURE):
                sender.hear(tones(engine, *keys))
    assert engine.counters.midi_errors == 8
    (event,) = engine.counters.events
    assert (event.kind, event.text) == ("midi", "the MIDI port synth failed: unplugged")


def test_port_that_hangs_holds_neither_the_sound_nor_the_end(
    engine: LiveEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notesender, "CLOSE_SECONDS", 0.01)
    port, hanging, over = FakePort(), threading.Event(), threading.Event()

    def hang(_message: Any) -> None:
        hanging.set()
        assert over.wait(PATIENCE)

    monkeypatch.setattr(port, "send", hang)
    with NoteSender(engine, port) as sender:
        for _ in range(HOPS_TO_BE_SURE):
            sender.hear(tones(engine, 60, None))
        assert hanging.wait(PATIENCE)
        for _ in range(2 * MOST_WAITING):
            sender.hear(tones(engine, 60, None))
        assert MOST_WAITING <= engine.counters.unsent_frames <= 2 * MOST_WAITING
    assert not port.closed
    over.set()
    sender._thread.join(PATIENCE)


def test_more_sources_than_channels_are_refused(engine: LiveEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notesender, "CHANNELS", (0,))
    with pytest.raises(ConfigError, match="MIDI has 1 channels besides the drums, the model has 2 sources"):
        NoteSender(engine, FakePort())


@pytest.mark.parametrize(("output", "latency"), [("mask", "quality"), ("direct", "quality"), ("mask", 5.0)])
def test_separator_tells_the_tones_of_every_frame(
    output: str, latency: str | float, tiny_model_path: Path, rng: np.random.Generator
) -> None:
    audio = rng.standard_normal((2, 1000)).astype(np.float32)
    separator = StreamingSeparator(tiny_model_path, channels=2, output=output, latency=latency)
    before = separator.process(audio)
    separator.reset()
    heard: list[Tones] = []
    separator.on_tones = heard.append
    for start in range(0, 1000, 77):
        after = separator.process(audio[:, start : start + 77])
    assert np.array_equal(after, before[..., -after.shape[-1] :])
    n_hops = 1000 // separator.setting.hop_samples
    n_frames = ceil(n_hops * separator.setting.hop_samples / 48_000 / separator.tones_hop_seconds)
    assert len(heard) == n_frames
    assert all(tones.f0_bin.shape == (2,) for tones in heard)
    separator.on_tones = None
    separator.process(audio)
    assert len(heard) == n_frames
