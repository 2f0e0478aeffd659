"""Real time on PulseAudio without a sound card: two null sinks, a player, `bsep live`, a recorder (`make test-live`).

What was recorded must be the separated sound to the bit, apart from the places where PulseAudio was short of time.
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
from servers import BSEP, PATIENCE_SECONDS, RACK, RATE, heed_ctrl_c, need
from stage import music

from bsep_stream.fader import RAMP_SECONDS
from bsep_stream.rack import load_rack
from bsep_stream.stream import StreamingSeparator

pytestmark = pytest.mark.servers

SECONDS = min(10.0, float(os.environ.get("BSEP_LIVE_SECONDS", "10")))
BLOCK = 64
MOST = 0.8  # of the samples, to the bit; PulseAudio fills in silence where a client is late, and tells nobody


@pytest.fixture
def pulse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A PulseAudio server of our own with the null sinks `before` and `after`."""
    packages = "pulseaudio pulseaudio-utils libasound2-plugins libportaudio2"
    need(["pulseaudio", "pactl", "paplay", "parec"], packages, ["sounddevice"])
    for name in ("PULSE_RUNTIME_PATH", "PULSE_STATE_PATH", "XDG_CONFIG_HOME", "HOME"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("PULSE_SERVER", f"unix:{tmp_path}/socket")
    words = ["pulseaudio", "-n", "--daemonize=yes", "--exit-idle-time=-1", "--disable-shm=yes"]
    words += ["-L", f"module-native-protocol-unix auth-anonymous=1 socket={tmp_path}/socket"]
    for sink in ("before", "after"):
        words += ["-L", f"module-null-sink sink_name={sink} rate={RATE} format=float32le channels=2"]
    subprocess.run(words, check=True, capture_output=True)  # comes back when the server is ready
    try:
        yield
    finally:
        subprocess.run(["pactl", "exit"], check=False)


def test_separated_sound_comes_out_and_every_gap_was_counted(
    pulse: None, tmp_path: Path, models_folder: Path
) -> None:
    model = models_folder / "split_fast.onnx"
    (tmp_path / "rack.toml").write_text(RACK, encoding="utf-8")
    audio = music(np.random.default_rng(1), SECONDS, RATE, 2)
    soundfile.write(tmp_path / "played.wav", audio.T, RATE, subtype="FLOAT")
    words = [*BSEP, "live", str(model), "--input", "pulse", "--output", "pulse", "--rack", str(tmp_path / "rack.toml")]
    words += ["--sample-rate", str(RATE), "--channels", "2", "--block-size", "512", "--device-latency", "high"]
    words += ["--record", str(tmp_path / "record"), "--summary", str(tmp_path / "summary.json")]
    between = {**os.environ, "PULSE_SOURCE": "before.monitor", "PULSE_SINK": "after"}
    # A null sink works two seconds at a time unless somebody listens who wants it sooner.
    raw = ["--format=float32le", f"--rate={RATE}", "--channels=2", "--latency-msec=10"]
    with (
        (tmp_path / "recorded.raw").open("wb") as recorded,
        subprocess.Popen(["parec", "--device=after.monitor", *raw], stdout=recorded) as recorder,
        subprocess.Popen(["parec", "--device=before.monitor", *raw], stdout=subprocess.DEVNULL) as hurry,
        subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=between, preexec_fn=heed_ctrl_c) as process,
    ):
        try:
            assert process.stderr is not None
            for line in process.stderr:
                if "Ctrl-C ends" in line:
                    break
            subprocess.run(["paplay", "--device=before", str(tmp_path / "played.wav")], check=True)
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
    for channel in range(2):
        arrived = fit(came_in[channel], audio[channel], BLOCK)
        found = fit(heard[channel], made[channel], BLOCK, excused)
        print(arrived, found)
        trouble = counters["bridged_samples"] or counters["device_faults"] or counters["device_losses"]
        assert found.matched > MOST * audio.shape[1] or trouble
        assert arrived.matched > MOST * audio.shape[1] or trouble
