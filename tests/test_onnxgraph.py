"""ONNX files as we read them, without the package onnx: the same as it reads."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from onnxparts import joined, parts

from bsep_stream.demo import MODEL
from bsep_stream.model.modelrules import OPERATORS
from bsep_stream.model.onnxgraph import read_model


@pytest.mark.parametrize(
    "path", [MODEL, *sorted((Path(__file__).parent / "models").glob("*.onnx"))], ids=lambda p: p.stem
)
def test_our_models_are_read_as_they_are(path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    theirs, ours = onnx.load(str(path)), read_model(path.read_bytes())
    assert [node.op_type for node in ours.graph.nodes] == [node.op_type for node in theirs.graph.node]
    assert [node.inputs for node in ours.graph.nodes] == [tuple(node.input) for node in theirs.graph.node]
    assert ours.graph.outputs == tuple(value.name for value in theirs.graph.output)
    for mine, initializer in zip(ours.graph.tensors, theirs.graph.initializer, strict=True):
        np.testing.assert_array_equal(mine.values, onnx.numpy_helper.to_array(initializer))
    known = {entry.key: entry.value.encode() for entry in theirs.metadata_props}
    assert {key: json.loads(value) for key, value in ours.metadata.items()} == {
        k: json.loads(v) for k, v in known.items()
    }
    assert {op for each in ours.graph.nodes for op in [each.op_type]} <= OPERATORS


def test_tensors_are_read_in_every_form() -> None:
    """Packed, one by one, as bytes, and numbers below 0."""
    onnx = pytest.importorskip("onnx")
    helper = onnx.helper
    made = [
        helper.make_tensor("f", 1, [3], [1.0, -2.5, 3.0]),
        helper.make_tensor("d", 11, [2], [1.0, -2.5]),
        helper.make_tensor("i", 7, [2, 2], [1, -2, 2**62, -(2**62)]),
        helper.make_tensor("j", 6, [2], [7, -7]),
        helper.make_tensor("b", 9, [2], [True, False]),
        helper.make_tensor("r", 1, [2], np.array([1.0, 2.0], np.float32).tobytes(), raw=True),
        helper.make_tensor("s", 1, [], [4.0]),
    ]
    model = helper.make_model(helper.make_graph([], "g", [], [], made))
    for mine, theirs in zip(read_model(model.SerializeToString()).graph.tensors, made, strict=True):
        np.testing.assert_array_equal(mine.values, onnx.numpy_helper.to_array(theirs))


def test_writer_of_these_tests_changes_nothing_by_itself(tiny_model_path: Path) -> None:
    assert joined(parts(tiny_model_path.read_bytes())) == tiny_model_path.read_bytes()
