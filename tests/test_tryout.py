"""The first step of a model in a process of its own: what ends that process does not end this one."""

from __future__ import annotations

import multiprocessing.spawn
import os
import platform
from pathlib import Path

import numpy as np
import onnxruntime  # noqa: F401  # here already, not from a folder of the tests
import pytest
from onnxparts import node, tensor, with_nodes

from bsep_stream.demo import MODEL
from bsep_stream.errors import ModelError
from bsep_stream.model import tryout
from bsep_stream.model.separation_model import SeparationModel

ONE = tensor("u1", np.array(1, np.int64))
LOWEST = tensor("low", np.array(-(2**63), np.int64))
DIVIDED = [
    node("Shape", ["frame"], ["n"]),
    node("Sub", ["n", "n"], ["none"]),
    node("Sub", ["none", "u1"], ["minus"]),
    node("Mul", ["low", "u1"], ["lowest"]),
    node("Div", ["lowest", "minus"], ["x"]),
]


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="a processor that does not stop there")
def test_model_that_ends_the_process_is_refused(tiny_model_path: Path, tmp_path: Path, state: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(with_nodes(tiny_model_path, DIVIDED, [ONE, LOWEST]))
    for _ in range(2):  # what was refused is not remembered as tried
        with pytest.raises(ModelError, match="it ends the process that tries it out"):
            SeparationModel(path)
    assert not list(state.rglob("models/*"))


def test_model_is_tried_once(tiny_model_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    SeparationModel(tiny_model_path)

    def never(*_: object) -> None:
        raise AssertionError("tried again")

    monkeypatch.setattr(tryout, "_in_own_process", never)
    SeparationModel(tiny_model_path)


def test_shipped_model_starts_no_process(monkeypatch: pytest.MonkeyPatch, state: Path) -> None:
    monkeypatch.setattr(tryout, "_in_own_process", None)
    SeparationModel(MODEL)
    assert not state.exists()


def test_changed_model_is_tried_again(tiny_model_path: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(tiny_model_path.read_bytes())
    SeparationModel(path)
    path.write_bytes(
        with_nodes(tiny_model_path, [node("Reshape", ["frame", "n"], ["x"])], [tensor("n", np.ones(1, np.int64))])
    )
    with pytest.raises(ModelError, match="Reshape"):
        SeparationModel(path)


@pytest.mark.parametrize("executable", ["", "/no/such/python", os.devnull])
def test_where_no_process_can_be_made_it_is_tried_here(
    executable: str, tiny_model_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(multiprocessing.spawn, "get_executable", lambda: executable)
    tried = []
    monkeypatch.setattr(tryout, "_here", lambda *given: tried.append(given))
    SeparationModel(tiny_model_path)
    assert len(tried) == 1


def test_process_that_cannot_import_is_no_fault_of_the_model(
    tiny_model_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tryout, "_CHILD", "import no_such_module")
    SeparationModel(tiny_model_path)


def test_files_in_the_current_folder_are_not_imported(
    tiny_model_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "onnxruntime.py").write_text(f"open({str(tmp_path / 'run')!r}, 'w')")
    (tmp_path / "json.py").write_text(f"open({str(tmp_path / 'run')!r}, 'w')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")
    SeparationModel(tiny_model_path)
    assert not (tmp_path / "run").exists()


def test_state_that_cannot_be_written_harms_nothing(tiny_model_path: Path, tmp_path: Path, state: Path) -> None:
    state.write_text("no folder")
    SeparationModel(tiny_model_path)
    assert state.read_text() == "no folder"
