"""An older export written anew, and what the exporter writes in vain."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from bsep_stream import demo
from bsep_stream.errors import BsepError
from bsep_stream.export import sameweights
from bsep_stream.export.renewal import renew
from bsep_stream.export.rewriting import rewriting
from bsep_stream.export.sameweights import rewrite


def test_the_shipped_model_is_what_today_is_made_of_its_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The comparison inside is bit for bit; beyond it, the files have the same operations."""
    monkeypatch.setattr(sameweights, "_COMPARED_FRAMES", 8)
    rewrite(demo.MODEL, tmp_path / "new.onnx")
    old, new = (onnx.load(str(path)).graph for path in (demo.MODEL, tmp_path / "new.onnx"))
    assert [node.op_type for node in new.node] == [node.op_type for node in old.node]


def test_scattered_samples_are_not_cut_and_constant_places_are_narrow() -> None:
    graph = onnx.load(str(demo.MODEL)).graph
    makers = {name: node for node in graph.node for name in node.output}
    scattered = [makers[node.input[2]].op_type for node in graph.node if node.op_type == "ScatterElements"]
    assert scattered
    assert "Slice" not in scattered
    places = [makers[node.input[1]] for node in graph.node if node.op_type == "GatherElements"]
    constants = [makers[each.input[0]] for each in places if each.op_type == "Expand"]
    kinds = {each.attribute[0].t.data_type for each in constants if each.op_type == "Constant"}
    assert kinds == {onnx.TensorProto.INT32}


def test_other_weights_are_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write_other(step: object, config: object, metadata: object, path: Path) -> None:
        model = onnx.load(str(demo.MODEL))
        weights = next(each for each in model.graph.initializer if each.name.endswith("head_wide.bias"))
        weights.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(weights) * 1.5, weights.name))
        onnx.save(model, str(path))

    monkeypatch.setattr(sameweights, "write_step", write_other)
    with pytest.raises(BsepError, match="nothing was written"):
        rewrite(demo.MODEL, tmp_path / "new.onnx")
    assert not (tmp_path / "new.onnx").exists()


def test_a_model_of_no_preset_is_refused(tiny_model_path: Path, tmp_path: Path) -> None:
    with pytest.raises(BsepError):
        rewrite(tiny_model_path, tmp_path / "new.onnx")


@pytest.mark.parametrize("work", [renew, rewrite])
def test_what_is_no_model_gets_one_sentence(work: Callable[[Path, Path], None], tmp_path: Path) -> None:
    (tmp_path / "old.onnx").write_text("no model")
    result = CliRunner().invoke(rewriting(work), [str(tmp_path / "old.onnx"), str(tmp_path / "new.onnx")])
    assert result.exit_code == 2
    assert "made by 'bsep export'" in result.stderr
    assert not (tmp_path / "new.onnx").exists()
