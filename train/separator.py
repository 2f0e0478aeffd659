"""Separator: the network, the scales of its maps and the dictionary of harmonics."""

from __future__ import annotations

from torch import nn

from bsep_stream.train.config import TrainConfig


class Separator(nn.Module):
    """Everything that is learned; `.dictionary.relative_amplitudes` is (n_sources, n_harmonics)."""

    def __init__(self, config: TrainConfig) -> None:
        super().__init__()
        self.config = config
        raise NotImplementedError
