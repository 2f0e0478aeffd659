"""Notes to a MIDI port while it plays: the notes of the recording, whatever the port does."""

from __future__ import annotations

import json
import sys
import threading
from math import ceil
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

mido = pytest.importorskip("mido")

from bsep_stream.cli import main
from bsep_stream.demo import MIX, MODEL
from bsep_stream.errors import ConfigError, DeviceError
from bsep_stream.files.audiofile import read_recording
from bsep_stream.live.devices import midiports
from bsep_stream.live.devices.midiports import find_port, list_ports, open_port
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


@pytest.mark.parametrize(
    ("wanted", "name"),
    [("0", "Through"), (" 2 ", "FLUID 2"), ("thr", "Through"), ("fluid", "FLUID"), ("d 2", "FLUID 2")],
)
def test_port_by_number_or_part_of_a_name(wanted: str, name: str) -> None:
    assert find_port(["Through", "FLUID", "FLUID 2"], wanted) == name


@pytest.mark.parametrize(
    ("names", "wanted", "sentence"),
    [
        ([], "synth", "there is no MIDI port; start what"),
        (["a", "b"], "7", r"no MIDI port with the number 7; there are 0 \(a\), 1 \(b\)"),
        (["a", "b"], "synth", "no MIDI port like 'synth'; there are 0"),
        (["synth 1", "synth 2"], "synth", "several MIDI ports are like 'synth': synth 1, synth 2; give a number"),
    ],
)
def test_port_that_is_not_there_or_not_clear(names: list[str], wanted: str, sentence: str) -> None:
    with pytest.raises(DeviceError, match=sentence):
        find_port(names, wanted)


class FakeRtMidi(ModuleType):
    """What of rtmidi2 is used: a system with or without a sequencer, and JACK."""

    def __init__(self) -> None:
        super().__init__("rtmidi2")
        self.calls: list[tuple[Any, ...]] = []
        self.broken: set[str] = set()
        self.port_broken = False

    def MidiOut(self, name: str) -> FakeRtMidi:
        return self.client("system", name)

    def client(self, kind: str, name: str) -> FakeRtMidi:
        if kind in self.broken:
            raise RuntimeError("no sequencer")
        self.calls.append((name, kind))
        return self

    @property
    def ports(self) -> list[str]:
        return ["Through", "synth", "synth"]  # two clients of one program may have one name

    def open_port(self, number: int) -> None:
        if self.port_broken:
            raise RuntimeError("busy")
        self.calls.append(("open", number))

    def open_virtual_port(self, name: str) -> None:
        self.calls.append(("virtual", name))

    def send_raw(self, *content: int) -> None:
        self.calls.append(content)

    def close_port(self) -> None:
        self.calls.append(("close",))


@pytest.fixture
def fake_rtmidi(monkeypatch: pytest.MonkeyPatch) -> FakeRtMidi:
    fake = FakeRtMidi()
    monkeypatch.setitem(sys.modules, "rtmidi2", fake)
    monkeypatch.setattr(midiports, "JackMidiOut", lambda name: fake.client("jack", name))
    monkeypatch.setattr(sys, "platform", "linux")
    return fake


def test_ports_are_opened_by_name_or_made(fake_rtmidi: FakeRtMidi) -> None:
    assert list_ports() == ["Through", "synth"]
    port = open_port("SYN")
    port.send(mido.Message("note_on", channel=1, note=60, velocity=80))
    port.close()
    assert port.name == "synth"
    assert open_port("virtual").name == "bsep-stream"
    client = ("bsep-stream", "system")
    assert fake_rtmidi.calls == [
        *(client, ("close",)),
        *(client, ("open", 1), (0x91, 60, 80), ("close",)),
        *(client, ("virtual", "bsep-stream")),
    ]


def test_jack_is_used_where_it_is_wanted_or_there_is_nothing_else(fake_rtmidi: FakeRtMidi) -> None:
    assert open_port("jack:synth").name == "synth"
    fake_rtmidi.broken = {"system"}
    assert open_port("virtual").name == "bsep-stream"
    assert [call for call in fake_rtmidi.calls if call[0] == "bsep-stream"] == [("bsep-stream", "jack")] * 2


def test_system_without_midi_and_ports_that_do_not_open_are_told(fake_rtmidi: FakeRtMidi) -> None:
    fake_rtmidi.port_broken = True
    with pytest.raises(DeviceError, match=r"the MIDI port synth cannot be opened \(busy\)"):
        open_port("synth")
    fake_rtmidi.broken = {"system", "jack"}
    for wanted in ("synth", "virtual", "jack:synth"):
        with pytest.raises(DeviceError, match=r"there is no MIDI on this system \(no sequencer\)"):
            open_port(wanted)


def test_devices_lists_ports(fake_rtmidi: FakeRtMidi, monkeypatch: pytest.MonkeyPatch) -> None:
    result = CliRunner().invoke(main, ["devices", "--midi"])
    assert result.output == "0  Through\n1  synth\n"
    assert json.loads(CliRunner().invoke(main, ["devices", "--midi", "--json"]).output) == ["Through", "synth"]
    monkeypatch.setattr(FakeRtMidi, "ports", [])
    assert "--midi-out virtual" in CliRunner().invoke(main, ["devices", "--midi"]).output


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rtmidi2", None)
    result = CliRunner().invoke(main, ["devices", "--midi"])
    assert result.exit_code == 2
    assert result.stderr == 'bsep: this needs rtmidi2, which is not installed: pip install "bsep-stream[midi]"\n'


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
