"""MIDI ports: found by number or name, opened or made, and told where there are none."""

from __future__ import annotations

import json
import sys
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner

mido = pytest.importorskip("mido")

from bsep_stream.cli import main
from bsep_stream.errors import DeviceError
from bsep_stream.live.devices import midiports
from bsep_stream.live.devices.midiports import find_port, list_ports, open_port


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
