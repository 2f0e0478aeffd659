"""What a model may be: the operators of our exports, finite numbers, and sizes that do not depend on the sound.

A graph is a program. One of a stranger may loop for ever, or ask for memory of its choice. So only what ``bsep export``
writes is run: straight through, with one choice (``spectra``), and with no operator beyond the list. Whatever is a size
(of a shape, a range, a repetition) must come from constants and shapes alone. Then one step takes what every step
takes, and :mod:`bsep_stream.model.trial` can tell how much that is.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from bsep_stream.errors import ModelError
from bsep_stream.model.onnxgraph import Graph, Model, Node, Tensor
from bsep_stream.trust.shown import brief

LARGEST_BYTES = 256_000_000
"""Of a file; those of the largest preset have 46 MB."""
OPSET = 18
LARGEST_IR_VERSION = 10

OPERATORS = frozenset(
    (
        *("Abs", "Add", "And", "Cast", "Clip", "Concat", "Constant", "ConstantOfShape", "Conv", "Div", "Einsum"),
        *("Equal", "Erf", "Exp", "Expand", "Flatten", "Gather", "GatherElements", "Greater", "GreaterOrEqual"),
        *("Identity", "If", "Less", "LessOrEqual", "Log", "MatMul", "Max", "MaxPool", "Min", "Mod", "Mul", "Neg"),
        *("Not", "OneHot", "Or", "Pad", "Pow", "Range", "Reciprocal", "ReduceL2", "ReduceMax", "ReduceMean"),
        *("ReduceMin", "ReduceProd", "ReduceSum", "Relu", "Reshape", "Round", "ScatterElements", "Shape", "Sigmoid"),
        *("Sign", "Slice", "Softplus", "Split", "Sqrt", "Squeeze", "Sub", "Tanh", "Tile", "TopK", "Transpose"),
        *("Unsqueeze", "Where"),
    )
)
"""What the presets are exported to, with any number of sources and tones, and their nearest relatives."""

_SIZES = {
    "ConstantOfShape": (0,),
    "Expand": (1,),
    "OneHot": (1,),
    "Pad": (1, 3),
    "Range": (0, 1, 2),
    "ReduceL2": (1,),
    "ReduceMax": (1,),
    "ReduceMean": (1,),
    "ReduceMin": (1,),
    "ReduceProd": (1,),
    "ReduceSum": (1,),
    "Reshape": (1,),
    "Slice": (1, 2, 3, 4),
    "Split": (1,),
    "Squeeze": (1,),
    "Tile": (1,),
    "TopK": (1,),
    "Unsqueeze": (1,),
}
"""Which inputs of an operator decide on the size of what comes out of it."""

_WINDOWS = {"kernel_shape": (1, 64), "strides": (1, 64), "pads": (0, 64), "dilations": (1, 1)}
"""Of what slides over a row. ONNX Runtime ends the process over a size below 0 that comes of others."""
_WHOLES = (-64, 64)
"""Of all other whole numbers that an operator has: axes, types, choices."""
_LEAST = {"Div": (1, 1), "Mod": (1, 1), "Split": (1, 0), "Tile": (1, 0), "TopK": (1, 0), "OneHot": (1, 0)} | {
    "Expand": (1, 0),
    "Pad": (1, 0),
}
"""Input of an operator, and the least that a whole constant there may be; over others the process may end."""
_CONSTANT = ("Split", "Tile", "TopK", "OneHot")
"""Where ours have nothing but a constant there."""


def check_rules(model: Model, inputs: Collection[str], switch: str) -> None:
    """ModelError if a model is a program that no export of ours is; the message is for the middle of a sentence.

    Parameters
    ----------
    model : Model
    inputs : collection of str
        Names that the inputs of the graph may have.
    switch : str
        That of them on which an ``If`` may depend.
    """
    if model.ir_version > LARGEST_IR_VERSION or model.opsets != {"": OPSET}:
        raise ModelError(f"it needs other operators than those of ONNX {OPSET}")
    graph = model.graph
    if other := sorted(set(graph.inputs) - set(inputs)):
        raise ModelError(f"it has an input {brief(other[0])}, which no model of ours has")
    _check_graph(graph, {}, set(), set(graph.inputs), switch, outermost=True)


def _check_graph(
    graph: Graph, constants: dict[str, Tensor], known: set[str], moving: set[str], switch: str, *, outermost: bool
) -> None:
    """Rules of a graph in which some names are known already; ``moving``: those whose values depend on the sound."""
    known, moving, constants = known | set(graph.inputs), set(moving), dict(constants)
    for tensor in graph.tensors:
        _check_finite(tensor)
        if tensor.name in known - set(graph.inputs):
            raise ModelError(f"it has two of {brief(tensor.name)}")
        known.add(tensor.name)
        constants[tensor.name] = tensor
    for node in graph.nodes:
        _check_node(node, constants, known, moving, switch, outermost)
        _check_wholes(node, constants)
        if node.op_type == "Constant" and node.tensors:
            constants.update((name, node.tensors[0]) for name in node.outputs)
        for name in node.outputs:
            if name and name in known:
                raise ModelError(f"it has two of {brief(name)}")
        known.update(node.outputs)
        if node.op_type != "Shape" and (node.graphs or moving.intersection(node.inputs)):
            moving.update(name for name in node.outputs if name)
    if unknown := [name for name in graph.outputs if name not in known]:
        raise ModelError(f"nothing makes {brief(unknown[0])}")


def _check_node(
    node: Node, constants: dict[str, Tensor], known: set[str], moving: set[str], switch: str, outermost: bool
) -> None:
    if node.domain or node.op_type not in OPERATORS:
        name = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
        raise ModelError(f"it has the operator {brief(name)}, which no model of ours has")
    for name in node.inputs:
        if name and name not in known:
            raise ModelError(f"it uses {brief(name)} before anything makes it")
    sizes = [node.inputs[i] for i in _SIZES.get(node.op_type, ()) if i < len(node.inputs)]
    if moving.intersection(sizes):
        raise ModelError(f"a size in it ({node.op_type}) depends on the sound")
    for tensor in node.tensors:
        _check_finite(tensor, masks=node.op_type == "Constant" and tensor.values.size == 1)
    if not np.isfinite(node.numbers).all():
        raise ModelError(f"{node.op_type} has a number that is not finite")
    if not node.graphs and node.op_type != "If":
        return
    names = sorted(name for name, _ in node.graphs)
    if node.op_type != "If" or not outermost or node.inputs != (switch,) or names != ["else_branch", "then_branch"]:
        raise ModelError("it makes a choice that no model of ours makes")
    for _, graph in node.graphs:
        if graph.inputs:
            raise ModelError("it makes a choice that no model of ours makes")
        _check_graph(graph, constants, known, moving, switch, outermost=False)


def _check_wholes(node: Node, constants: dict[str, Tensor]) -> None:
    """Whole numbers of an operator, as attributes or as constants, are in the range of ours."""
    slides = node.op_type in ("Conv", "MaxPool")
    if slides and "kernel_shape" not in node.wholes:
        raise ModelError(f"{node.op_type} does not say how long it is")
    for name, values in node.wholes.items():
        low, high = _WINDOWS.get(name, _WHOLES) if slides else _WHOLES
        if not all(low <= value <= high for value in values):
            raise ModelError(f"{node.op_type} has {brief(name)} {brief(list(values))}, and ours {low} to {high}")
    place, least = _LEAST.get(node.op_type, (len(node.inputs), 0))
    if place < len(node.inputs):
        tensor = constants.get(node.inputs[place])
        if tensor is None:
            if node.op_type in _CONSTANT and node.inputs[place]:
                raise ModelError(f"{node.op_type} has a size that is worked out, and ours are constants")
        elif tensor.values.dtype.kind == "i" and tensor.values.size and int(tensor.values.min()) < least:
            raise ModelError(f"{node.op_type} has {brief(tensor.values.tolist())} where ours have {least} or more")


def _check_finite(tensor: Tensor, *, masks: bool = False) -> None:
    """Weights are finite; what masks choices out is a single -Inf."""
    values = tensor.values
    if values.dtype.kind != "f" or np.isfinite(values).all() or (masks and not np.isnan(values).any()):
        return
    raise ModelError(f"its weights {brief(tensor.name)} are not all finite")
