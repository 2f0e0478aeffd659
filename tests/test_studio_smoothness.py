"""The measurement of how smooth the page is goes through all of its steps, on a session as the search leaves one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from studiovisit import CHROMIUM, DRIVER

for module in ("torch", "safetensors", "selenium", "starlette", "uvicorn", "tomli_w"):
    pytest.importorskip(module)

from bsep_stream.studio.noteboard import read_board
from bsep_stream.studio.sessionfolder import FIRST, SessionFolder
from bsep_stream.train.workshop.longsession import NAMES
from bsep_stream.train.workshop.smoothness import STEPS, main

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="Chromium is not installed: apt-get install chromium chromium-driver"
)

SECONDS = 24


def test_every_step_is_measured(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["--keep", str(tmp_path), "--seconds", str(SECONDS), "--times", "1"])
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert [line[:12].strip() for line in lines[1:-1]] == list(STEPS)
    assert lines[-1].startswith("load of the machine")
    folder = SessionFolder(next(tmp_path.glob("*/session.json")).parent)
    (take,) = folder.takes()
    board = read_board(folder, take)
    assert {note["source"] for note in board["notes"]} == set(NAMES)
    assert board["corrected"] > 0  # the last step gives a note away
    stems = [soundfile.read(path, dtype="float32")[0] for path in folder.stems(FIRST, take).glob("*.wav")]
    mixture, _ = soundfile.read(folder.takes()[take], dtype="float32")
    assert len(stems) == len(NAMES) + 1
    assert np.abs(sum(stems) - mixture).max() < 1e-4
