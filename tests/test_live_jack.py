"""Real time on a real server: JACK with its dummy driver, a player, `bsep live`, a recorder. Run by `make test-live`.

A busy machine may cost blocks; it may not cost a wrong or an uncounted sample. So whatever was recorded is either what
the stream makes of what came in, at the declared latency, or lies where something was counted.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import jackserver
import numpy as np
import pytest
import soundfile
from jackserver import PERIOD, Tape, watch, wire
from pieces import bridged, fit
from servers import BSEP, PATIENCE_SECONDS, RACK, RATE, heed_ctrl_c
from stage import music

from bsep_stream.effects.fader import RAMP_SECONDS
from bsep_stream.effects.rack import load_rack
from bsep_stream.separator import StreamingSeparator

pytestmark = pytest.mark.servers

server = jackserver.server
MOST = 0.9  # of the samples; each gap costs a period, and then the search must find the place again
SECONDS = float(os.environ.get("BSEP_LIVE_SECONDS", "60"))


@pytest.fixture(scope="module")
def run(
    server: subprocess.Popen[bytes], tmp_path_factory: pytest.TempPathFactory, models_folder: Path
) -> dict[str, Any]:
    """Play, separate, record; everything that came of it."""
    tmp_path = tmp_path_factory.mktemp("run")
    rng = np.random.default_rng(1)
    audio = music(rng, SECONDS, RATE)[0]
    (tmp_path / "rack.toml").write_text(RACK, encoding="utf-8")
    model = models_folder / "split_fast.onnx"
    player = Tape("player", audio, audio.size)
    recorder = Tape("recorder", None, audio.size + RATE)
    appeared = watch(player)
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
        tape.close()
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
        "irregular": (player.irregular, recorder.irregular),
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
    before, after = (counters["device_faults"] + own for own in run["irregular"])  # of the player, of the recorder
    print(f"\n{run['said']}\n{arrived}\n{heard}\n{counters}\n{run['irregular']}")
    assert arrived.matched > MOST * run["audio"].size or before
    assert arrived.gaps <= before
    assert heard.gaps <= after
    assert heard.uncounted <= after * PERIOD
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
