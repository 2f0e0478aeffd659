"""Where a training runs."""

from __future__ import annotations

import torch

from bsep_stream.errors import ConfigError

DEVICE_NAMES = ("auto", "cpu", "cuda", "mps")


def resolve_device(name: str) -> torch.device:
    """Device of a name; `auto` is CUDA where there is a GPU, else the CPU.

    MPS is taken only when it is asked for: not every operation that training needs exists there.

    Raises
    ------
    ConfigError
        If the device is unknown or not there.
    """
    if name not in DEVICE_NAMES:
        raise ConfigError(f"the device must be one of {', '.join(DEVICE_NAMES)}, got {name!r}")
    available = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if name == "auto":
        name = "cuda" if available["cuda"] else "cpu"
    if not available[name]:
        there = [known for known, is_there in available.items() if is_there]
        raise ConfigError(f"this machine (or this build of torch) has no {name} device, only {', '.join(there)}")
    return torch.device(name)
