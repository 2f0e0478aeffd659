"""Work that the exporter writes and no graph of ours needs: the same bits in less time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper


def shorten(model: onnx.ModelProto) -> None:
    """Take out of a graph, in place, what the exporter of torch could not know to be needless.

    - Places of a constant gather are 32 bits wide: torch has 64 only, and those of the salience (57 600, twice a step)
      then push weights out of the cache.
    - A sum of scattered samples takes them as they are: the exporter cuts them to the length that they have.
    """
    makers = {name: node for graph in _graphs(model.graph) for node in graph.node for name in node.output}
    for graph in _graphs(model.graph):
        for node in graph.node:
            if node.op_type == "GatherElements":
                _narrow(makers, model.graph, node.input[1])
            elif node.op_type == "ScatterElements":
                cut = makers.get(node.input[2])
                if cut is not None and _cuts_nothing(cut, makers, node.input[1]):
                    node.input[2] = cut.input[0]
    _drop_unused(model.graph)


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """A graph and those of its choices."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from _graphs(attribute.g)


def _narrow(makers: dict[str, onnx.NodeProto], graph: onnx.GraphProto, index: str) -> None:
    """A constant index, repeated for every frame of a batch, in 32 bits."""
    repeated = makers.get(index)
    constant = None if repeated is None or repeated.op_type != "Expand" else makers.get(repeated.input[0])
    if constant is None or constant.op_type != "Constant":
        return
    tensor = constant.attribute[0].t
    if tensor.data_type != TensorProto.INT64:
        return
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.int32), tensor.name))
    for value in graph.value_info:
        if value.name in (*constant.output, index):
            value.type.tensor_type.elem_type = TensorProto.INT32


def _cuts_nothing(cut: onnx.NodeProto, makers: dict[str, onnx.NodeProto], index: str) -> bool:
    """Whether samples are cut to the shape of the index that they are scattered by: ours have that shape."""
    if cut.op_type != "Slice" or len(cut.input) != 3:
        return False
    end = makers.get(cut.input[2])
    return end is not None and end.op_type == "Shape" and end.input[0] == index


def _drop_unused(graph: onnx.GraphProto) -> None:
    """Nodes of the outer graph that nothing uses any more."""
    while True:
        used = {name for each in _graphs(graph) for node in each.node for name in node.input}
        used |= {output.name for each in _graphs(graph) for output in each.output}
        kept = [node for node in graph.node if used.intersection(node.output)]
        if len(kept) == len(graph.node):
            return
        del graph.node[:]
        graph.node.extend(kept)
