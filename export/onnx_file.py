"""ONNX file of a separator."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bsep_stream.train.config import TrainConfig
from bsep_stream.train.separator import Separator


@dataclass(frozen=True)
class ExportReport:
    """`worst_difference`: largest difference of direct spectra relative to the frame's peak."""

    path: Path
    n_frames: int
    worst_difference: float
    step_ms: float
    file_bytes: int


def export_model(
    separator: Separator,
    config: TrainConfig,
    metadata: dict[str, Any],
    path: Path,
    parity_frames: NDArray[np.complex64],
) -> ExportReport:
    """Write one ONNX; `metadata` holds gain, output, training (the rest is added here)."""
    raise NotImplementedError
