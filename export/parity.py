"""Whether ONNX Runtime and torch agree on real frames, as far as float32 lets them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bsep_stream.errors import ModelError
from bsep_stream.export.graph import INPUT_NAME, OUTPUT_NAMES
from bsep_stream.model.step import SPECTRA_SWITCH
from bsep_stream.train.config.trainconfig import MAP_NAMES
from bsep_stream.train.network.prediction import Prediction, predict
from bsep_stream.train.network.separator import Separator
from bsep_stream.train.tones.spectra import as_channels

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
# A frame may differ by more where what torch makes of it changes by this part of that, if its bins change by so much.
ROUNDING_FACTOR, ROUNDING = 4.0, 1e-6
_ROUNDINGS = 8
# The same tone has the same f0 up to rounding; another choice is a bin away, or an accident.
F0_TOLERANCE_BINS = 0.05
_BATCH = 16


def open_session(path: Path) -> Any:
    """ONNX Runtime on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def inputs_of(session: Any, frames: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
    """What a session is given for frames, shape (batch, 2, n_bins), to have all outputs."""
    switched = SPECTRA_SWITCH in {value.name for value in session.get_inputs()}
    return {INPUT_NAME: frames, **({SPECTRA_SWITCH: np.array([True])} if switched else {})}


def compare(separator: Separator, path: Path, frames: NDArray[np.complex64]) -> tuple[int, int, int, float]:
    """Numbers of frames as in :class:`ExportReport`, and the worst relative difference of their spectra."""
    session = open_session(path)
    compared = quiet = ambiguous = 0
    worst = 0.0
    for begin in range(0, len(frames), _BATCH):
        inputs = as_channels(torch.from_numpy(frames[begin : begin + _BATCH].astype(np.complex64)))
        with torch.no_grad():
            expected = predict(separator, inputs)
        outputs = session.run(list(OUTPUT_NAMES), inputs_of(session, inputs.numpy()))
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
        difference = _differences(got, expected)
        error = difference / np.maximum(peak, QUIET_PEAK)
        wrong = certain & ~(error <= PARITY_TOLERANCE)  # also if it is not a number
        if wrong.any():
            hangs = _changes_by_rounding(separator, inputs[wrong]) >= difference[wrong] / ROUNDING_FACTOR
            if not hangs.all():
                raise ModelError(
                    f"ONNX Runtime and torch differ by {error[wrong].max():.1e} of the peak of a frame, "
                    f"more than {PARITY_TOLERANCE}; nothing was written"
                )
            certain &= ~wrong
            ambiguous += len(hangs)
        difference, peak, error = difference[certain], peak[certain], error[certain]
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


def _differences(got: dict[str, NDArray[np.float32]], expected: Prediction) -> NDArray[np.float32]:
    """The largest of the spectra of every frame, shape (n_frames,)."""
    pairs = [(got[name], getattr(expected, name).numpy()) for name in ("direct", "timbre")]
    # The phase of a harmonic that the frame does not have hangs on rounding, and the dictionary may have it.
    pairs.append((_moduli(got["dictionary"]), _moduli(expected.dictionary.numpy())))
    by_kind = [np.abs(found - wanted).reshape(len(wanted), -1).max(axis=1) for found, wanted in pairs]
    largest: NDArray[np.float32] = np.max(by_kind, axis=0)
    return largest


def _changes_by_rounding(separator: Separator, inputs: torch.Tensor) -> NDArray[np.float32]:
    """What torch itself makes of frames that differ by a few roundings, shape (n_frames,): the largest difference."""
    generator = torch.Generator().manual_seed(0)
    changes = []
    with torch.no_grad():
        expected = predict(separator, inputs)
        for _ in range(_ROUNDINGS):
            rounded = inputs * (1.0 + ROUNDING * torch.randn(inputs.shape, generator=generator))
            other = predict(separator, rounded)
            found = {name: getattr(other, name).numpy() for name in ("direct", "timbre", "dictionary")}
            changes.append(_differences(found, expected))
    most: NDArray[np.float32] = np.max(changes, axis=0)
    return most


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
