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

from bsep_stream.atomic import whole_file
from bsep_stream.errors import MissingDependency, ModelError
from bsep_stream.export.graph import INPUT_NAME, OUTPUT_NAMES, SeparationStep, output_shapes
from bsep_stream.model import OUTPUT_KINDS
from bsep_stream.step import SPECTRA_OUTPUTS, SPECTRA_SWITCH
from bsep_stream.train.config import MAP_NAMES, TrainConfig
from bsep_stream.train.prediction import Prediction, predict
from bsep_stream.train.separator import Separator
from bsep_stream.train.spectra import as_channels

FORMAT_VERSION = 1
METADATA_KEY = "bsep_stream"
OPSET_VERSION = 18
LARGEST_IR_VERSION = 10
LEAST_PARITY_FRAMES = 200
PARITY_TOLERANCE = 1e-3
# A lead of the chosen logit that float32 cannot tell from none, as a share of the scale of the logits; likewise for
# the logit of being on.
AMBIGUOUS_SHARE = 1e-5
# Rounding in float32 does not shrink with the frame: quieter peaks than this (level 1) count as this, but such frames
# are no part of the 200 unless they agree relative to their own peak.
QUIET_PEAK = 1e-2
# A frame whose peak is this far below the level of the recording (1) is silent: there is nothing to be relative to.
SILENT_PEAK = 1e-3
# The same tone has the same f0 up to rounding; another choice is a bin away, or an accident.
F0_TOLERANCE_BINS = 0.05
_BATCH = 16
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
        Frames left out: silent, or their two best tones (or on and off) are equally good in float32.
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
        `metronome` (list of :meth:`bsep_stream.metronome.Strike.to_dict`); see docs/design.md. Geometry, source names,
        tones, dictionary and format version are added here.
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
        _write_graph(on_cpu, temporary)
        _finish_file(temporary, config, full_metadata)
        compared, quiet, ambiguous, worst = _compare(on_cpu, temporary, parity_frames)
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
    return {
        "format_version": FORMAT_VERSION,
        "geometry": config.geometry.to_dict(),
        "source_names": list(config.source_names),
        "tone_sources": list(config.tone_sources),
        "dictionary": [[round(value, 7) for value in row] for row in rows.tolist()],
        "gain": float(gain),
        "output": output,
        "training": metadata.get("training", {}),
        **{name: metadata[name] for name in ("metronome",) if name in metadata},
    }


def _write_graph(separator: Separator, path: Path) -> None:
    # Two frames: a trace of one could take its batch size for a constant.
    example = torch.zeros(2, 2, separator.config.geometry.n_bins)
    names = (INPUT_NAME, *OUTPUT_NAMES)
    with torch.no_grad(), warnings.catch_warnings():
        # The tracer warns of sizes that it takes for constants (they are), and of its age: the newer exporter needs
        # onnxscript and unrolls nothing that this one does not.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            SeparationStep(separator),
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

    model = onnx.load(str(path))
    model.ir_version = min(model.ir_version, LARGEST_IR_VERSION)
    model.producer_name = "bsep-stream"
    shapes = output_shapes(config)
    for output in model.graph.output:
        # The exporter loses sizes on the way, so they are stated here; the checker compares what it can infer.
        for dimension, size in zip(output.type.tensor_type.shape.dim[1:], shapes[output.name], strict=True):
            dimension.ClearField("dim_param")
            dimension.dim_value = size
    make_optional(model, SPECTRA_OUTPUTS, SPECTRA_SWITCH, INPUT_NAME)
    del model.metadata_props[:]
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, json.dumps(metadata)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(path))


def _session(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3  # it warns of the switch, whose value is not constant by intention
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _compare(separator: Separator, path: Path, frames: NDArray[np.complex64]) -> tuple[int, int, int, float]:
    """Numbers of frames as in :class:`ExportReport`, and the worst relative difference of their spectra."""
    session = _session(path)
    compared = quiet = ambiguous = 0
    worst = 0.0
    for begin in range(0, len(frames), _BATCH):
        inputs = as_channels(torch.from_numpy(frames[begin : begin + _BATCH].astype(np.complex64)))
        with torch.no_grad():
            expected = predict(separator, inputs)
        outputs = session.run(list(OUTPUT_NAMES), {INPUT_NAME: inputs.numpy()})
        got = dict(zip(OUTPUT_NAMES, outputs, strict=True))
        peak = inputs.square().sum(dim=1).amax(dim=1).sqrt().numpy()
        certain = _certain(separator, expected) & (peak > SILENT_PEAK)
        ambiguous += int((~certain).sum())
        other = np.abs(got["f0_bin"] - expected.f0_bin.numpy()) > F0_TOLERANCE_BINS
        wrong = (other | (got["on"] != expected.on.numpy())).any(axis=1) & certain
        if wrong.any():
            number = begin + int(wrong.argmax())
            raise ModelError(
                f"ONNX Runtime chooses other tones than torch in frame {number} of {len(frames)}; nothing was "
                "written, please report this with the versions of torch and onnxruntime"
            )
        pairs = [(got[name], getattr(expected, name).numpy()) for name in ("direct", "timbre")]
        # The phase of a harmonic that the frame does not have hangs on rounding, and the dictionary may have it.
        pairs.append((_moduli(got["dictionary"]), _moduli(expected.dictionary.numpy())))
        by_kind = [np.abs(found - wanted).reshape(len(wanted), -1).max(axis=1) for found, wanted in pairs]
        difference, peak = np.max(by_kind, axis=0)[certain], peak[certain]
        error = difference / np.maximum(peak, QUIET_PEAK)
        if not (error <= PARITY_TOLERANCE).all():  # also if it is not a number
            raise ModelError(
                f"ONNX Runtime and torch differ by {error.max():.1e} of the peak of a frame, "
                f"more than {PARITY_TOLERANCE}; nothing was written"
            )
        by_own_peak = difference <= PARITY_TOLERANCE * peak
        compared += int(by_own_peak.sum())
        quiet += int((~by_own_peak).sum())
        worst = max(worst, float(error.max(initial=0.0)))
    if compared < LEAST_PARITY_FRAMES:
        raise ModelError(
            f"export compares at least {LEAST_PARITY_FRAMES} frames with torch, but of {len(frames)} only {compared} "
            f"count ({ambiguous} are silent or have no clear choice of tones, {quiet} are too quiet for float32); "
            "train longer, or on a recording with less silence"
        )
    return compared, quiet, ambiguous, worst


def _moduli(spectra: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of spectra (batch, n_sources, 2, n_bins), shape (batch, n_sources, n_bins)."""
    moduli: NDArray[np.float32] = np.hypot(spectra[:, :, 0], spectra[:, :, 1])
    return moduli


def _certain(separator: Separator, expected: Prediction) -> NDArray[np.bool_]:
    """Frames whose choices do not hang on rounding, shape (n_frames,)."""
    choice_scale, on_scale = separator.log_scales.detach().exp()[[MAP_NAMES.index("logit"), MAP_NAMES.index("on")]]
    clear = (expected.margin > AMBIGUOUS_SHARE * choice_scale) & (expected.on_margin > AMBIGUOUS_SHARE * on_scale)
    certain: NDArray[np.bool_] = clear.numpy()
    return certain


def _time_step(path: Path, frame: NDArray[np.complex64]) -> float:
    session = _session(path)
    feed = {INPUT_NAME: as_channels(torch.from_numpy(frame.astype(np.complex64))).numpy()}
    durations = []
    for _ in range(_TIMED_STEPS):
        begin = time.perf_counter()
        session.run(None, feed)
        durations.append(time.perf_counter() - begin)
    return float(np.median(durations)) * 1e3
