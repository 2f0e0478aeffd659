"""Half an hour of real time: JACK with its dummy driver, a player, `bsep live` with the shipped model (`make soak`).

Nothing may go wrong on a machine with two cores and nothing else to do: no sample is late or lost, the latency stays as
it was, and the process does not grow. A virtual machine with much else to do is stopped by its host, for a tenth of a
second at a time: BSEP_SOAK_CUSHION=150 (ms) is for such a one.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic
from typing import Any

import jackserver
import pytest
import soundfile
from jackserver import Tape, watch, wire
from servers import BSEP, PATIENCE_SECONDS, RATE, heed_ctrl_c

from bsep_stream.demo import MIX, MODEL

_SECONDS = os.environ.get("BSEP_SOAK_SECONDS")
pytestmark = [
    pytest.mark.servers,
    pytest.mark.skipif(_SECONDS is None, reason="BSEP_SOAK_SECONDS is not set; `make soak` sets it to half an hour"),
    pytest.mark.skipif(sys.platform != "linux", reason="the memory of a process is read from /proc"),
]
server = jackserver.server
SECONDS = float(_SECONDS or 0)
CUSHION = ["--cushion", os.environ["BSEP_SOAK_CUSHION"]] if "BSEP_SOAK_CUSHION" in os.environ else []
SAMPLING_SECONDS = min(60.0, SECONDS / 20)
SETTLING_SECONDS = min(120.0, SECONDS / 4)  # first words, first pages of everything
GROWTH_KB = 2048  # 26 bytes of every one of the 79 000 hops that follow; one hop of stems alone has 12 KB


@pytest.fixture(scope="module")
def soak(server: subprocess.Popen[bytes], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Play, separate, listen at the end; what `bsep live` says of it and how large it was meanwhile."""
    folder = tmp_path_factory.mktemp("soak")
    audio, rate = soundfile.read(MIX, dtype="float32")
    assert rate == RATE
    player, listener = Tape("player", audio, audio.size, endless=True), Tape("listener", None, audio.size)
    appeared = watch(player)
    words = [*BSEP, "live", str(MODEL), "--input", "system", "--output", "system", "--channels", "1"]
    words += ["--summary", str(folder / "summary.json"), *CUSHION]
    resident_kb: list[int] = []
    stolen = stolen_seconds()
    with (
        (folder / "bsep.log").open("wb") as log,
        subprocess.Popen(words, stderr=log, preexec_fn=heed_ctrl_c) as process,
    ):
        try:
            wire(player, listener, appeared)
            player.start()
            begin = monotonic()
            while monotonic() < begin + SECONDS:
                with pytest.raises(subprocess.TimeoutExpired):  # it must not end by itself
                    process.wait(SAMPLING_SECONDS)
                resident_kb.append(memory_kb(process.pid, "VmRSS"))
            listener.start()
            assert listener.done.wait(audio.size / RATE + PATIENCE_SECONDS), "no sound comes any more"
            peak_kb = memory_kb(process.pid, "VmHWM")
            process.send_signal(signal.SIGINT)
            code = process.wait(PATIENCE_SECONDS)
        finally:
            process.kill()
    player.close()
    listener.close()
    said = (folder / "bsep.log").read_text(encoding="utf-8")
    assert code == 0, said
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    counters = summary["counters"]
    shown = ("hops", "late_hops", "underruns", "overruns", "dropped_samples", "device_faults", "p50_ms", "p99_ms")
    print(f"\n{said}\nthe host took {stolen_seconds() - stolen:.2f} s of all processors")
    print(f"{summary['seconds']:.0f} s, " + ", ".join(f"{name} {counters[name]:.4g}" for name in shown))
    print(f"resident, MB: first {resident_kb[0] / 1024:.1f}, last {resident_kb[-1] / 1024:.1f}, ", end="")
    print(f"peak {peak_kb / 1024:.1f}; all samples, KB: {resident_kb}")
    return {"summary": summary, "said": said, "resident_kb": resident_kb, "heard": listener.audio}


def stolen_seconds() -> float:
    """Time that a virtual machine wanted to run and its host did not let it, since it was started."""
    steal = Path("/proc/stat").read_text().split()[8]
    return int(steal) / os.sysconf("SC_CLK_TCK")


def memory_kb(pid: int, name: str) -> int:
    """A line of what Linux says about a process."""
    (found,) = re.findall(rf"^{name}:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(found)


def test_nothing_was_late_or_lost(soak: dict[str, Any]) -> None:
    counters = soak["summary"]["counters"]
    assert soak["summary"]["seconds"] > SECONDS
    wrong = ("underruns", "bridged_samples", "overruns", "dropped_samples", "bad_output_samples", "device_losses")
    assert {name: counters[name] for name in wrong} == dict.fromkeys(wrong, 0)
    assert soak["heard"].any()


def test_latency_stayed_as_it_was(soak: dict[str, Any]) -> None:
    assert not [event for event in soak["summary"]["events"] if event["kind"] in ("latency", "slip")]
    told = re.findall(r"latency (\d+) samples", soak["said"])
    assert told == [str(soak["summary"]["latency"]["total_samples"])] * 2  # at the start and in the summary


def test_memory_is_flat(soak: dict[str, Any]) -> None:
    settled = soak["resident_kb"][int(SETTLING_SECONDS / SAMPLING_SECONDS) :]
    assert max(settled) - settled[0] < GROWTH_KB, settled
