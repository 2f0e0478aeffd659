"""Whether a step of a model is one: its inputs and outputs as declared, and what comes out of silence and of noise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bsep_stream.errors import ModelError
from bsep_stream.model.step import INPUT_NAME, OUTPUTS, SPECTRA_SWITCH
from bsep_stream.model.trial import try_step
from bsep_stream.trust.shown import brief

if TYPE_CHECKING:
    import onnxruntime

_RANGES = {"on": (0.0, 1.0), "width_bins": (0.0, np.inf), "timbre": (0.0, np.inf)}


def check_step(session: onnxruntime.InferenceSession, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """ModelError if a session on trial is no step of ours; the message is for the middle of a sentence.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
    shapes : mapping of str to tuple of int
        Of the input and of all outputs, without the batch.
    """
    can_switch = _check_declared(session, shapes)
    n_bins = shapes[INPUT_NAME][1]
    noise = np.random.default_rng(0).standard_normal((1, 2, n_bins)).astype(np.float32)
    switched: dict[str, NDArray[Any]] = {SPECTRA_SWITCH: np.ones(1, np.bool_)} if can_switch else {}
    feeds: list[dict[str, NDArray[Any]]] = [
        {INPUT_NAME: np.zeros_like(noise), **switched},
        {INPUT_NAME: noise, **switched},
    ]
    if can_switch:
        feeds.append({INPUT_NAME: noise, SPECTRA_SWITCH: np.zeros(1, np.bool_)})
    for number, feed in enumerate(feeds):
        for name, values in zip(OUTPUTS, try_step(session, feed, OUTPUTS), strict=True):
            if values.dtype != np.float32 or values.shape != (1, *shapes[name]):
                raise ModelError(f"{name!r} should be float32 {(1, *shapes[name])}, comes as {values.shape}")
            finite = values[np.isfinite(values)]
            if number == 0 and finite.size < values.size:
                raise ModelError(f"{name!r} is not finite in silence")
            low, high = (0.0, 2.0 * n_bins) if name == "f0_bin" else _RANGES.get(name, (-np.inf, np.inf))
            if finite.size and not low <= finite.min() <= finite.max() <= high:
                raise ModelError(f"{name!r} is {finite.min():g} to {finite.max():g}, which no model of ours finds")


def _check_declared(session: onnxruntime.InferenceSession, shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """The graph says of itself what the metadata say; whether it has the switch."""
    found = {node.name: node for node in (*session.get_inputs(), *session.get_outputs())}
    for name, shape in shapes.items():
        if name not in found:
            raise ModelError(f"the graph has no input or output {name!r}")
        node = found.pop(name)
        if node.type != "tensor(float)" or tuple(node.shape[1:]) != shape:
            raise ModelError(f"{name!r} should be float32 (batch, {', '.join(map(str, shape))}), is {node.shape}")
    switches = list(session.get_overridable_initializers())  # where format 1 has it
    if SPECTRA_SWITCH in found:
        switches.append(found.pop(SPECTRA_SWITCH))
    if found:
        raise ModelError(f"it has an input or output {brief(min(found))}, which no model of ours has")
    if any((node.name, node.type, node.shape) != (SPECTRA_SWITCH, "tensor(bool)", [1]) for node in switches):
        raise ModelError(f"its only choice should be {SPECTRA_SWITCH!r}, one bool")
    return len(switches) > 0
