"""ONNX file of a separator: written only if ONNX Runtime and torch agree on real frames."""

from __future__ import annotations

import json
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bsep_stream.errors import MissingDependency, ModelError
from bsep_stream.export.graph import INPUT_NAME, OUTPUT_NAMES, SeparationStep, output_shapes
from bsep_stream.export.parity import LEAST_PARITY_FRAMES, compare, inputs_of, open_session
from bsep_stream.files.atomic import whole_file
from bsep_stream.model.separation_model import OUTPUT_KINDS
from bsep_stream.model.step import SPECTRA_OUTPUTS, SPECTRA_SWITCH
from bsep_stream.train.config.trainconfig import TrainConfig
from bsep_stream.train.network.separator import Separator
from bsep_stream.train.tones.spectra import as_channels

FORMAT_VERSION = 2
METADATA_KEY = "bsep_stream"
OPSET_VERSION = 18
LARGEST_IR_VERSION = 10
_TIMED_STEPS = 50


@dataclass(frozen=True)
class ExportReport:
    """What was written, and how well it agrees.

    Attributes
    ----------
    path : Path
    file_bytes : int
    n_frames : int
        Frames with the same tones, and spectra that differ by at most ``PARITY_TOLERANCE`` of the frame's own peak.
    n_quiet : int
        Further frames with the same tones, quieter than ``QUIET_PEAK``, that agree relative to that only.
    n_ambiguous : int
        Frames left out: silent, or their two best tones (or on and off) are equally good in float32, or their spectra
        hang on rounding.
    worst_difference : float
        Largest difference of a direct, dictionary or timbre spectrum, relative to the largest modulus of its frame
        (at least ``QUIET_PEAK``).
    step_ms : float
        Median time of one step with batch 1 on one thread.
    """

    path: Path
    file_bytes: int
    n_frames: int
    n_quiet: int
    n_ambiguous: int
    worst_difference: float
    step_ms: float


def export_model(
    separator: Separator,
    config: TrainConfig,
    metadata: dict[str, Any],
    path: Path,
    parity_frames: NDArray[np.complex64],
) -> ExportReport:
    """Write one self-describing ONNX file.

    Parameters
    ----------
    separator : Separator
    config : TrainConfig
    metadata : dict
        `gain` (float) and `training` (dict), optionally `output` ("mask", the default, "direct" or "dictionary") and
        `metronome` (list of :meth:`bsep_stream.model.strikes.Strike.to_dict`); see docs/internals.md. Geometry, source
        names, tones, dictionary, what rings on and format version are added here.
    path : Path
        Appears whole or not at all; an existing file is replaced.
    parity_frames : ndarray, shape (n_frames, n_bins), complex64
        At least 200 gained frames of the recording, not silent, better some more.

    Raises
    ------
    ModelError
        If torch and ONNX Runtime disagree, or there are too few frames to tell.
    MissingDependency
        If onnx is not installed.
    """
    if parity_frames.ndim != 2 or parity_frames.shape[1] != config.geometry.n_bins:
        raise ModelError(
            f"the frames for the comparison must be (n_frames, {config.geometry.n_bins}), got {parity_frames.shape}"
        )
    if len(parity_frames) < LEAST_PARITY_FRAMES:
        raise ModelError(
            f"export compares the file with torch on at least {LEAST_PARITY_FRAMES} frames, got "
            f"{len(parity_frames)}; use a longer recording or a smaller hop"
        )
    on_cpu = Separator(config)
    on_cpu.load_state_dict(separator.state_dict())
    on_cpu.eval()
    full_metadata = _full_metadata(on_cpu, config, metadata)
    with whole_file(Path(path)) as temporary:
        write_step(SeparationStep(on_cpu), config, full_metadata, temporary)
        compared, quiet, ambiguous, worst = compare(on_cpu, temporary, parity_frames)
        step_ms = _time_step(temporary, parity_frames[:1])
        size = temporary.stat().st_size
    return ExportReport(Path(path), size, compared, quiet, ambiguous, worst, step_ms)


def _full_metadata(separator: Separator, config: TrainConfig, metadata: dict[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(metadata) - {"gain", "output", "training", "metronome"})
    gain = metadata.get("gain")
    output = metadata.get("output", "mask")
    if unknown or not isinstance(gain, int | float) or not gain > 0 or output not in OUTPUT_KINDS:
        raise ModelError(
            f"the metadata of a model are gain (positive), output ({', '.join(OUTPUT_KINDS)}), training and metronome, "
            f"got gain = {gain!r}, output = {output!r}, unknown: {unknown}"
        )
    rows = separator.dictionary.relative_amplitudes.detach().to(torch.float64)
    full = {
        "format_version": FORMAT_VERSION,
        "geometry": config.geometry.to_dict(),
        "source_names": list(config.source_names),
        "tone_sources": list(config.tone_sources),
        "dictionary": [[round(value, 7) for value in row] for row in rows.tolist()],
        "gain": float(gain),
        "output": output,
        "training": metadata.get("training", {}),
    }
    if separator.timbre is not None and separator.timbre.decays:
        full["decay_seconds"] = list(separator.timbre.decays)
    if "metronome" in metadata:
        full["metronome"] = metadata["metronome"]
    return full


def write_step(step: SeparationStep, config: TrainConfig, metadata: dict[str, Any], path: Path) -> None:
    """Write a step and its whole metadata as an ONNX file, compared with nothing."""
    _write_graph(step, config, path)
    _finish_file(path, config, metadata)


def _write_graph(step: SeparationStep, config: TrainConfig, path: Path) -> None:
    # Two frames: a trace of one could take its batch size for a constant.
    example = torch.zeros(2, 2, config.geometry.n_bins)
    names = (INPUT_NAME, *OUTPUT_NAMES)
    with torch.no_grad(), warnings.catch_warnings():
        # The tracer warns of sizes that it takes for constants (they are), and of its age: the newer exporter needs
        # onnxscript and unrolls nothing that this one does not.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            step,
            (example,),
            str(path),
            dynamo=False,
            opset_version=OPSET_VERSION,
            input_names=[INPUT_NAME],
            output_names=list(OUTPUT_NAMES),
            dynamic_axes={name: {0: "batch"} for name in names},
        )


def _finish_file(path: Path, config: TrainConfig, metadata: dict[str, Any]) -> None:
    try:
        import onnx
    except ImportError as error:
        raise MissingDependency("export needs the package onnx: pip install 'bsep-stream[train]'") from error
    from bsep_stream.export.branches import make_optional
    from bsep_stream.export.shortened import shorten

    model = onnx.load(str(path))
    model.ir_version = min(model.ir_version, LARGEST_IR_VERSION)
    model.producer_name = "bsep-stream"
    shapes = output_shapes(config)
    for output in model.graph.output:
        # The exporter loses sizes on the way, so they are stated here; the checker compares what it can infer.
        for dimension, size in zip(output.type.tensor_type.shape.dim[1:], shapes[output.name], strict=True):
            dimension.ClearField("dim_param")
            dimension.dim_value = size
    shorten(model)
    make_optional(model, SPECTRA_OUTPUTS, SPECTRA_SWITCH, INPUT_NAME)
    del model.metadata_props[:]
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, json.dumps(metadata)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(path))


def _time_step(path: Path, frame: NDArray[np.complex64]) -> float:
    session = open_session(path)
    feed = inputs_of(session, as_channels(torch.from_numpy(frame.astype(np.complex64))).numpy())
    durations = []
    for _ in range(_TIMED_STEPS):
        begin = time.perf_counter()
        session.run(None, feed)
        durations.append(time.perf_counter() - begin)
    return float(np.median(durations)) * 1e3
