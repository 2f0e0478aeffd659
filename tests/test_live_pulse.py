"""Real time on PulseAudio without a sound card: two null sinks, a player, `bsep live`, a recorder (`make test-live`).

Whatever comes out must be the separated sound to the bit. PulseAudio may put silence in where a client was late, or
move the sound by a few samples, and tells nobody; so there may be seams, and between them nothing but what is right.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from pieces import bridged, fit
from servers import BSEP, PATIENCE_SECONDS, RACK, RATE, end_with_us, heed_ctrl_c, need
from stage import music

from bsep_stream.effects.fader import RAMP_SECONDS
from bsep_stream.effects.rack import load_rack
from bsep_stream.separator import StreamingSeparator

pytestmark = pytest.mark.servers

SECONDS = min(10.0, float(os.environ.get("BSEP_LIVE_SECONDS", "10")))
BLOCK = 64
SEAM = 2 * BLOCK  # samples at a gap that are not compared: a block at either side
MOST = 0.98  # of the samples that no counter excuses
FAULT = RATE // 4  # samples that a fault of the device may cost: its whole buffer, and the time to start again
IDLE_SECONDS = 20  # a server whose tests were killed, and all their programs with them, ends after so long


@pytest.fixture
def pulse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A PulseAudio server of our own with the null sinks `before` and `after`."""
    packages = "pulseaudio pulseaudio-utils libasound2-plugins libportaudio2"
    need(["pulseaudio", "pactl", "paplay", "parec"], packages, ["sounddevice"])
    for name in ("PULSE_RUNTIME_PATH", "PULSE_STATE_PATH", "XDG_CONFIG_HOME", "HOME"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("PULSE_SERVER", f"unix:{tmp_path}/socket")
    words = ["pulseaudio", "-n", "--daemonize=yes", f"--exit-idle-time={IDLE_SECONDS}", "--disable-shm=yes"]
    words += ["-L", f"module-native-protocol-unix auth-anonymous=1 socket={tmp_path}/socket"]
    for sink in ("before", "after"):
        words += ["-L", f"module-null-sink sink_name={sink} rate={RATE} format=float32le channels=2"]
    subprocess.run(words, check=True, capture_output=True)  # comes back when the server is ready
    try:
        yield
    finally:
        subprocess.run(["pactl", "exit"], check=False)


def test_nothing_but_the_separated_sound_comes_out(pulse: None, tmp_path: Path, models_folder: Path) -> None:
    model = models_folder / "split_fast.onnx"
    (tmp_path / "rack.toml").write_text(RACK, encoding="utf-8")
    audio = music(np.random.default_rng(1), SECONDS, RATE, 2)
    silence = np.zeros((2, RATE), dtype=np.float32)  # while the devices start, and while the last sound is on its way
    soundfile.write(tmp_path / "played.wav", np.concatenate([silence, audio, silence], axis=1).T, RATE, subtype="FLOAT")
    words = [*BSEP, "live", str(model), "--input", "pulse", "--output", "pulse", "--rack", str(tmp_path / "rack.toml")]
    words += ["--sample-rate", str(RATE), "--channels", "2", "--block-size", "512", "--device-latency", "high"]
    words += ["--record", str(tmp_path / "record"), "--summary", str(tmp_path / "summary.json")]
    between = {**os.environ, "PULSE_SOURCE": "before.monitor", "PULSE_SINK": "after"}
    # A null sink works two seconds at a time unless somebody listens who wants it sooner.
    raw = ["--format=float32le", f"--rate={RATE}", "--channels=2", "--latency-msec=10"]
    with (
        (tmp_path / "recorded.raw").open("wb") as recorded,
        subprocess.Popen(
            ["parec", "--device=after.monitor", *raw], stdout=recorded, preexec_fn=end_with_us
        ) as recorder,
        subprocess.Popen(
            ["parec", "--device=before.monitor", *raw], stdout=subprocess.DEVNULL, preexec_fn=end_with_us
        ) as hurry,
        subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=between, preexec_fn=heed_ctrl_c) as process,
    ):
        try:
            assert process.stderr is not None
            for line in process.stderr:
                if "Ctrl-C ends" in line:
                    break
            play = ["paplay", "--device=before", str(tmp_path / "played.wav")]
            subprocess.run(play, check=True, preexec_fn=end_with_us)
            process.send_signal(signal.SIGINT)
            said = process.stderr.read()
            assert process.wait(PATIENCE_SECONDS) == 0, said
        finally:
            process.kill()
            recorder.terminate()
            hurry.terminate()
    summary = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    counters = summary["counters"]
    came_in = soundfile.read(tmp_path / "record" / "input.wav", dtype="float32", always_2d=True)[0].T
    separator = StreamingSeparator(model, channels=2)
    mixer = load_rack(tmp_path / "rack.toml").mixer(separator.stem_names, RATE, 2)
    made = mixer.process(np.concatenate([separator.process(came_in), separator.flush()], axis=2))
    made = made[:, separator.latency_samples :]
    heard = np.fromfile(tmp_path / "recorded.raw", dtype=np.float32).reshape(-1, 2).T
    excused = bridged(summary["events"], came_in.shape[1], round(RAMP_SECONDS * RATE))
    print(f"\n{said}\n{counters}")
    lost = counters["device_faults"] * FAULT
    for channel in range(2):
        arrived = fit(came_in[channel], audio[channel], BLOCK)
        found = fit(heard[channel], made[channel], BLOCK, excused)
        print(arrived, found, np.count_nonzero(excused))
        assert arrived.uncounted <= SEAM * arrived.gaps
        assert found.uncounted <= SEAM * found.gaps + np.count_nonzero(excused)
        assert arrived.matched > MOST * audio.shape[1] - lost
        assert found.matched > MOST * audio.shape[1] - lost - np.count_nonzero(excused)
