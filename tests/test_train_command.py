"""`bsep train` as a user calls it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from trainings import SOURCES, bsep, run_info

from bsep_stream.train.runs import start

pytestmark = pytest.mark.usefixtures("tiny_presets")


@pytest.mark.parametrize("preset", ["fast", "paper"])
def test_train_makes_a_run_and_names_the_next_command(mix: Path, tmp_path: Path, preset: str) -> None:
    run = tmp_path / "run"
    result = bsep("train", mix, *SOURCES, "--output", run, "--preset", preset, "--seed", 3, "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert f"next: bsep export {run}" in result.stdout
    info = run_info(run)
    assert (info["preset"], info["seed"], info["iterations"]) == (preset, 3, 3)


def test_search_is_announced_once_where_there_is_no_terminal(mix: Path, tmp_path: Path) -> None:
    assert bsep("train", mix, *SOURCES, "--output", tmp_path / "run").stderr.count("listening to the recording") == 1
    result = bsep("train", mix, *SOURCES, "--output", tmp_path / "paper", "--preset", "paper")
    assert "listening" not in result.stderr  # the published method does not search
    result = bsep("train", mix, *SOURCES, "--output", tmp_path / "next", "--init", tmp_path / "run")
    assert "listening" not in result.stderr


def test_interrupted_search_leaves_nothing_and_the_run_can_be_begun_again(
    mix: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """The second sign of life of the search is Ctrl-C."""
    # A shell starts jobs in the background with the signal ignored; there is no Ctrl-C for them, and there is here.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    run = tmp_path / "run"
    quick = start.search_labels

    def search(session: Any, config: Any, on_step: Any) -> Any:
        on_step()
        signal.raise_signal(signal.SIGINT)
        return quick(session, config, on_step)

    monkeypatch.setattr(start, "search_labels", search)
    result = bsep("train", mix, *SOURCES, "--output", run)
    assert (result.exit_code, run.exists()) == (130, False)
    monkeypatch.setattr(start, "search_labels", quick)
    assert bsep("train", mix, *SOURCES, "--output", run).exit_code == 0


@pytest.mark.parametrize(("given", "expected"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
@pytest.mark.parametrize("options", [("--sources", "low,high"), ("--resume",)])
def test_waiting_threads_sleep_unless_told_otherwise(
    mix: Path, tmp_path: Path, options: tuple[str, ...], given: str | None, expected: str
) -> None:
    """Decided before torch is there: afterwards nobody would read it."""
    code = (
        "import os, sys\n"
        "class Spy:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'torch':\n"
        "            print(os.environ.get('OMP_WAIT_POLICY'), flush=True)\n"
        "            os._exit(0)\n"
        "from bsep_stream.train.runs.command import command\n"
        "assert 'torch' not in sys.modules\n"
        "sys.meta_path.insert(0, Spy())\n"
        "command(sys.argv[1:])\n"
    )
    environment = {key: value for key, value in os.environ.items() if key != "OMP_WAIT_POLICY"}
    if given is not None:
        environment["OMP_WAIT_POLICY"] = given
    arguments = [str(mix), *options, "--output", str(tmp_path / "run")]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == expected


def test_existing_run_is_kept(mix: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert bsep("train", mix, *SOURCES, "--output", run).exit_code == 0
    before = (run / "checkpoint.safetensors").read_bytes()
    result = bsep("train", mix, *SOURCES, "--output", run)
    assert result.exit_code == 2
    assert "--resume" in result.stderr
    assert (run / "checkpoint.safetensors").read_bytes() == before


def test_run_says_what_it_explains(mix: Path, tmp_path: Path) -> None:
    assert "The tones explain" in bsep("train", mix, *SOURCES, "--output", tmp_path / "run").stdout


def test_several_takes_train_one_model(mix: Path, tmp_path: Path) -> None:
    result = bsep("train", mix, mix, *SOURCES, "--output", tmp_path / "run")
    assert result.exit_code == 0, result.output
    assert len(run_info(tmp_path / "run")["recordings"]) == 2


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--preset", "slow"), "preset must be one of"),
        (("--device", "abacus"), "device must be one of"),
        (("--minutes", "0"), "--minutes must be more than 0"),
        (("--minutes", "nan"), "--minutes must be more than 0"),
        (("--iterations", "0"), "--iterations"),
        (("--init", "nowhere"), "is not a training run"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    mix: Path, tmp_path: Path, options: tuple[str, ...], sentence: str
) -> None:
    result = bsep("train", mix, *SOURCES, "--output", tmp_path / "run", *options)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()
