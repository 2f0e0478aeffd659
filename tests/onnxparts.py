"""A writer of protobuf for tests that change models where the package onnx is not installed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bsep_stream.trust.onnxgraph import _fields


def varint(value: int) -> bytes:
    value &= 0xFFFF_FFFF_FFFF_FFFF
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def part(number: int, value: int | str | bytes) -> bytes:
    """A field of a message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def parts(data: bytes) -> list[tuple[int, Any]]:
    """Fields of a message."""
    return [
        (number, bytes(value) if isinstance(value, memoryview) else value)
        for number, value in _fields(memoryview(data))
    ]


def joined(fields: list[tuple[int, Any]]) -> bytes:
    return b"".join(part(number, value) for number, value in fields)


def node(op_type: str, inputs: list[str], outputs: list[str], *attributes: bytes, domain: str = "") -> bytes:
    fields = [*((1, name) for name in inputs), *((2, name) for name in outputs), (4, op_type)]
    fields += [(5, each) for each in attributes] + ([(7, domain)] if domain else [])
    return joined(fields)


def tensor(name: str, values: np.ndarray) -> bytes:
    kind = {"float32": 1, "int64": 7, "bool": 9}[values.dtype.name]
    return joined([*((1, size) for size in values.shape), (2, kind), (8, name), (9, values.tobytes())])


def attribute(name: str, number: int, value: int | str | bytes, kind: int) -> bytes:
    return joined([(1, name), (number, value), (20, kind)])


def changed_graph(path: Path, change: Callable[[list[tuple[int, Any]]], list[tuple[int, Any]]]) -> bytes:
    """A model whose graph's fields were changed."""
    return joined(
        [(number, joined(change(parts(value))) if number == 7 else value) for number, value in parts(path.read_bytes())]
    )


def with_nodes(path: Path, nodes: list[bytes], tensors: list[bytes] = ()) -> bytes:  # type: ignore[assignment]
    """A model with more nodes (behind its own) and constants."""
    return changed_graph(
        path, lambda fields: [*((1, each) for each in nodes), *((5, each) for each in tensors), *fields]
    )


def with_metadata(path: Path, change: Callable[[dict[str, Any]], object], *, raw: str | None = None) -> bytes:
    """A model whose metadata were changed in place, or replaced by some text."""
    fields = []
    for number, value in parts(path.read_bytes()):
        if number == 14:
            entry = dict(parts(value))
            metadata = json.loads(entry[2])
            change(metadata)
            text = json.dumps(metadata) if raw is None else raw
            value = joined([(1, entry[1]), (2, text)])
        fields.append((number, value))
    return joined(fields)
