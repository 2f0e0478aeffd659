"""`bsep live` itself: what it plays, prints, writes, obeys and refuses."""

from __future__ import annotations

import io
import json
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from soundcards import FakeLibrary, FakeStatus

from bsep_stream.cli import main
from bsep_stream.errors import ConfigError
from bsep_stream.live.engine.desk import Desk
from bsep_stream.live.engine.liveengine import LiveEngine
from bsep_stream.live.session.typed import TypedLines, obey
from bsep_stream.separator import StreamingSeparator


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> FakeLibrary:
    """Devices that deliver a second of sound as soon as they are started."""
    library = FakeLibrary()
    monkeypatch.setattr("bsep_stream.live.devices.listing.sound_library", lambda: library)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    make = library.Stream

    def stream(**options: Any) -> Any:
        made = make(**options)

        def start() -> None:
            made.active = True
            rng = np.random.default_rng(0)
            for i in range(100):
                block = (0.1 * rng.standard_normal((441, 2))).astype(np.float32)
                time = SimpleNamespace(currentTime=0.01 * i)
                options["callback"](block, np.empty((441, 2), dtype=np.float32), 441, time, FakeStatus())

        made.start = start
        return made

    monkeypatch.setattr(library, "Stream", stream)
    return library


def interrupt(_: float) -> None:
    """Ctrl-C, instead of waiting."""
    raise KeyboardInterrupt


def live(*words: str) -> Any:
    return CliRunner().invoke(main, ["live", *words])


def test_command_plays_records_and_sums_up(library: FakeLibrary, tiny_model_path: Path, tmp_path: Path) -> None:
    words = ["--input", "system", "--output", "system", "--rack", "clean", "--record", str(tmp_path / "takes")]
    result = live(str(tiny_model_path), *words, "--seconds", "0", "--summary", str(tmp_path / "summary.json"))
    assert result.exit_code == 0, result.stderr
    assert "3 (system, JACK Audio Connection Kit) to 3" in result.stderr
    assert "latency " in result.stderr
    assert (tmp_path / "takes" / "mix.wav").exists()
    summary = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    assert summary["seconds"] == pytest.approx(1.0)
    assert set(summary["counters"]) >= {"underruns", "overruns", "late_hops", "dropped_samples", "p99_ms"}
    assert summary["latency"]["total_samples"] > 0


def test_latency_is_chosen_on_the_command_line(
    library: FakeLibrary, monkeypatch: pytest.MonkeyPatch, models_folder: Path, tmp_path: Path
) -> None:
    # An engine that does not work: what it would do takes longer than a test may, and no part of its latency.
    monkeypatch.setattr(LiveEngine, "warm_up", lambda self: 0.0)
    monkeypatch.setattr(LiveEngine, "step", lambda self: False)
    totals = {}
    for latency in ("quality", "balanced", "live"):
        words = ["--input", "system", "--output", "system", "--sample-rate", "48000", "--seconds", "0"]
        summary = tmp_path / f"{latency}.json"
        result = live(str(models_folder / "split_fast.onnx"), *words, "--latency", latency, "--summary", str(summary))
        assert result.exit_code == 0, result.stderr
        parts = json.loads(summary.read_text(encoding="utf-8"))["latency"]
        totals[latency] = parts["algorithmic_samples"] + parts["adaptation_samples"]
    assert totals == {"quality": 8191, "balanced": 3583, "live": 1023}
    refused = live(str(models_folder / "split_fast.onnx"), *words, "--latency", "quick")
    assert refused.exit_code == 2
    assert "got 'quick'" in refused.stderr


def test_notes_go_to_a_port_that_is_closed_in_the_end(
    library: FakeLibrary, tiny_model_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mido")
    closed: list[str] = []
    port = SimpleNamespace(name="synth 1", send=lambda _: None, close=lambda: closed.append("synth 1"))
    monkeypatch.setattr("bsep_stream.live.devices.midiports.open_port", {"synth": port}.__getitem__)
    words = ["--input", "system", "--output", "system", "--midi-out", "synth", "--seconds", "0"]
    result = live(str(tiny_model_path), *words)
    assert result.exit_code == 0, result.stderr
    assert "notes go to the MIDI port synth 1\n" in result.stderr
    assert closed == ["synth 1"]


def test_port_that_is_not_there_leaves_no_recording(
    library: FakeLibrary, tiny_model_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = SimpleNamespace(ports=[], close_port=lambda: None)
    monkeypatch.setattr("bsep_stream.live.devices.midiports._client", lambda _wanted: client)
    words = ["--input", "system", "--output", "system", "--midi-out", "synth", "--record", str(tmp_path / "takes")]
    result = live(str(tiny_model_path), *words)
    assert result.exit_code == 2
    assert "there is no MIDI port; start what shall play the notes" in result.stderr
    assert "recorded" not in result.stderr
    assert not (tmp_path / "takes").exists()


def test_ctrl_c_ends_with_a_summary(
    library: FakeLibrary, tiny_model_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", interrupt)
    result = live(str(tiny_model_path), "--input", "system", "--output", "system")
    assert result.exit_code == 0, result.stderr
    assert "1.0 s, " in result.stderr


def test_typed_lines_move_the_desk(tiny_model_path: Path) -> None:
    desk = LiveEngine(StreamingSeparator(tiny_model_path)).desk
    first = desk.stem_names[0]
    for line in (f"mute {first}\n", " solo residual", "gain master -6", f"gain {first} -3.5", "wet 0.25", "bypass"):
        assert obey(desk, line).endswith(": done")
    strip = desk.rack.stems[first]
    assert (strip.mute, strip.gain_db, desk.rack.stems["residual"].solo) == (True, -3.5, True)
    assert (desk.rack.master.gain_db, desk.dry_wet, desk.bypass) == (-6.0, 0.25, True)
    for line in (f"unmute {first}", "unsolo residual", "unbypass"):
        obey(desk, line)
    assert (desk.rack.stems[first].mute, desk.rack.stems["residual"].solo, desk.bypass) == (False, False, False)
    assert obey(desk, "help").startswith("mute STEM")
    for line, sentence in (("mute tuba", "no stem"), ("wet much", "got 'much'"), ("byepass", "the nearest: bypass")):
        with pytest.raises(ConfigError, match=sentence):
            obey(desk, line)


def test_command_obeys_what_is_typed(
    library: FakeLibrary, tiny_model_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first look waits until the lines are there."""
    told = threading.Event()

    class Source(io.StringIO):
        def readline(self, size: int | None = -1, /) -> str:
            line = super().readline(-1 if size is None else size)
            if not line:
                told.set()
            return line

    poll = TypedLines.poll

    def patient(self: TypedLines, desk: Desk) -> list[str]:
        assert told.wait(60.0)
        return poll(self, desk)

    monkeypatch.setattr(TypedLines, "poll", patient)
    begin = TypedLines.__init__

    def read_source(self: TypedLines, source: io.StringIO | None = None) -> None:
        begin(self, Source("bypass\nmute tuba\n"))

    monkeypatch.setattr(TypedLines, "__init__", read_source)
    monkeypatch.setattr("time.sleep", interrupt)
    result = live(str(tiny_model_path), "--input", "system", "--output", "system")
    assert result.exit_code == 0, result.stderr
    assert "bypass: done\nthere is no stem 'tuba'" in result.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--input", "tuba"], "there is no input device like 'tuba'"),
        (["--input", "mic", "--sample-rate", "48000"], "does not run at 48000 Hz"),
        (["--rack", "hal"], "neither a file nor a shipped rack 'hal'; the nearest: hall"),
        (["--rack", "none.toml"], "cannot read the rack none.toml"),
        (["--input", "system", "--output", "system", "--cushion", "-3"], "the cushion must be 0 to 1000 ms"),
        (["--input", "system", "--output", "system", "--dry-wet", "2"], "dry/wet must be a number from 0"),
    ],
)
def test_mistakes_are_one_sentence_and_exit_code_2(
    words: list[str], sentence: str, library: FakeLibrary, tiny_model_path: Path
) -> None:
    result = live(str(tiny_model_path), *words)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1


def test_machine_that_is_too_slow_is_told_before_it_begins(
    library: FakeLibrary, tiny_model_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LiveEngine, "warm_up", lambda self: 2.0 * self.hop_samples / self.sample_rate)
    result = live(str(tiny_model_path), "--input", "system", "--output", "system")
    assert result.exit_code == 2
    assert "this machine is too slow for this model" in result.stderr
    monkeypatch.setattr(LiveEngine, "warm_up", lambda self: 0.9 * self.hop_samples / self.sample_rate)
    result = live(str(tiny_model_path), "--input", "system", "--output", "system", "--seconds", "0")
    assert result.exit_code == 0
    assert "90 % of its time" in result.stderr
