"""A JACK server that dies under `bsep live`, or hangs; `bsep live` that stands still. Run by `make test-live`.

PortAudio waits for a server, ten minutes or for ever, also when the process ends. `bsep live` must not: it says what
happened, and what was recorded is kept.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
from pathlib import Path

import pytest
import soundfile
from jackserver import Tape, running_server
from servers import BSEP, PATIENCE_SECONDS, RATE, heed_ctrl_c

pytestmark = pytest.mark.servers


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP], ids=["killed", "ended", "hangs"])
def test_server_that_dies_ends_it_with_a_word(death: signal.Signals, tiny_model_path: Path, tmp_path: Path) -> None:
    words = [*BSEP, "live", str(tiny_model_path), "--input", "system", "--output", "system", "--record"]
    words += [str(tmp_path / "record"), "--summary", str(tmp_path / "summary.json")]
    with (
        running_server(tmp_path) as server,
        subprocess.Popen(words, stderr=subprocess.PIPE, text=True, preexec_fn=heed_ctrl_c) as process,
    ):
        assert process.stderr is not None
        try:
            for line in process.stderr:
                if "Ctrl-C ends" in line:
                    break
            server.send_signal(death)
            _, said = process.communicate(timeout=PATIENCE_SECONDS)
        finally:
            process.kill()
            server.send_signal(signal.SIGCONT)
    assert process.returncode == 2, said
    assert "the device is gone" in said
    assert "bsep: the sound server does not answer any more; start it again" in said
    assert json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))["counters"]["device_losses"] == 1
    assert {path.name for path in (tmp_path / "record").iterdir()} >= {"input.wav", "mix.wav"}
    for path in (tmp_path / "record").iterdir():
        assert soundfile.info(path).samplerate == 48_000


@pytest.mark.parametrize("stopped_seconds", [1.0, 3.0])
def test_time_that_the_process_stood_still_is_told(
    tiny_model_path: Path, tmp_path: Path, stopped_seconds: float
) -> None:
    words = [*BSEP, "live", str(tiny_model_path), "--input", "system", "--output", "system", "--record"]
    words += [str(tmp_path / "record"), "--summary", str(tmp_path / "summary.json")]
    with (
        running_server(tmp_path),
        subprocess.Popen(words, stderr=subprocess.PIPE, text=True, preexec_fn=heed_ctrl_c) as process,
    ):
        assert process.stderr is not None
        # The server is the clock. It asks all clients when one comes or goes, so none does while one stands still.
        clocks = [
            Tape(f"clock{n}", None, round(seconds * RATE)) for n, seconds in enumerate((1.5, stopped_seconds, 1.5))
        ]
        try:
            for line in process.stderr:
                if "Ctrl-C ends" in line:
                    break
            for clock, word in zip(clocks, (signal.SIGSTOP, signal.SIGCONT, signal.SIGINT), strict=True):
                clock.start()
                assert clock.done.wait(PATIENCE_SECONDS)
                process.send_signal(word)
            _, said = process.communicate(timeout=PATIENCE_SECONDS)
        finally:
            process.kill()
            for clock in clocks:
                clock.close()
    assert process.returncode == 0, said
    told = [float(seconds) for seconds in re.findall(r"the process stood still; (\S+) s of sound are lost", said)]
    assert sum(told) > stopped_seconds - 0.1  # a busy machine loses more
    lost = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))["counters"]["lost_samples"]
    assert abs(lost / RATE - sum(told)) < 0.01 * len(told)
    assert len({soundfile.info(path).frames for path in (tmp_path / "record").iterdir()}) == 1
