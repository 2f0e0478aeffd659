"""Makes the tiny models of the tests: ``python tests/models/make_models.py`` (needs onnx; the tests do not).

Each obeys the contract "The ONNX step" of docs/internals.md, without any network in it:

    split       two sources, 0.6 and 0.3 of the frame; dictionary tones 0.2 and 0.5 of it
    split_fast  the same in the geometry of the fast preset, 48 kHz
    bands       two sources, the lower and the upper half of the bins
    allpass     one source: the frame
    square      one source: frame * |frame| (so that a forgotten gain shows), gain 2
    broken      one source: NaN wherever the frame is negative
    off         as split, but every tone is off (and the spectra as of a policy that does not gate)

The dictionary tones of all others are the direct tones. `timbre` is the modulus of the dictionary tones.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).parent
N_HARMONICS = 5
SMALL = {"sample_rate": 48_000, "n_fft": 512, "n_bins": 257, "hop_length": 64, "sigma_samples": 64.0}
FAST = {"sample_rate": 48_000, "n_fft": 8192, "n_bins": 2048, "hop_length": 1024, "sigma_samples": 1024.0}


def make(
    name: str,
    geometry: dict[str, Any],
    source_names: list[str],
    direct: list[onnx.NodeProto],
    constants: dict[str, np.ndarray],
    *,
    gain: float = 1.0,
    output: str = "direct",
    on: float = 1.0,
) -> None:
    """Write HERE/name.onnx; the nodes ``direct`` make ``direct`` from ``frame4`` (batch, 1, 2, n_bins).

    They may make ``dictionary`` too; else it is ``direct``.
    """
    n_sources, n_bins = len(source_names), geometry["n_bins"]
    start = {
        "axis_source": np.array([1], dtype=np.int64),
        "axes_frame": np.array([1, 2], dtype=np.int64),
        "axis_last": np.array([3], dtype=np.int64),
        "axis_channel": np.array([2], dtype=np.int64),
        "zero": np.zeros((1, n_sources), dtype=np.float32),
        "f0": np.arange(10, 10 * n_sources + 1, 10, dtype=np.float32)[None],
        "width": np.full((1, n_sources), 1.3, dtype=np.float32),
        "one": np.ones((1, n_sources), dtype=np.float32),
        "switch": np.full((1, n_sources), on, dtype=np.float32),
        "zeros3": np.zeros((1, n_sources, N_HARMONICS, 2), dtype=np.float32),
    }
    nodes = [
        helper.make_node("Unsqueeze", ["frame", "axis_source"], ["frame4"]),
        *direct,
        # amplitude: the largest modulus of any part; shows in a test which gain the network saw
        helper.make_node("Abs", ["frame"], ["modulus"]),
        helper.make_node("ReduceMax", ["modulus", "axes_frame"], ["peak"], keepdims=0),  # (batch,)
        helper.make_node("Unsqueeze", ["peak", "axis_source"], ["peak2"]),  # (batch, 1)
        helper.make_node("Mul", ["peak2", "one"], ["amplitude"]),
        helper.make_node("Mul", ["peak2", "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "f0"], ["f0_bin"]),
        helper.make_node("Add", ["nothing", "zero"], ["inharmonicity"]),
        helper.make_node("Add", ["nothing", "width"], ["width_bins"]),
        helper.make_node("Add", ["nothing", "switch"], ["on"]),
        helper.make_node("Unsqueeze", ["nothing", "axes_more"], ["nothing4"]),
        helper.make_node("Add", ["nothing4", "zeros3"], ["coefficients"]),
        helper.make_node("ReduceL2", ["dictionary", "axis_channel"], ["timbre"], keepdims=0),
    ]
    if not any("dictionary" in node.output for node in direct):
        nodes.insert(1 + len(direct), helper.make_node("Identity", ["direct"], ["dictionary"]))
    start["axes_more"] = np.array([2, 3], dtype=np.int64)
    used = {name for node in nodes for name in node.input}
    initializers = [numpy_helper.from_array(v, k) for k, v in {**start, **constants}.items() if k in used]

    def value(label: str, *shape: int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(label, TensorProto.FLOAT, ["batch", *shape])

    graph = helper.make_graph(
        nodes,
        name,
        [value("frame", 2, n_bins)],
        [
            value("direct", n_sources, 2, n_bins),
            value("dictionary", n_sources, 2, n_bins),
            *(value(label, n_sources) for label in ("f0_bin", "inharmonicity", "width_bins", "amplitude", "on")),
            value("coefficients", n_sources, N_HARMONICS, 2),
            value("timbre", n_sources, n_bins),
        ],
        initializers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    metadata = {
        "format_version": 1,
        "geometry": geometry,
        "source_names": source_names,
        "tone_sources": list(range(n_sources)),
        "dictionary": [[round(0.5**h, 4) for h in range(N_HARMONICS)]] * n_sources,
        "gain": gain,
        "output": output,
        "training": {"preset": "test", "iterations": 0, "seconds": 0.0, "seed": 0, "recordings": [], "version": "0"},
    }
    helper.set_model_props(model, {"bsep_stream": json.dumps(metadata)})
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, HERE / f"{name}.onnx")


def main() -> None:
    shares = {
        "shares": np.array([0.6, 0.3], dtype=np.float32).reshape(1, 2, 1, 1),
        "other_shares": np.array([0.2, 0.5], dtype=np.float32).reshape(1, 2, 1, 1),
    }
    split = [
        helper.make_node("Mul", ["frame4", "shares"], ["direct"]),
        helper.make_node("Mul", ["frame4", "other_shares"], ["dictionary"]),
    ]
    make("split", SMALL, ["flute", "oboe"], split, shares, gain=3.0)
    make("off", SMALL, ["flute", "oboe"], split, shares, on=0.0)
    make("split_fast", FAST, ["flute", "oboe"], split, shares, gain=3.0, output="mask")

    n_bins = SMALL["n_bins"]
    low = (np.arange(n_bins) < n_bins // 2).astype(np.float32)
    bands = {"bands": np.stack([low, 1.0 - low])[None, :, None, :]}
    make("bands", SMALL, ["low", "high"], [helper.make_node("Mul", ["frame4", "bands"], ["direct"])], bands)

    make("allpass", SMALL, ["all"], [helper.make_node("Identity", ["frame4"], ["direct"])], {})
    square = [helper.make_node("Abs", ["frame4"], ["size"]), helper.make_node("Mul", ["frame4", "size"], ["direct"])]
    make("square", SMALL, ["all"], square, {}, gain=2.0)
    make("broken", SMALL, ["all"], [helper.make_node("Sqrt", ["frame4"], ["direct"])], {})


if __name__ == "__main__":
    main()
