"""The wire format of ONNX files the other way round: for models that are made up, to try the reader of models.

``export/`` writes models, with the package onnx; this is for the fuzzer and the tests, which run without it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bsep_stream.model.onnxgraph import fields_of

Fields = list[tuple[int, Any]]
"""Numbers and values: whole numbers, text, or bytes of messages."""

_TYPES = {"float32": 1, "int64": 7, "bool": 9}
METADATA = 14
GRAPH = 7


def varint(value: int) -> bytes:
    """A whole number."""
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
    data = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def parts(data: bytes) -> Fields:
    """Fields of a message."""
    found = fields_of(memoryview(data))
    return [(number, bytes(value) if isinstance(value, memoryview) else value) for number, value in found]


def joined(fields: Fields) -> bytes:
    """A message of fields."""
    return b"".join(part(number, value) for number, value in fields)


def node(op_type: str, inputs: Sequence[str], outputs: Sequence[str], *attributes: bytes, domain: str = "") -> bytes:
    """An operation."""
    fields: Fields = [*((1, name) for name in inputs), *((2, name) for name in outputs), (4, op_type)]
    fields += [(5, each) for each in attributes] + ([(7, domain)] if domain else [])
    return joined(fields)


def tensor(name: str, values: np.ndarray[Any, Any]) -> bytes:
    """A constant."""
    sizes: Fields = [(1, size) for size in values.shape]
    return joined([*sizes, (2, _TYPES[values.dtype.name]), (8, name), (9, values.tobytes())])


def attribute(name: str, number: int, value: int | str | bytes, kind: int) -> bytes:
    """An attribute of an operation."""
    return joined([(1, name), (number, value), (20, kind)])


def value_info(name: str, *shape: int) -> bytes:
    """An input or output of float32 (batch, ...)."""
    sizes = joined([(1, part(2, "batch")), *((1, part(1, size)) for size in shape)])
    return joined([(1, name), (2, part(1, joined([(1, 1), (2, sizes)])))])


def model(graph: bytes, metadata: dict[str, Any]) -> bytes:
    """A file."""
    entry = joined([(1, "bsep_stream"), (2, json.dumps(metadata))])
    return joined([(1, 8), (8, part(2, 18)), (GRAPH, graph), (METADATA, entry)])


def changed_graph(content: bytes, change: Callable[[Fields], Fields]) -> bytes:
    """A model whose graph's fields were changed."""
    return joined([(n, joined(change(parts(value))) if n == GRAPH else value) for n, value in parts(content)])


def changed_metadata(content: bytes, change: Callable[[str], str]) -> bytes:
    """A model whose metadata, a text, were changed."""
    fields = []
    for number, value in parts(content):
        if number == METADATA:
            entry = dict(parts(value))
            value = joined([(1, entry[1]), (2, change(entry[2].decode("utf-8")))])
        fields.append((number, value))
    return joined(fields)


def small_model() -> bytes:
    """A model of two sources, 0.6 and 0.3 of the frame, as those of the tests."""
    n_bins, n_harmonics = 33, 3
    shares = np.array([0.6, 0.3], np.float32).reshape(1, 2, 1, 1)
    constants: dict[str, np.ndarray[Any, Any]] = {
        "one": np.array([1], np.int64),
        "two": np.array([2], np.int64),
        "both": np.array([1, 2], np.int64),
        "more": np.array([2, 3], np.int64),
        "shares": shares,
        "unit": np.ones((1, 2), np.float32),
        "zero": np.zeros((1, 2), np.float32),
        "pitches": np.array([[5.0, 10.0]], np.float32),
        "zeros": np.zeros((1, 2, n_harmonics, 2), np.float32),
    }
    nodes = [
        node("Unsqueeze", ["frame", "one"], ["frame4"]),
        node("Mul", ["frame4", "shares"], ["direct"]),
        node("Identity", ["direct"], ["dictionary"]),
        node("Abs", ["frame"], ["modulus"]),
        node("ReduceMax", ["modulus", "both"], ["peak"], attribute("keepdims", 3, 0, 2)),
        node("Unsqueeze", ["peak", "one"], ["peak2"]),
        node("Mul", ["peak2", "unit"], ["amplitude"]),
        node("Mul", ["peak2", "zero"], ["nothing"]),
        node("Add", ["nothing", "pitches"], ["f0_bin"]),
        node("Add", ["nothing", "zero"], ["inharmonicity"]),
        node("Add", ["nothing", "unit"], ["width_bins"]),
        node("Add", ["nothing", "unit"], ["on"]),
        node("Unsqueeze", ["nothing", "more"], ["nothing4"]),
        node("Add", ["nothing4", "zeros"], ["coefficients"]),
        node("ReduceL2", ["direct", "two"], ["timbre"], attribute("keepdims", 3, 0, 2)),
    ]
    outputs = [
        *(value_info(name, 2, 2, n_bins) for name in ("direct", "dictionary")),
        *(value_info(name, 2) for name in ("f0_bin", "inharmonicity", "width_bins", "amplitude", "on")),
        value_info("coefficients", 2, n_harmonics, 2),
        value_info("timbre", 2, n_bins),
    ]
    graph: Fields = [*((1, each) for each in nodes), (2, "small")]
    graph += [(5, tensor(name, values)) for name, values in constants.items()]
    graph += [(11, value_info("frame", 2, n_bins)), *((12, each) for each in outputs)]
    geometry = {"sample_rate": 48_000, "n_fft": 64, "n_bins": n_bins, "hop_length": 16, "sigma_samples": 8.0}
    metadata = {
        "format_version": 1,
        "geometry": geometry,
        "source_names": ["flute", "oboe"],
        "tone_sources": [0, 1],
        "dictionary": [[1.0] * n_harmonics] * 2,
        "gain": 2.0,
        "output": "mask",
        "training": {"preset": "fast", "iterations": 3, "seconds": 1.5, "seed": 0, "recordings": [], "version": "0"},
        "metronome": [{"moduli": [1.0] * n_bins, "bins": [3, 4], "period_seconds": 0.6}],
    }
    return model(joined(graph), metadata)
