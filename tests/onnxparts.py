"""Models of the tests, changed where the package onnx is not installed."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bsep_stream.fuzz.onnxwriter import Fields
from bsep_stream.fuzz.onnxwriter import attribute as attribute
from bsep_stream.fuzz.onnxwriter import changed_graph as change_graph
from bsep_stream.fuzz.onnxwriter import changed_metadata as change_metadata
from bsep_stream.fuzz.onnxwriter import joined as joined
from bsep_stream.fuzz.onnxwriter import node as node
from bsep_stream.fuzz.onnxwriter import part as part
from bsep_stream.fuzz.onnxwriter import parts as parts
from bsep_stream.fuzz.onnxwriter import tensor as tensor


def changed_graph(path: Path, change: Callable[[Fields], Fields]) -> bytes:
    """A model whose graph's fields were changed."""
    return change_graph(path.read_bytes(), change)


def with_nodes(path: Path, nodes: Sequence[bytes], tensors: Sequence[bytes] = ()) -> bytes:
    """A model with more nodes (before its own) and constants."""
    return changed_graph(
        path, lambda fields: [*((1, each) for each in nodes), *((5, each) for each in tensors), *fields]
    )


def with_metadata(path: Path, change: Callable[[dict[str, Any]], object], *, raw: str | None = None) -> bytes:
    """A model whose metadata were changed in place, or replaced by some text."""

    def changed(text: str) -> str:
        metadata = json.loads(text)
        change(metadata)
        return json.dumps(metadata) if raw is None else raw

    return change_metadata(path.read_bytes(), changed)
