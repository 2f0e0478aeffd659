"""`bsep train --resume`: runs that go on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from trainings import SOURCES, bsep, run_info

from bsep_stream.train.config import presets

pytestmark = pytest.mark.usefixtures("tiny_presets")


def test_run_without_its_labels_cannot_go_on_imitating(mix: Path, tmp_path: Path, monkeypatch: Any) -> None:
    run = tmp_path / "run"
    config = presets.preset_config("fast", ("low", "high"))
    longer = replace(config, imitation=replace(config.imitation, iterations=5), iterations=2)
    monkeypatch.setattr(presets, "preset_config", lambda *_args: longer)
    assert bsep("train", mix, *SOURCES, "--output", run).exit_code == 0
    (run / "labels.npz").write_bytes(b"PK")
    result = bsep("train", "--output", run, "--resume", "--iterations", 8)
    assert result.exit_code == 2
    assert "labels.npz is missing or damaged" in result.stderr


def test_finished_run_says_so_and_goes_on_when_asked(mix: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    bsep("train", mix, *SOURCES, "--output", run)
    result = bsep("train", "--output", run, "--resume")
    assert (result.exit_code, "is finished (3 iterations)" in result.stdout) == (0, True)
    assert bsep("train", "--output", run, "--resume", "--iterations", 5).exit_code == 0
    assert run_info(run)["iterations"] == 5


def test_minutes_let_a_finished_run_go_on(mix: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    bsep("train", mix, *SOURCES, "--output", run, "--iterations", 1)
    assert bsep("train", "--output", run, "--resume", "--minutes", 10).exit_code == 0
    assert run_info(run)["iterations"] == 3


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--sources", "high,low"), "was begun with --sources low,high, not high,low"),
        (("--preset", "paper"), "was begun with --preset fast, not paper"),
        (("--seed", "9"), "was begun with --seed 0, not 9"),
        (("--init", "other"), "give one of them"),
        (("--seeds", "2"), "--seeds is for the beginning of a run"),
    ],
)
def test_resume_with_other_settings_is_refused(
    mix: Path, tmp_path: Path, options: tuple[str, ...], sentence: str
) -> None:
    run = tmp_path / "run"
    bsep("train", mix, *SOURCES, "--output", run)
    result = bsep("train", "--output", run, "--resume", *options)
    assert result.exit_code == 2
    assert sentence in result.stderr


def test_file_of_defaults_is_for_runs_that_begin(mix: Path, tmp_path: Path) -> None:
    run, config = tmp_path / "run", tmp_path / "bsep.toml"
    bsep("train", mix, *SOURCES, "--output", run)
    beginning = ('sources = "a,b"', 'preset = "paper"', "seed = 5", "seeds = 3", 'init = "other"', "iterations = 9")
    config.write_text("\n".join(["[train]", *beginning]))
    result = bsep("train", "--output", run, "--resume", "--config", config)
    assert (result.exit_code, "is finished (3 iterations)" in result.stdout) == (0, True)
    assert bsep("train", "--output", run, "--resume", "--config", config, "--iterations", 4).exit_code == 0
    assert run_info(run)["iterations"] == 4
