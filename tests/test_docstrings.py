"""The examples in the docstrings of public names run, where a recording of two seconds and a model lie."""

from __future__ import annotations

import doctest
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from shutil import copy

import pytest
import soundfile

import bsep_stream
from bsep_stream.demo import MIX

TRAINS = ("Run", "train", "export")
NAMES = [*bsep_stream.__all__, "Stems", *(pytest.param(name, marks=pytest.mark.slow) for name in TRAINS)]
HOMES = {"Stems": "bsep_stream.files.stems", "Run": "bsep_stream.train.runs.run"} | {
    "train": "bsep_stream.train.runs.training",
    "export": "bsep_stream.export.cli",
}


@pytest.fixture
def _session(tmp_path: Path, models_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    audio, rate = soundfile.read(MIX, frames=96_000)
    soundfile.write(tmp_path / "duet.wav", audio, rate)
    copy(models_folder / "split_fast.onnx", tmp_path / "duet.onnx")
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("_session")
@pytest.mark.parametrize("name", NAMES)
def test_examples_run(name: str, request: pytest.FixtureRequest) -> None:
    if name in TRAINS:
        if find_spec("torch") is None or find_spec("onnx") is None:
            pytest.skip("training needs torch")
        request.getfixturevalue("tiny_presets")
        Path("duet.onnx").unlink()  # it is made
    home = HOMES.get(name, f"bsep_stream.{bsep_stream._HOMES.get(name)}")
    public = getattr(import_module(home), name)
    tests = [test for test in doctest.DocTestFinder(recurse=False).find(public, name, globs={}) if test.examples]
    assert tests, f"{name} has no example"
    said: list[str] = []
    for test in tests:
        result = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=said.append)
        assert result.failed == 0, "".join(said)
