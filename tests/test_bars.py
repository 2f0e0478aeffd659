"""One line in any terminal from 60 columns on: phase, bar, time left; live: latency, levels, load."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
from stage import Halves, Stage, music

from bsep_stream.live.session.status import status_line


@pytest.fixture
def stage(tiny_model_path: Path, rng: np.random.Generator) -> Stage:
    stage = Stage(Halves(tiny_model_path), music(rng, 0.5, 48_000))
    stage.run(0.3)
    return stage


@pytest.mark.parametrize("width", [60, 70, 80, 200])
def test_live_fits(stage: Stage, width: int) -> None:
    line = status_line(stage.engine, 480, width)
    assert len(line) <= width
    assert " ms  in " in line
    assert "out " in line
    assert re.search(r"load \d+ %$", line)
    stage.engine.counters.underruns = 3
    stage.engine.counters.dropped_samples = 123_456
    stage.engine.counters.late_hops = 99
    line = status_line(stage.engine, 480, width)
    assert len(line) <= width
    assert re.search(r"^0:00 .*ms  in .*  out .* dB  load \d+ %  3 under", line)
    assert line.isascii()


def test_live_levels_are_those_since_the_last_line(stage: Stage) -> None:
    counters = stage.engine.counters
    assert counters.input_peak == pytest.approx(float(np.abs(stage.audio[:, : int(0.3 * 48_000)]).max()), rel=0.2)
    assert counters.output_peak > 0.0
    counters.input_peak, counters.output_peak = 0.5, 0.1
    assert "in #####- -6  out ####-- -20 dB" in status_line(stage.engine, 0)
    assert "in ------ -inf  out ------ -inf dB" in status_line(stage.engine, 0)


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("verbose", [False, True])
def test_training_fits(width: int, verbose: bool) -> None:
    pytest.importorskip("torch")
    from rich.console import Console

    from bsep_stream.train.learning.run_folder import RunInfo
    from bsep_stream.train.runs.progress import ProgressBar

    text = io.StringIO()
    console = Console(file=text, width=width, force_terminal=True, legacy_windows=False, color_system=None)
    info = RunInfo("1", "fast", ("a", "b"), 0, 1.0, (), 100_000, 36_000.0, 12_345, 15_000.0)
    losses = {"total": 0.1234, "dictionary": 0.2345, "direct": 0.3456, "agreement": 1e-4, "imitation": 91.3}
    with ProgressBar(info, console, verbose=verbose) as bar:
        bar.update("policy gradient", info, losses)
        bar.saved(info, losses)
    frames = [line for line in re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "\r", text.getvalue()).split("\r") if line.strip()]
    shown = [line.strip("\n") for line in frames if "policy gradient" in line and "━" in line]
    assert shown
    for line in shown:
        assert len(line.rstrip()) <= width
        assert line.rstrip().endswith("left")
        assert "loss" not in line
    assert ("loss 0.123" in text.getvalue()) == verbose
