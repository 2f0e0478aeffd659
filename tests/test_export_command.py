"""`bsep export` as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from trainings import SOURCES, bsep, run_info

from bsep_stream.model.strikes import Strike

pytestmark = pytest.mark.usefixtures("tiny_presets")


def test_export_hands_over_checkpoint_gain_origin_and_frames(
    mix: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnx")
    from bsep_stream.export import onnx_file

    run = tmp_path / "run"
    bsep("train", mix, *SOURCES, "--output", run, "--seed", 4)
    handed: dict[str, Any] = {}

    def export_model(separator: Any, config: Any, metadata: Any, path: Path, parity_frames: Any) -> Any:
        handed.update(metadata, config=config, path=path, frames=parity_frames)
        return onnx_file.ExportReport(path, 3_000_000, len(parity_frames), 0, 0, 1e-6, 2.5)

    monkeypatch.setattr(onnx_file, "export_model", export_model)
    result = bsep("export", run, "--output", tmp_path / "model.onnx", "--sources", "tuba,piccolo")
    assert result.exit_code == 0, result.output
    assert handed["config"].source_names == ("tuba", "piccolo")
    assert "3.0 MB" in result.stdout
    assert handed["gain"] == run_info(run)["gain"]
    assert handed["output"] == "mask"
    assert handed["frames"].shape == (256, 128)
    training = handed["training"]
    assert (training["preset"], training["iterations"], training["seed"]) == ("fast", 3, 4)
    assert [entry["name"] for entry in training["recordings"]] == ["mix.wav"]
    assert str(tmp_path) not in json.dumps(training)  # where a recording lay is nobody's business


@pytest.mark.parametrize(("iterations", "said"), [(3, False), (0, True)])
def test_a_run_that_has_learned_nothing_is_said_to(
    iterations: int, said: bool, mix: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bsep_stream.export import onnx_file

    run = tmp_path / "run"
    bsep("train", mix, *SOURCES, "--output", run)
    (run / "run.json").write_text(json.dumps({**run_info(run), "iterations": iterations}))
    report = onnx_file.ExportReport(tmp_path / "model.onnx", 3_000_000, 1, 0, 0, 1e-6, 2.5)
    monkeypatch.setattr(onnx_file, "export_model", lambda *given: report)
    result = bsep("export", run, "--output", tmp_path / "model.onnx")
    assert result.exit_code == 0, result.output
    assert (f"{run} has learned nothing yet" in result.stderr) == said


def test_a_metronome_goes_from_the_recording_to_the_model(
    mix: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnx")
    from bsep_stream.export import onnx_file
    from bsep_stream.train.runs import start

    strike = Strike(np.linspace(0.1, 0.2, 128, dtype=np.float32), np.arange(64, 128), 0.5)
    monkeypatch.setattr(start, "find_metronome", lambda session, geometry: (strike,))
    run = tmp_path / "run"
    assert "A metronome strikes every 0.50 s" in bsep("train", mix, *SOURCES, "--output", run).stdout
    handed: dict[str, Any] = {}

    def export_model(separator: Any, config: Any, metadata: Any, path: Path, parity_frames: Any) -> Any:
        handed.update(metadata)
        return onnx_file.ExportReport(path, 3_000_000, len(parity_frames), 0, 0, 1e-6, 2.5)

    monkeypatch.setattr(onnx_file, "export_model", export_model)
    assert bsep("export", run, "--output", tmp_path / "model.onnx").exit_code == 0
    assert handed["metronome"] == [strike.to_dict()]

    (run / "metronome.json").write_text('{"strikes": [{}]}')
    damaged = bsep("export", run, "--output", tmp_path / "model.onnx")
    assert damaged.exit_code == 2
    assert "metronome.json cannot be used" in damaged.stderr


def test_export_keeps_an_existing_file(mix: Path, tmp_path: Path) -> None:
    bsep("train", mix, *SOURCES, "--output", tmp_path / "run")
    model = tmp_path / "model.onnx"
    model.write_bytes(b"mine")
    result = bsep("export", tmp_path / "run", "--output", model)
    assert (result.exit_code, model.read_bytes()) == (2, b"mine")
    assert "--overwrite" in result.stderr


def test_export_with_too_many_new_names_is_refused(mix: Path, tmp_path: Path) -> None:
    bsep("train", mix, *SOURCES, "--output", tmp_path / "run")
    result = bsep("export", tmp_path / "run", "--output", tmp_path / "model.onnx", "--sources", "a,b,c")
    assert result.exit_code == 2
    assert "has 2 sources, got 3 names" in result.stderr


def test_export_of_what_is_no_run_is_refused(tmp_path: Path) -> None:
    result = bsep("export", tmp_path, "--output", tmp_path / "model.onnx")
    assert result.exit_code == 2
    assert "is not a training run" in result.stderr
