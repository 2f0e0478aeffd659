"""What an ONNX file says, read without the package onnx: the wire format of protobuf, as far as our models need it.

A message is a row of fields, each a number, a kind and a value (protobuf.dev/programming-guides/encoding). Fields that
none of our exports has are refused here, by number: functions, training, sparse tensors, data in other files, and
whatever a later version of ONNX invents. So are fields that come twice where one belongs, which other readers merge.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bsep_stream.errors import ModelError
from bsep_stream.trust.shown import brief

MOST_NODES = 100_000
DEEPEST = 4  # graphs in nodes in graphs

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_Value = int | float | memoryview

_MODEL = {1: "ir_version", 2: "", 3: "", 4: "", 5: "", 6: "", 7: "graph", 8: "opset*", 14: "metadata*"}
_OPSET = {1: "domain", 2: "version"}
_ENTRY = {1: "key", 2: "value"}
_GRAPH = {1: "node*", 2: "", 5: "initializer*", 10: "", 11: "input*", 12: "output*", 13: "shape*"}
_NODE = {1: "input*", 2: "output*", 3: "", 4: "op_type", 5: "attribute*", 6: "", 7: "domain"}
_ATTRIBUTE = {1: "name", 2: "f", 3: "i", 4: "s", 5: "t", 6: "g", 7: "floats*", 8: "ints*", 13: "", 20: "type"}
_TENSOR = {1: "dims*", 2: "type", 4: "floats*", 5: "int32s*", 7: "int64s*", 8: "name", 9: "raw", 10: "doubles*", 12: ""}
_VALUE_INFO = {1: "name", 2: "", 3: ""}
"""Names of the fields that are read ("": left alone); a star where several may come."""

_TENSOR_TYPES = {
    1: ("<f4", "floats"),
    6: ("<i4", "int32s"),
    7: ("<i8", "int64s"),
    9: ("|b1", "int32s"),
    11: ("<f8", "doubles"),
}
_MOST_RANK = 8


@dataclass(frozen=True)
class Tensor:
    """A constant: name and values."""

    name: str
    values: NDArray[np.generic]


@dataclass(frozen=True)
class Node:
    """An operation: what it is, the names of what comes in and goes out, its tensors and graphs."""

    op_type: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    tensors: tuple[Tensor, ...] = ()
    numbers: tuple[float, ...] = ()
    """Floating point attributes."""
    wholes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """Attributes that are whole numbers, by their names."""
    graphs: tuple[tuple[str, Graph], ...] = ()


@dataclass(frozen=True)
class Graph:
    """Operations in order, constants, and the names of what comes in and goes out."""

    nodes: tuple[Node, ...]
    tensors: tuple[Tensor, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Model:
    """All of a file."""

    ir_version: int
    opsets: dict[str, int]
    metadata: dict[str, bytes]
    graph: Graph


@dataclass
class _Reader:
    """Counts while it reads, so that a small file cannot become much work."""

    n_nodes: int = field(default=0)

    def graph(self, data: object, depth: int) -> Graph:
        if depth > DEEPEST:
            raise ModelError("graphs lie in graphs deeper than ours do")
        found = _message(data, _GRAPH, "graph")
        return Graph(
            tuple(self.node(each, depth) for each in found["node"]),
            tuple(_tensor(each) for each in found["initializer"]),
            tuple(_text(_message(each, _VALUE_INFO, "input").get("name")) for each in found["input"]),
            tuple(_text(_message(each, _VALUE_INFO, "output").get("name")) for each in found["output"]),
        )

    def node(self, data: object, depth: int) -> Node:
        self.n_nodes += 1
        if self.n_nodes > MOST_NODES:
            raise ModelError(f"it has more than the {MOST_NODES} operations that are possible")
        found = _message(data, _NODE, "operation")
        tensors: list[Tensor] = []
        numbers: list[float] = []
        graphs: list[tuple[str, Graph]] = []
        wholes: dict[str, tuple[int, ...]] = {}
        for each in found["attribute"]:
            attribute = _message(each, _ATTRIBUTE, "attribute")
            if "t" in attribute:
                tensors.append(_tensor(attribute["t"]))
            if "g" in attribute:
                graphs.append((_text(attribute.get("name")), self.graph(attribute["g"], depth + 1)))
            if "f" in attribute:
                numbers.append(float(attribute["f"]))
            if attribute["ints"] or "i" in attribute:
                wholes[_text(attribute.get("name"))] = _wholes(attribute)
            numbers.extend(_numbers(attribute["floats"], "<f4").tolist())
        return Node(
            _text(found.get("op_type")),
            _text(found.get("domain")),
            tuple(map(_text, found["input"])),
            tuple(map(_text, found["output"])),
            tuple(tensors),
            tuple(numbers),
            wholes,
            tuple(graphs),
        )


def read_model(data: bytes) -> Model:
    """What a file says.

    Raises
    ------
    ModelError
        What is no ONNX file, is cut, or has parts that none of our exports has; the message is for the middle of a
        sentence.
    """
    try:
        found = _message(memoryview(data), _MODEL, "model")
        if "graph" not in found:
            raise ModelError("it holds no graph")
        opsets = [_message(each, _OPSET, "operator set") for each in found["opset"]]
        entries = [_message(each, _ENTRY, "metadata") for each in found["metadata"]]
        keys = [_text(each.get("key")) for each in entries]
        if len(set(keys)) < len(keys):
            raise ModelError("its metadata say something twice")
        return Model(
            int(found.get("ir_version", 0)),
            {_text(each.get("domain")): int(each.get("version", 0)) for each in opsets},
            {_text(each.get("key")): _bytes(each.get("value")) for each in entries},
            _Reader().graph(found["graph"], 1),
        )
    except (IndexError, struct.error, UnicodeDecodeError, TypeError, OverflowError) as error:
        raise ModelError("it is cut or damaged") from error


def _message(data: object, names: dict[int, str], what: str) -> dict[str, Any]:
    """Fields of a message by their names; those that may come several times as lists."""
    found: dict[str, Any] = {name[:-1]: [] for name in names.values() if name.endswith("*")}
    if not isinstance(data, memoryview):
        raise ModelError("it is cut or damaged")
    for number, value in fields_of(data):
        name = names.get(number)
        if name is None:
            raise ModelError(f"its {what} has a part ({number}) that no model of ours has")
        if name.endswith("*"):
            found[name[:-1]].append(value)
        elif name:
            if name in found:
                raise ModelError(f"its {what} has two of {name}")
            found[name] = value
    return found


def fields_of(data: memoryview) -> Iterator[tuple[int, _Value]]:
    """Numbers and values of the fields of a message; ModelError where it is cut or damaged."""
    place, end = 0, len(data)
    while place < end:
        key, place = _varint(data, place)
        kind = key & 7
        value: _Value
        if kind == _BYTES:
            length, place = _varint(data, place)
            if length > end - place:
                raise ModelError("it is cut or damaged")
            value, place = data[place : place + length], place + length
        elif kind == _VARINT:
            value, place = _varint(data, place)
        elif kind == _FIXED32:
            value, place = struct.unpack_from("<f", data, place)[0], place + 4
        elif kind == _FIXED64:
            value, place = struct.unpack_from("<d", data, place)[0], place + 8
        else:
            raise ModelError("it is cut or damaged")
        yield key >> 3, value


def _varint(data: memoryview, place: int) -> tuple[int, int]:
    byte = data[place]
    if byte < 0x80:
        return byte, place + 1
    value, shift = 0, 0
    while True:
        byte = data[place]
        value |= (byte & 0x7F) << shift
        place += 1
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, place
        shift += 7
        if shift > 63:
            raise ModelError("it is cut or damaged")


def _bytes(value: object) -> bytes:
    return bytes(value) if isinstance(value, memoryview) else b""


def _text(value: object) -> str:
    return str(value, "utf-8") if isinstance(value, memoryview) else ""


def _wholes(attribute: dict[str, Any]) -> tuple[int, ...]:
    alone = [attribute["i"]] if "i" in attribute else []
    return tuple(int(each) for each in _numbers([*alone, *attribute["ints"]], "<i8"))


def _tensor(data: memoryview) -> Tensor:
    found = _message(data, _TENSOR, "tensor")
    kind = found.get("type")
    if kind not in _TENSOR_TYPES:
        raise ModelError(f"a tensor has the type {brief(kind)}, which no model of ours has")
    dtype, typed = _TENSOR_TYPES[kind]
    dims = [int(each) for each in _numbers(found["dims"], "<i8")]
    size = 1
    for each in dims:
        size *= each
    if len(dims) > _MOST_RANK or any(each < 0 for each in dims) or size > len(data):
        raise ModelError(f"a tensor of the shape {brief(dims)} is not all there")
    raw = found.get("raw")
    filled = [name for name in ("floats", "int32s", "int64s", "doubles") if found[name]]
    if isinstance(raw, memoryview) and not filled:
        if len(raw) != size * np.dtype(dtype).itemsize:
            raise ModelError(f"a tensor of the shape {brief(dims)} has {len(raw)} bytes")
        values = np.frombuffer(raw, dtype)
    elif raw is None and filled in ([], [typed]):
        source = {"floats": "<f4", "doubles": "<f8"}.get(typed, "<i8")
        values = _numbers(found[typed], source).astype(dtype)
    else:
        raise ModelError("a tensor holds its values twice, or as another type")
    if values.size != size:
        raise ModelError(f"a tensor of the shape {brief(dims)} has {values.size} values")
    return Tensor(_text(found.get("name")), values.reshape(dims))


def _numbers(parts: list[_Value], dtype: str) -> NDArray[Any]:
    """Numbers of a field that may come packed, one by one, or both."""
    arrays: list[NDArray[Any]] = []
    for part in parts:
        if not isinstance(part, memoryview):
            whole = np.uint64(part).astype("<i8") if isinstance(part, int) else part
            arrays.append(np.array([whole], dtype))
        elif dtype == "<i8":
            values, place = [], 0
            while place < len(part):
                value, place = _varint(part, place)
                values.append(value)
            arrays.append(np.array(values, np.uint64).astype("<i8"))
        else:
            arrays.append(np.frombuffer(part, dtype))
    return np.concatenate(arrays) if arrays else np.zeros(0, dtype)
