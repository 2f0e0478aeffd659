"""A training that is ended from outside: any moment is as good as Ctrl-C, and a crash leaves what can go on."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from trainings import SOURCES, bsep, run_info

from bsep_stream.files import atomic
from bsep_stream.train.learning.run_folder import RunFolder
from bsep_stream.train.learning.steps import Steps
from bsep_stream.train.runs import start

pytestmark = pytest.mark.usefixtures("tiny_presets")


class Crash(BaseException):
    """The process is gone: nothing tidies up."""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_save_as_ctrl_c_does(
    mix: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    run = tmp_path / "run"
    usual = Steps.policy_gradient
    steps: list[Steps] = []

    def ended(self: Steps) -> Any:
        steps.append(self)
        if len(steps) == 1:  # after one of imitation
            os.kill(os.getpid(), number)
        return usual(self)

    before = signal.signal(number, signal.default_int_handler)
    try:
        monkeypatch.setattr(Steps, "policy_gradient", ended)
        result = bsep("train", mix, *SOURCES, "--output", run)
    finally:
        signal.signal(number, before)
    assert result.exit_code == 130
    assert "saved at iteration 2" in result.stderr
    assert run_info(run)["iterations"] == 2
    monkeypatch.undo()


def test_nohup_stays_deaf(mix: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = Steps.policy_gradient

    def hung_up(self: Steps) -> Any:
        os.kill(os.getpid(), signal.SIGHUP)
        return usual(self)

    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        monkeypatch.setattr(Steps, "policy_gradient", hung_up)
        assert bsep("train", mix, *SOURCES, "--output", tmp_path / "run").exit_code == 0
    finally:
        signal.signal(signal.SIGHUP, before)
    assert run_info(tmp_path / "run")["iterations"] == 3


def test_a_crash_at_any_file_leaves_a_folder_that_is_accepted(
    mix: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for crash_at in range(1, 12):
        run = tmp_path / f"run{crash_at}"
        crashed = crash(run, mix, monkeypatch, crash_at)
        if not crashed:
            break
        (run / ".checkpoint.x1y2z3.safetensors").touch()  # what a killed process leaves behind
        (run / ".bsep.lock").touch()
        again = bsep("train", mix, *SOURCES, "--output", run)
        if again.exit_code:
            assert "continue it with --resume" in again.stderr
            again = bsep("train", "--resume", "--output", run)
        assert again.exit_code == 0, again.stderr
        assert run_info(run)["iterations"] == 3
    assert crash_at > 6


def crash(run: Path, mix: Path, monkeypatch: pytest.MonkeyPatch, at: int) -> bool:
    """Begin a run and crash at a file that appears; whether there were so many."""
    usual, count = os.replace, [0]

    def replace(source: Any, target: Any) -> None:
        count[0] += 1
        usual(source, target)
        if count[0] == at:
            raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(atomic.os, "replace", replace)
        patch.setattr(RunFolder, "remove", lambda self: None)
        try:
            bsep("train", mix, *SOURCES, "--output", run)
        except Crash:
            return True
    return False


def test_what_is_not_of_a_run_is_not_thrown_away(mix: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "log.csv").write_text("mine")
    result = bsep("train", mix, *SOURCES, "--output", run)
    assert result.exit_code == 2
    assert (run / "log.csv").read_text() == "mine"
    assert start.RunFolder(run).config_path.exists() is False
