"""What a configuration may ask for that was read from a file: memory and work in bounds, numbers that are numbers."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

from bsep_stream.errors import ConfigError
from bsep_stream.model.metadata import MOST_HARMONICS, check_geometry, check_source_names
from bsep_stream.trust.shown import brief

LARGEST_NUMBER = 1e12
MOST_WEIGHTS = 200e6
"""Of the network; that of the preset paper has 10 million."""
MOST_ROLLOUTS = 1_024
_WHOLE = {
    "n_harmonics": (1, MOST_HARMONICS),
    "batch_size": (1, 10_000),
    "iterations": (1, 10**9),
    "timbre_updates": (0, 1_000),
}


def refuse_unreasonable(config: Any, values: dict[str, Any]) -> None:
    """ConfigError for what no run can be: of a TrainConfig, which stands above this file, and its plain values."""
    check_source_names(config.source_names)
    check_geometry(config.geometry, config.n_sources)
    _check_numbers(values, "configuration")
    for name, (low, high) in _WHOLE.items():
        if not low <= getattr(config, name) <= high:
            raise ConfigError(f"{name} must be {low} to {high}, got {brief(getattr(config, name))}")
    if not 1 <= config.training_hop_length <= config.geometry.n_fft:
        raise ConfigError(f"training_hop_length must be 1 to {config.geometry.n_fft}, got {config.training_hop_length}")
    if not 1 <= config.optimiser.micro_batches <= config.batch_size:
        raise ConfigError(f"micro_batches must be 1 to {config.batch_size}, got {config.optimiser.micro_batches}")
    if len(config.optimiser.betas) != 2 or not all(0.0 <= beta < 1.0 for beta in config.optimiser.betas):
        raise ConfigError(f"betas must be two numbers from 0 to 1, got {brief(config.optimiser.betas)}")
    if not 1 <= config.n_rollouts <= MOST_ROLLOUTS:
        raise ConfigError(f"a frame has at most {MOST_ROLLOUTS} rollouts, got {brief(config.n_rollouts)}")
    network = config.network
    channels = [64, *network.encoder_channels]
    kernels = max(network.kernel_size, network.head_kernel_size, 1)
    weights = 4.0 * kernels * sum(a * b for a, b in pairwise(channels))
    weights += 8.0 * kernels * network.head_channels * (network.head_channels + channels[1])
    if not network.head_channels >= 1 or len(channels) > 17 or weights > MOST_WEIGHTS:
        raise ConfigError(f"a network has at most {MOST_WEIGHTS / 1e6:.0f} million weights in 16 layers")
    lowest, highest = config.policy.lowest_bin, config.policy.highest_bin
    last = config.geometry.n_bins - 1
    if not 0 <= lowest <= (last if highest is None else highest) <= last:
        raise ConfigError(f"lowest_bin and highest_bin must be 0 to {last}, got {brief(lowest)} and {brief(highest)}")


def _check_numbers(value: object, name: str) -> None:
    if isinstance(value, dict):
        for key, each in value.items():
            _check_numbers(each, str(key))
    elif isinstance(value, list | tuple):
        for each in value:
            _check_numbers(each, name)
    elif isinstance(value, float) and not (math.isfinite(value) and abs(value) <= LARGEST_NUMBER):
        raise ConfigError(f"{name} must be a number up to {LARGEST_NUMBER:g}, got {brief(value)}")
