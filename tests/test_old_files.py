"""Runs and models of version 0.1.0, made before the folders were rooms: they load, go on, and sound the same.

`data/old` was made at 3b62e9a: a run of three iterations over two tones (tiny network) and its export. `stems.npz` has
every 16th sample of the stems of its recording, and every 64th of those that the shipped model makes of the first 2 s
of the demo, as they were when the network had ceased to hear what lies below all pitches.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from bsep_stream import SeparationModel, separate
from bsep_stream.cli import main
from bsep_stream.demo import MIX, MODEL

OLD = Path(__file__).parent / "data" / "old"
SAME_DB = 60.0  # stem above difference: another processor rounds otherwise


def alike_db(stems: np.ndarray, before: np.ndarray) -> float:
    return float(10 * np.log10(np.square(before).sum() / max(np.square(stems - before).sum(), 1e-30)))


@pytest.fixture
def stems() -> dict[str, np.ndarray]:
    with np.load(OLD / "stems.npz") as values:
        return dict(values)


@pytest.fixture
def old_run(tmp_path: Path) -> Path:
    run = tmp_path / "run"
    shutil.copytree(OLD / "run", run)
    info = json.loads((run / "run.json").read_text())
    info["recordings"][0]["path"] = str(OLD / "duet.wav")
    (run / "run.json").write_text(json.dumps(info))
    return run


def test_an_old_model_sounds_the_same(stems: dict[str, np.ndarray]) -> None:
    audio, rate = soundfile.read(OLD / "duet.wav", dtype="float32")
    now = np.asarray(separate(SeparationModel(OLD / "run.onnx"), audio[None], rate))[..., ::16]
    assert all(alike_db(*pair) > SAME_DB for pair in zip(now, stems["run"], strict=True))


def test_the_shipped_model_sounds_the_same(stems: dict[str, np.ndarray]) -> None:
    audio, rate = soundfile.read(MIX, dtype="float32", frames=96_000, always_2d=True)
    now = np.asarray(separate(SeparationModel(MODEL), audio.T, rate))[..., ::64]
    assert all(alike_db(*pair) > SAME_DB for pair in zip(now, stems["shipped"], strict=True))


def test_an_old_run_is_shown(old_run: Path) -> None:
    result = CliRunner().invoke(main, ["info", str(old_run)])
    assert result.exit_code == 0, result.output
    assert "high" in result.output


def test_an_old_run_goes_on_and_is_exported(old_run: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("onnx")
    result = CliRunner().invoke(main, ["train", "--output", str(old_run), "--resume", "--iterations", "4"])
    assert result.exit_code == 0, result.output
    assert json.loads((old_run / "run.json").read_text())["iterations"] == 4
    result = CliRunner().invoke(main, ["export", str(old_run), "--output", str(tmp_path / "again.onnx")])
    assert result.exit_code == 0, result.output
    assert SeparationModel(tmp_path / "again.onnx").source_names == ("high", "low")
