"""A JACK server that dies under `bsep live`, or hangs. Run by `make test-live`.

PortAudio waits for it, ten minutes or for ever, also when the process ends. `bsep live` must not: it says what
happened, and what was recorded is kept.
"""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest
import soundfile
from jackserver import running_server
from servers import BSEP, PATIENCE_SECONDS, heed_ctrl_c

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
