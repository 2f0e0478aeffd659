"""The file of a pretrained network, and how one file serves any number of sources."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from bsep_stream.errors import ConfigError
from bsep_stream.files.atomic import whole_file
from bsep_stream.train.config.trainconfig import TrainConfig
from bsep_stream.train.network.separator import Separator

_KEY = "bsep_stream_pretrained"
_FIRST, _HEAD, _MAPS = "network.encoder.0.weight", "network.head_wide.weight", "network.head_maps.weight"


def _is_kept(name: str) -> bool:
    """Whether a tensor of a separator's state is of the network, and not of the instruments of a recording."""
    return name.startswith("network.") or name == "log_scales"


def shipped_network(name: str) -> Path:
    """File of a network that comes with the package.

    Raises
    ------
    ConfigError
        If there is none of that name.
    """
    path = Path(__file__).with_name(f"{name}.safetensors")
    if not path.is_file():
        raise ConfigError(f"no pretrained network {name!r} comes with this package: use the preset scratch")
    return path


def save_network(path: Path, separator: Separator, training: Mapping[str, Any]) -> None:
    """Write the network and the scales of its maps in half precision; what it knew of instruments stays behind.

    Parameters
    ----------
    path : Path
    separator : Separator
    training : mapping
        How it was made, in plain values.
    """
    tensors = {
        name: tensor.detach().to("cpu", torch.float16).contiguous()
        for name, tensor in separator.state_dict().items()
        if _is_kept(name)
    }
    config = separator.config
    values = {"shape": _shape(config), "n_sources": config.n_sources, "training": dict(training)}
    with whole_file(path) as temporary:
        save_file(tensors, temporary, metadata={_KEY: json.dumps(values)})


def start_from_network(separator: Separator, path: Path) -> None:
    """Give a separator the weights of a file; its dictionary and all else stay as they are.

    The sources of the file stand in the order from the highest register to the lowest, and so do those of the
    separator. Where they are not as many, what belongs to one of the sources between the highest and the lowest is
    interpolated between its neighbours in the file.

    Raises
    ------
    ConfigError
        If the file is damaged or its network has another shape.
    """
    try:
        with safe_open(path, framework="pt") as file:
            values = json.loads((file.metadata() or {})[_KEY])
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
        n_known, shape = int(values["n_sources"]), values["shape"]
        if missing := {name for name in separator.state_dict() if _is_kept(name)} - set(tensors):
            raise KeyError(f"without {min(missing)}")
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path} should be a pretrained network, and is none or damaged ({error})") from error
    wanted = _shape(separator.config)
    different = sorted(key for key, value in shape.items() if value != wanted.get(key))
    if different:
        raise ConfigError(
            f"{path} holds a network with other {', '.join(different)} than this training: pretrain one "
            "(python -m bsep_stream.train.pretraining) or use the preset scratch"
        )
    weights = _interpolation(n_known, separator.config.n_sources)
    salience = separator.config.network.salience
    tensors[_FIRST] = _with_inputs(tensors[_FIRST], weights, before=0, salience=salience)
    above = tensors[_HEAD].shape[1] - (6 + 4 * n_known)  # channels of the decoder come first
    tensors[_HEAD] = _with_inputs(tensors[_HEAD], weights, before=above, salience=False)
    maps = tensors[_MAPS]
    by_source = maps.reshape(n_known, -1, *maps.shape[1:])
    tensors[_MAPS] = torch.einsum("ts,smhk->tmhk", weights, by_source).flatten(0, 1)
    separator.load_state_dict(separator.state_dict() | tensors)


def _shape(config: TrainConfig) -> dict[str, Any]:
    """What the weights depend on, but for the number of sources, as JSON gives it back."""
    network = asdict(config.network)
    del network["initial_scales"]  # trained, and in the file
    geometry = {"n_fft": config.geometry.n_fft, "n_bins": config.geometry.n_bins}
    pitches = {"lowest_bin": config.policy.lowest_bin, "highest_bin": config.policy.highest_bin}
    shape: dict[str, Any] = json.loads(json.dumps(network | geometry | pitches))
    return shape


def _interpolation(n_known: int, n_wanted: int) -> Tensor:
    """Shares of known sources in wanted ones, both spread evenly over one line; (n_wanted, n_known), rows of sum 1."""
    known = torch.linspace(0.0, 1.0, n_known)
    wanted = torch.linspace(0.0, 1.0, n_wanted)
    return (1.0 - (wanted[:, None] - known).abs() * max(1, n_known - 1)).clamp_min(0.0)


def _with_inputs(weight: Tensor, shares: Tensor, before: int, salience: bool) -> Tensor:
    """Weights (n_out, channels, kernel) whose input channels are those of another number of sources.

    Parameters
    ----------
    weight : Tensor
    shares : Tensor, shape (n_wanted, n_known)
    before : int
        Channels before those of the network's input, which stay.
    salience : bool
        Whether the input is followed by salience channels.
    """
    n_known = shares.shape[1]
    n_rest = weight.shape[1] - before - 6 - 4 * n_known
    lengths = [before, 3, 2 * n_known, 3, 2 * n_known, n_rest]
    kept, *inputs, rest = torch.split(weight, lengths, dim=1)

    def spread(part: Tensor) -> Tensor:
        by_source = part.reshape(part.shape[0], n_known, -1, part.shape[2])
        return torch.einsum("ts,oscn->otcn", shares, by_source).flatten(1, 2)

    if salience:
        saliences, rest = torch.split(rest, [n_known, n_rest - n_known], dim=1)
        rest = torch.cat([spread(saliences), rest], dim=1)
    first, dictionary, second, direct = inputs
    return torch.cat([kept, first, spread(dictionary), second, spread(direct), rest], dim=1)
