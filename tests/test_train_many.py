"""`bsep train` with several seeds, and with a run for each of several recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("torch")

from conftest import DUET_RATE
from trainings import SOURCES, bsep, run_info

pytestmark = pytest.mark.usefixtures("tiny_presets")


def test_seeds_are_raced_and_the_best_is_the_run(mix: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    result = bsep("train", mix, *SOURCES, "--output", run, "--seed", 7, "--seeds", 2)
    assert result.exit_code == 0, result.output
    assert [line[:17] for line in result.stderr.splitlines() if "cost" in line] == [
        "start with seed 7",
        "start with seed 8",
    ]
    info = run_info(run)
    assert info["seed"] in (7, 8)
    assert (info["iterations"], info["finished"]) == (3, True)


def test_each_recording_gets_a_run_and_a_bad_one_harms_no_other(mix: Path, tmp_path: Path) -> None:
    silent = tmp_path / "silent.wav"
    soundfile.write(silent, np.zeros(2 * DUET_RATE), DUET_RATE)
    result = bsep("train", silent, mix, *SOURCES, "--output", tmp_path / "runs", "--each")
    assert result.exit_code == 2
    assert "1 of 2 runs could not be made: silent" in result.stderr
    assert run_info(tmp_path / "runs" / "mix")["finished"]
    assert not (tmp_path / "runs" / "silent").exists()
    assert "mix: The tones explain" in result.stdout
    assert f"next: bsep export {tmp_path / 'runs' / 'mix'}" in result.stdout
