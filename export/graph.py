"""One step of a separator as a graph: a frame in, spectra and tones out (docs/internals.md)."""

from __future__ import annotations

from copy import deepcopy

from torch import Tensor, nn

from bsep_stream.export.network import BlockNetwork
from bsep_stream.train.config.trainconfig import TrainConfig
from bsep_stream.train.network.prediction import predict
from bsep_stream.train.network.separator import Separator

INPUT_NAME = "frame"
OUTPUT_NAMES = (
    "direct",
    "dictionary",
    "f0_bin",
    "inharmonicity",
    "width_bins",
    "amplitude",
    "on",
    "coefficients",
    "timbre",
)


def output_shapes(config: TrainConfig) -> dict[str, tuple[int, ...]]:
    """Shapes of the outputs without the batch."""
    tones = (config.n_tones,)
    shapes: dict[str, tuple[int, ...]] = {name: tones for name in OUTPUT_NAMES}
    shapes["direct"] = shapes["dictionary"] = (config.n_sources, 2, config.geometry.n_bins)
    shapes["coefficients"] = (*tones, config.n_harmonics, 2)
    shapes["timbre"] = (config.n_sources, config.geometry.n_bins)
    return shapes


class SeparationStep(nn.Module):
    """The outputs of the ONNX step for frames of shape (batch, 2, n_bins), in a form that is fast in ONNX Runtime."""

    def __init__(self, separator: Separator) -> None:
        super().__init__()
        self.separator = deepcopy(separator)
        self.separator.add_module("network", BlockNetwork(separator.network))

    def forward(self, frame: Tensor) -> tuple[Tensor, ...]:
        """Outputs in the order of ``OUTPUT_NAMES``."""
        return tuple(predict(self.separator, frame)[: len(OUTPUT_NAMES)])
