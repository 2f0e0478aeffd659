"""One iteration of training."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from bsep_stream.train.config import TrainConfig
from bsep_stream.train.separator import Separator


@dataclass(frozen=True)
class StepReport:
    """`losses`: mean over frames and rollouts by term: total, dictionary, direct, agreement."""

    losses: dict[str, float]
    finite: bool


class Learner:
    """Network, dictionary, both optimisers and their random generator."""

    separator: Separator
    iteration: int
    dropped_steps: int

    def __init__(self, config: TrainConfig, seed: int, device: torch.device | str = "cpu") -> None:
        raise NotImplementedError

    def step(self, frames: Tensor) -> StepReport:
        """One iteration on frames, shape (batch, n_bins), complex64 (gained mixture)."""
        raise NotImplementedError

    def state_dict(self) -> dict[str, Tensor]:
        """Flat dictionary of tensors (safetensors can hold it): network, dictionary, optimisers, generator, counters."""
        raise NotImplementedError

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Inverse of state_dict; RunError if it does not fit."""
        raise NotImplementedError
