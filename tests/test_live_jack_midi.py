"""Notes on a real server: a port of ours on JACK, and a client that writes down what comes. Run by `make test-live`.

A busy machine may cost periods, with the messages in them, or show one twice; it may not add or swap any.
"""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import jackserver
import pytest
from servers import PATIENCE_SECONDS, need
from test_live_midi import HOPS_TO_BE_SURE, tones

from bsep_stream.live.devices.midiports import JACK, VIRTUAL_NAME, list_ports, open_port
from bsep_stream.live.engine.liveengine import LiveEngine
from bsep_stream.live.session.notesender import NoteSender
from bsep_stream.separator import StreamingSeparator

pytestmark = pytest.mark.servers

server = jackserver.server
EXPECTED = [(0x90, 60), (0x91, 67), (0x80, 60), (0x81, 67)]


class Synthesiser:
    """A JACK client that takes MIDI: status byte and key of every message."""

    def __init__(self) -> None:
        import jack

        self.heard: list[tuple[int, int]] = []
        self.came = threading.Event()
        self.client = jack.Client("synth", no_start_server=True)
        self.port = self.client.midi_inports.register("in")
        self.client.set_process_callback(self._process)
        self.client.activate()

    def _process(self, _frames: int) -> None:
        for _, message in self.port.incoming_midi_events():
            status, key = bytes(message)[:2]
            if (status, key) not in self.heard:
                self.heard.append((status, key))
            self.came.set()


@pytest.fixture
def synthesiser(server: subprocess.Popen[bytes]) -> Iterator[Synthesiser]:
    need([], "jackd2", ["jack", "mido", "rtmidi2"])
    made = Synthesiser()
    try:
        yield made
    finally:
        made.client.close()


@pytest.mark.parametrize("wanted", ["virtual", "synth"])
def test_notes_arrive(wanted: str, synthesiser: Synthesiser, tiny_model_path: Path) -> None:
    engine = LiveEngine(StreamingSeparator(tiny_model_path))
    assert any("synth" in name for name in list_ports(JACK))
    port = open_port(JACK + wanted)
    if wanted == "virtual":
        (ours,) = synthesiser.client.get_ports(VIRTUAL_NAME, is_midi=True, is_output=True)
        synthesiser.client.connect(ours, synthesiser.port)
    with NoteSender(engine, port) as sender:
        for keys in ((60, None), (60, 67), (None, 67)):
            for _ in range(HOPS_TO_BE_SURE):
                sender.hear(tones(engine, *keys))
    assert synthesiser.came.wait(PATIENCE_SECONDS)
    heard = list(synthesiser.heard)  # a last message may still come
    assert heard == [message for message in EXPECTED if message in heard]
    assert engine.counters.midi_errors == 0
