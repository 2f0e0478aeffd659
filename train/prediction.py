"""Prediction without randomness: what the ONNX step does."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from bsep_stream.train.separator import Separator


class Prediction(NamedTuple):
    """Outputs of the ONNX step (docs/design.md), and `dictionary`."""

    direct: Tensor  # (batch, n_sources, 2, n_bins)
    f0_bin: Tensor  # (batch, n_tones)
    inharmonicity: Tensor  # (batch, n_tones)
    width_bins: Tensor  # (batch, n_tones)
    amplitude: Tensor  # (batch, n_tones)
    on: Tensor  # (batch, n_tones)
    coefficients: Tensor  # (batch, n_tones, n_harmonics, 2)
    dictionary: Tensor  # (batch, n_sources, 2, n_bins): spectra of the dictionary tones


def predict(separator: Separator, frames: Tensor) -> Prediction:
    """Tones of frames: complex64 (batch, n_bins), or float32 (batch, 2, n_bins)."""
    raise NotImplementedError
