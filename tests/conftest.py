"""Fixtures that more than one file needs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bsep_stream.model import SeparationModel

MODELS = Path(__file__).parent / "models"


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20210407)


@pytest.fixture(scope="session")
def tiny_model_path() -> Path:
    """Two sources, 0.6 and 0.3 of the mixture; n_fft 512, hop 64, 48 kHz."""
    return MODELS / "split.onnx"


@pytest.fixture(scope="session")
def tiny_model(tiny_model_path: Path) -> SeparationModel:
    return SeparationModel(tiny_model_path)


@pytest.fixture(scope="session")
def models() -> dict[str, SeparationModel]:
    """Every tiny model by name; tests/models/make_models.py says what they do."""
    return {path.stem: SeparationModel(path) for path in MODELS.glob("*.onnx")}


@pytest.fixture
def demo_mix() -> Path:
    """The recording that is shipped."""
    path = Path(__file__).resolve().parents[1] / "bsep_stream" / "demo" / "mix.flac"
    if not path.exists():
        pytest.skip("the demo recording is not here")
    return path
