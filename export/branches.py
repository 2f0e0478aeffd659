"""What masks do not need, in a branch of the graph that can be switched off."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def make_optional(model: onnx.ModelProto, outputs: Sequence[str], switch: str, input_name: str) -> None:
    """Move what only some outputs need into an ``If``, whose condition is a new input.

    An input without a value of its own, which hosts must give: one that may be left out is no input for some of them.

    Parameters
    ----------
    model : onnx.ModelProto
        Changed in place, unless it has the switch already.
    outputs : sequence of str
        Outputs (batch, ...) of the graph; they are 0 where the switch is false. Those that others are made from stay.
    switch : str
        Name of the new input, of one bool.
    input_name : str
        Input whose first dimension is the batch.
    """
    graph = model.graph
    if switch in {value.name for value in graph.input}:
        return
    needed_by_others = _needed(graph, {output.name for output in graph.output} - set(outputs))
    branch = [node for node in graph.node if not needed_by_others & set(node.output)]
    made = {name for node in branch for name in node.output}
    optional = [output for output in graph.output if output.name in made]
    if not optional:
        return
    new_names = {output.name: f"{output.name}_found" for output in optional}
    for node in branch:
        for names in (node.input, node.output):
            names[:] = [new_names.get(name, name) for name in names]
    kept = [node for node in graph.node if needed_by_others & set(node.output)]
    choice = helper.make_node(
        "If",
        [switch],
        [output.name for output in optional],
        name="/spectra",
        then_branch=helper.make_graph(branch, "then", [], [_renamed(each, new_names[each.name]) for each in optional]),
        else_branch=_zeros(optional, input_name),
    )
    del graph.node[:]
    graph.node.extend([*kept, choice])
    outside = [value for value in graph.value_info if value.name not in made]
    del graph.value_info[:]
    graph.value_info.extend(outside)
    graph.input.append(helper.make_tensor_value_info(switch, TensorProto.BOOL, [1]))


def _needed(graph: onnx.GraphProto, outputs: set[str]) -> set[str]:
    """Names of all values that some outputs are made from, and of these outputs."""
    needed = set(outputs)
    for node in reversed(graph.node):
        if needed & set(node.output):
            needed |= set(node.input)
    return needed


def _renamed(value: onnx.ValueInfoProto, name: str) -> onnx.ValueInfoProto:
    renamed = onnx.ValueInfoProto()
    renamed.CopyFrom(value)
    renamed.name = name
    return renamed


def _zeros(outputs: Sequence[onnx.ValueInfoProto], input_name: str) -> onnx.GraphProto:
    """A branch that gives zeros of the shapes of outputs."""
    nodes = [helper.make_node("Shape", [input_name], ["nothing_batch"], start=0, end=1)]
    constants, values = [], []
    for output in outputs:
        shape, sizes, zeros = (f"nothing_{output.name}{suffix}" for suffix in ("_shape", "_sizes", ""))
        dimensions = [dimension.dim_value for dimension in output.type.tensor_type.shape.dim[1:]]
        constants.append(numpy_helper.from_array(np.array(dimensions, dtype=np.int64), sizes))
        nodes.append(helper.make_node("Concat", ["nothing_batch", sizes], [shape], axis=0))
        nodes.append(helper.make_node("ConstantOfShape", [shape], [zeros]))
        values.append(_renamed(output, zeros))
    return helper.make_graph(nodes, "else", [], values, constants)
