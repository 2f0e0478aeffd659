"""A JACK server of the tests' own, with its dummy driver, and clients that play into `bsep live` and record it."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from servers import PATIENCE_SECONDS, RATE, end_with_us, need

PERIOD = 256
PRIORITY = "20"  # of real time, where the system allows it: else one busy program more costs periods


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.Popen[bytes]]:
    """A server for a whole file of tests."""
    with running_server(tmp_path_factory.mktemp("jack")) as process:
        yield process


@contextmanager
def running_server(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The process of a server, which clients of ours and of our children find; others on the machine are left alone."""
    need(["jackd", "jack_wait"], "jackd2 libportaudio2", ["sounddevice", "jack"])
    name = f"bsep-{os.getpid()}"
    words = ["jackd", "-n", name, "-P", PRIORITY]
    words += ["-d", "dummy", "-r", str(RATE), "-p", str(PERIOD), "-C", "2", "-P", "2"]
    with (
        pytest.MonkeyPatch.context() as environment,
        (folder / "jackd.log").open("wb") as log,
        subprocess.Popen(words, stdout=log, stderr=log, preexec_fn=end_with_us) as process,
    ):
        environment.setenv("JACK_DEFAULT_SERVER", name)
        environment.setenv("JACK_NO_START_SERVER", "1")
        try:
            subprocess.run(["jack_wait", "-s", name, "-w", "-t", "30"], check=True, capture_output=True)
            yield process
        finally:
            process.terminate()


class Tape:
    """A player or a recorder: one JACK client with one port, every block with its time.

    ``irregular`` counts its own blocks that did not follow the one before in the server's time.
    """

    def __init__(self, name: str, audio: np.ndarray | None, n_samples: int, *, endless: bool = False) -> None:
        import jack

        self.client = jack.Client(name, no_start_server=True)
        self.audio = np.zeros(n_samples, dtype=np.float32) if audio is None else audio
        self.started_at = -1
        self.irregular = 0
        self._next = -1
        self.done = threading.Event()
        self._at = 0
        self._running = False
        self._endless = endless
        self._plays = audio is not None
        ports = self.client.outports if self._plays else self.client.inports
        self._port = ports.register("sound")
        self.port_name = self._port.name
        self.client.set_process_callback(self._process)
        self.client.activate()

    def start(self) -> None:
        self._running = True

    def close(self) -> None:
        self.client.deactivate()
        self.client.close()

    def _process(self, frames: int) -> None:
        block = self._port.get_array()
        if self._plays:
            block[:] = 0.0
        if not self._running or self._at >= self.audio.size:
            return
        now = self.client.last_frame_time
        if self.started_at < 0:
            self.started_at = self._next = now
        self.irregular += now != self._next
        self._next = now + frames
        n = min(frames, self.audio.size - self._at)
        if self._plays:
            block[:n] = self.audio[self._at : self._at + n]
        else:
            self.audio[self._at : self._at + n] = block[:n]
        self._at += n
        if self._at == self.audio.size:
            self.done.set()
            if self._endless:
                self._at = 0


def watch(tape: Tape) -> threading.Event:
    """Set whenever a port appears or vanishes; for :func:`wire`, before `bsep live` is started."""
    appeared = threading.Event()
    tape.client.deactivate()
    tape.client.set_port_registration_callback(lambda port, registered: appeared.set(), only_available=False)
    tape.client.activate()
    return appeared


def wire(player: Tape, recorder: Tape, appeared: threading.Event) -> None:
    """Take `bsep live` off the system's ports and put it between the player and the recorder."""
    client = player.client
    while not (client.get_ports("PortAudio.*:in_0") and client.get_ports("PortAudio.*:out_0")):
        appeared.clear()
        assert appeared.wait(PATIENCE_SECONDS), "bsep live did not open its ports"
    for port in client.get_ports("PortAudio.*"):
        for other in client.get_all_connections(port):
            pair = (other, port) if port.is_input else (port, other)
            client.disconnect(*pair)
    client.connect(player.port_name, client.get_ports("PortAudio.*:in_0")[0])
    client.connect(client.get_ports("PortAudio.*:out_0")[0], recorder.port_name)
