"""An older export written anew: ``python -m bsep_stream.export.sameweights OLD.onnx NEW.onnx``.

What the exporter makes of a network becomes faster now and then. A model whose run is gone gets that, too: its weights
are taken out of the file, and what is exported is compared with it, bit for bit. For the presets only, as a model does
not say what else it was trained with. The model of the demo was renewed by this.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper

from bsep_stream.errors import ModelError
from bsep_stream.export.graph import OUTPUT_NAMES, SeparationStep
from bsep_stream.export.network import BlockNetwork
from bsep_stream.export.onnx_file import METADATA_KEY, write_step
from bsep_stream.export.parity import inputs_of, open_session
from bsep_stream.export.rewriting import rewriting
from bsep_stream.files.atomic import whole_file
from bsep_stream.model.separation_model import SeparationModel
from bsep_stream.train.config.presets import preset_config
from bsep_stream.train.config.trainconfig import TrainConfig
from bsep_stream.train.network.separator import Separator

_COMPARED_FRAMES = 200
_ULPS = 3  # in which a number is sought whose quotient is known


def rewrite(old: Path, new: Path) -> None:
    """Export the weights of an exported model again.

    Parameters
    ----------
    old, new : Path
        May be the same.

    Raises
    ------
    ModelError
        If the file is no model of a preset, or the new one does not give the same bits.
    """
    found = SeparationModel(old)
    model = onnx.load(str(old))
    metadata = json.loads(next(entry.value for entry in model.metadata_props if entry.key == METADATA_KEY))
    polyphony = tuple(found.tone_sources.count(number) for number in range(found.n_sources))
    config = preset_config(str(found.training.get("preset")), found.source_names, polyphony)
    step = SeparationStep(Separator(config))
    _take_weights(step, config, model)
    with whole_file(new) as temporary:
        write_step(step, config, metadata, temporary)
        _compare(old, temporary, config.geometry.n_bins)


def _take_weights(step: SeparationStep, config: TrainConfig, model: onnx.ModelProto) -> None:
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    state = step.state_dict()
    names = {"noise": "separator.timbre.noise", "odds": "separator.registers.log_odds"}
    values = {name: arrays.pop(name) for name in state if name in arrays}
    # What the exporter worked out ahead has no name of its own, but a shape.
    network = step.separator.get_submodule("network")
    assert isinstance(network, BlockNetwork)
    network.head_maps = torch.from_numpy(_only(_constants(model), tuple(network.head_maps.shape)).copy())
    for number, name in enumerate(names.values()):
        if name in state and name not in values:
            n_bins = config.geometry.n_bins
            shape = (len(config.tone_sources), 1, n_bins) if number == 0 else (config.n_sources, network.n_out)
            values[name] = _only(list(arrays.values()), shape)
    if names["noise"] in values:
        first = [config.tone_sources.index(number) for number in range(config.n_sources)]
        values[names["noise"]] = values[names["noise"]].reshape(-1, config.geometry.n_bins)[first]
    if names["odds"] in values:
        odds = np.zeros(tuple(state[names["odds"]].shape), np.float32)
        known = values[names["odds"]]
        odds[:, : known.shape[1]] = _times(known, config.imitation.inverse_temperature)
        values[names["odds"]] = odds
    decays = "separator.timbre.decay_seconds"  # in the metadata, which stay as they are, and not in the graph
    if decays in state:
        values[decays] = state[decays].numpy()
    if missing := sorted(set(state) - set(values)):
        raise ModelError(f"the model has no {missing[0]}: it was not trained with a preset of today")
    step.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in values.items()})


def _constants(model: onnx.ModelProto) -> list[NDArray[Any]]:
    return [numpy_helper.to_array(node.attribute[0].t) for node in model.graph.node if node.op_type == "Constant"]


def _only(arrays: list[NDArray[Any]], shape: tuple[int, ...]) -> NDArray[Any]:
    fitting = [array for array in arrays if array.shape == shape]
    if len(fitting) != 1:
        raise ModelError(f"the model has {len(fitting)} arrays of shape {shape}, expected one")
    return fitting[0]


def _times(quotient: NDArray[np.float32], divisor: float) -> NDArray[np.float32]:
    """Numbers that give exactly this when they are divided."""
    number = (quotient.astype(np.float64) * divisor).astype(np.float32)
    for _ in range(_ULPS):
        off = quotient - (torch.from_numpy(number) / divisor).numpy()
        number = np.where(off == 0, number, np.nextafter(number, np.where(off > 0, np.inf, -np.inf).astype(np.float32)))
    return number


def _compare(old: Path, new: Path, n_bins: int) -> None:
    """Tones, as peaks in noise of any level."""
    rng = np.random.default_rng(0)
    sessions = [open_session(path) for path in (old, new)]
    for number in range(_COMPARED_FRAMES):
        frame = 0.01 * rng.standard_normal((1, 2, n_bins)).astype(np.float32)
        frame[..., int(rng.integers(8, 100)) :: int(rng.integers(8, 100))] += np.float32(0.3)
        frame *= np.float32(10.0 ** rng.uniform(-2.0, 1.0))
        ours, theirs = (session.run(list(OUTPUT_NAMES), inputs_of(session, frame)) for session in sessions)
        for name, mine, other in zip(OUTPUT_NAMES, ours, theirs, strict=True):
            if mine.tobytes() != other.tobytes():
                raise ModelError(f"frame {number} gives another {name!r} than before; nothing was written")


if __name__ == "__main__":
    rewriting(rewrite)()
