"""Real time on a real server: JACK with its dummy driver, a player, `bsep live`, a recorder. Run by `make test-live`.

A busy machine may cost blocks; it may not cost a wrong or an uncounted sample. So whatever was recorded is either what
the stream makes of what came in, at the declared latency, or lies where something was counted.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from pieces import bridged, fit
from servers import BSEP, PATIENCE_SECONDS, RACK, RATE, heed_ctrl_c, need
from stage import music

from bsep_stream.fader import RAMP_SECONDS
from bsep_stream.rack import load_rack
from bsep_stream.stream import StreamingSeparator

pytestmark = pytest.mark.servers

PERIOD = 256
SECONDS = float(os.environ.get("BSEP_LIVE_SECONDS", "60"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A JACK server of our own; other servers on the machine are left alone."""
    need(["jackd", "jack_wait"], "jackd2 libportaudio2", ["sounddevice", "jack"])
    name = f"bsep-{os.getpid()}"
    words = ["jackd", "-n", name, "-r", "-d", "dummy", "-r", str(RATE), "-p", str(PERIOD), "-C", "2", "-P", "2"]
    log_path = tmp_path_factory.mktemp("jack") / "jackd.log"
    with (
        pytest.MonkeyPatch.context() as environment,
        log_path.open("wb") as log,
        subprocess.Popen(words, stdout=log, stderr=log) as process,
    ):
        environment.setenv("JACK_DEFAULT_SERVER", name)
        environment.setenv("JACK_NO_START_SERVER", "1")
        try:
            subprocess.run(["jack_wait", "-s", name, "-w", "-t", "30"], check=True, capture_output=True)
            yield name
        finally:
            process.terminate()


class Tape:
    """A player or a recorder: one JACK client with one port, every block with its time."""

    def __init__(self, name: str, server: str, audio: np.ndarray | None, n_samples: int) -> None:
        import jack

        self.client = jack.Client(name, servername=server, no_start_server=True)
        self.audio = np.zeros(n_samples, dtype=np.float32) if audio is None else audio
        self.started_at = -1
        self.done = threading.Event()
        self._at = 0
        self._running = False
        self._plays = audio is not None
        ports = self.client.outports if self._plays else self.client.inports
        self._port = ports.register("sound")
        self.port_name = self._port.name
        self.client.set_process_callback(self._process)
        self.client.activate()

    def start(self) -> None:
        self._running = True

    def _process(self, frames: int) -> None:
        block = self._port.get_array()
        if self._plays:
            block[:] = 0.0
        if not self._running or self._at >= self.audio.size:
            return
        if self.started_at < 0:
            self.started_at = self.client.last_frame_time
        n = min(frames, self.audio.size - self._at)
        if self._plays:
            block[:n] = self.audio[self._at : self._at + n]
        else:
            self.audio[self._at : self._at + n] = block[:n]
        self._at += n
        if self._at == self.audio.size:
            self.done.set()


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


@pytest.fixture(scope="module")
def run(server: str, tmp_path_factory: pytest.TempPathFactory, models_folder: Path) -> dict[str, Any]:
    """Play, separate, record; everything that came of it."""
    tmp_path = tmp_path_factory.mktemp("run")
    rng = np.random.default_rng(1)
    audio = music(rng, SECONDS, RATE)[0]
    (tmp_path / "rack.toml").write_text(RACK, encoding="utf-8")
    model = models_folder / "split_fast.onnx"
    player = Tape("player", server, audio, audio.size)
    recorder = Tape("recorder", server, None, audio.size + RATE)
    appeared = threading.Event()
    watcher = player.client
    watcher.deactivate()
    watcher.set_port_registration_callback(lambda port, registered: appeared.set(), only_available=False)
    watcher.activate()
    words = [*BSEP, "live", str(model), "--input", "system", "--output", "system", "--channels", "1"]
    words += ["--rack", str(tmp_path / "rack.toml"), "--record", str(tmp_path / "record")]
    words += ["--summary", str(tmp_path / "summary.json")]
    with (
        (tmp_path / "bsep.log").open("wb") as log,
        subprocess.Popen(words, stderr=log, preexec_fn=heed_ctrl_c) as process,
    ):
        try:
            wire(player, recorder, appeared)
            recorder.start()
            player.start()
            assert recorder.done.wait(SECONDS + PATIENCE_SECONDS), "the recorder did not get to the end"
            process.send_signal(signal.SIGINT)
            code = process.wait(PATIENCE_SECONDS)
        finally:
            process.kill()
    for tape in (player, recorder):
        tape.client.deactivate()
        tape.client.close()
    said = (tmp_path / "bsep.log").read_text(encoding="utf-8")
    assert code == 0, said
    came_in = soundfile.read(tmp_path / "record" / "input.wav", dtype="float32")[0]
    separator = StreamingSeparator(model)
    mixer = load_rack(tmp_path / "rack.toml").mixer(separator.stem_names, RATE, 1)
    stems = np.concatenate([separator.process(came_in[None]), separator.flush()], axis=2)
    made = mixer.process(stems)[0, separator.latency_samples :]
    return {
        "audio": audio,
        "came_in": came_in,
        "made": made,
        "recording": recorder.audio,
        "shift": recorder.started_at - player.started_at,
        "summary": json.loads((tmp_path / "summary.json").read_text(encoding="utf-8")),
        "mix": soundfile.read(tmp_path / "record" / "mix.wav", dtype="float32")[0],
        "said": said,
    }


def test_recording_is_the_stream_and_every_gap_was_counted(run: dict[str, Any]) -> None:
    summary, counters = run["summary"], run["summary"]["counters"]
    ramp = round(RAMP_SECONDS * RATE)
    excused = bridged(summary["events"], run["came_in"].size, ramp)
    arrived = fit(run["came_in"], run["audio"], PERIOD)
    heard = fit(run["recording"], run["made"], PERIOD, excused)
    print(f"\n{run['said']}\n{arrived}\n{heard}\n{counters}")
    assert arrived.matched > 0.9 * run["audio"].size or counters["device_faults"]
    assert arrived.gaps <= counters["device_faults"]
    assert heard.gaps <= counters["device_faults"]
    assert heard.uncounted <= counters["device_faults"] * PERIOD
    if arrived.gaps == heard.gaps == 0:
        # Nothing was lost on the way, so times can be compared: the latency is the declared one to the sample.
        engine = summary["latency"]["total_samples"] - summary["latency"]["device_samples"]
        changes = sum(event["samples"] for event in summary["events"] if event["kind"] == "latency")
        delay = run["shift"] + heard.first_offset + arrived.first_offset
        assert delay == engine - changes


def test_record_holds_what_was_mixed(run: dict[str, Any]) -> None:
    if run["summary"]["counters"]["overruns"]:
        pytest.skip("the machine was too slow for the whole mix")
    n = run["mix"].size - run["summary"]["latency"]["total_samples"]
    np.testing.assert_array_equal(run["mix"][:n], run["made"][:n])
