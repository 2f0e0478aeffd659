"""Devices that vanish, come back, start slowly or take the sound server with them."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from soundcards import FakeLibrary, FakeStream

from bsep_stream.errors import DeviceError
from bsep_stream.live.devices.streams import Connector, plan
from bsep_stream.live.engine.liveengine import LiveEngine
from bsep_stream.live.session.livesession import (
    FAULT_SECONDS,
    FIRST_SECONDS,
    RETRY_SECONDS,
    SILENCE_SECONDS,
    LiveSession,
)
from bsep_stream.separator import StreamingSeparator


class FakeStreams:
    """Devices that die when told."""

    def __init__(self) -> None:
        self.blocks, self.alive, self.device_samples, self.closed = 1, True, 480, False

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("death", ["stopped", "silent"])
def test_device_that_vanishes_is_looked_for_until_it_is_back(death: str, tiny_model_path: Path) -> None:
    engine = LiveEngine(StreamingSeparator(tiny_model_path))
    now, opened, there = [0.0], [], [True]

    def connect() -> FakeStreams:
        if not there[0]:
            raise DeviceError("not there")
        opened.append(FakeStreams())
        return opened[-1]

    session = LiveSession(engine, connect, clock=lambda: now[0])
    session.open()
    try:
        for _ in range(20):  # alive: it calls back all the time
            now[0] += 0.9 * SILENCE_SECONDS
            opened[0].blocks += 1
            session.poll()
        assert session.connected
        there[0] = False
        if death == "stopped":
            opened[0].alive = False
        else:
            now[0] += 1.1 * SILENCE_SECONDS
        session.poll()
        assert not session.connected
        assert opened[0].closed
        assert engine.counters.device_losses == 1
        for _ in range(5):
            now[0] += RETRY_SECONDS
            session.poll()
        assert not session.connected
        there[0] = True
        now[0] += RETRY_SECONDS
        session.poll()
        assert session.connected
        assert session.device_samples == 480
        texts = [event.text for event in engine.counters.events if event.kind == "device"]
        assert texts == ["the device is gone; waiting for it", "the device is back"]
    finally:
        session.close()
    assert opened[-1].closed


def test_sound_server_that_died_does_not_hold_us(tiny_model_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PortAudio waits ten minutes for a JACK server that is gone; the recording shall not."""
    monkeypatch.setattr("bsep_stream.live.devices.streams.CLOSE_SECONDS", 0.01)
    over, now = threading.Event(), [0.0]
    library = FakeLibrary()
    wiring = plan(library, "system", "system")
    engine = LiveEngine(StreamingSeparator(tiny_model_path, sample_rate=wiring.sample_rate, channels=2))
    session = LiveSession(engine, Connector(library, wiring, engine), clock=lambda: now[0])
    session.open()
    monkeypatch.setattr(FakeStream, "close", lambda self, ignore_errors: over.wait())
    now[0] = 1.1 * FIRST_SECONDS
    with pytest.raises(DeviceError, match="the sound server does not answer any more; start it"):
        session.poll()
    session.close()
    assert engine._thread is None
    over.set()


def test_lost_sound_is_told_now_and_then(tiny_model_path: Path) -> None:
    now, streams = [0.0], FakeStreams()
    engine = LiveEngine(StreamingSeparator(tiny_model_path))
    session = LiveSession(engine, lambda: streams, clock=lambda: now[0])
    session.open()
    told = []
    for _ in range(100):
        now[0] += 0.25 * FAULT_SECONDS
        streams.blocks += 1
        engine.counters.device_faults += 1
        session.poll()
        told += [event.text for event in engine.counters.events if event.kind == "device"]
        engine.counters.events.clear()
    session.close()
    assert told[:3] == ["the device lost sound", *["the device lost sound 4 times"] * 2]
    times = [1 if text.endswith("sound") else int(text.split()[-2]) for text in told]
    assert sum(times) > 100 - 4  # the last ones wait for their turn


def test_slow_start_of_a_device_is_no_loss(tiny_model_path: Path) -> None:
    now, streams = [0.0], FakeStreams()
    streams.blocks = 0
    session = LiveSession(LiveEngine(StreamingSeparator(tiny_model_path)), lambda: streams, clock=lambda: now[0])
    session.open()
    now[0] = 0.9 * FIRST_SECONDS
    session.poll()
    assert session.connected
    now[0] = 1.1 * FIRST_SECONDS
    session.poll()
    assert not session.connected
    session.close()
