"""What another level or an offset costs, as the benchmark measures it."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from bsep_stream import demo
from bsep_stream.masks.outputs import Listener
from bsep_stream.model.separation_model import SeparationModel
from bsep_stream.train.benchmark.levels import AS_IT_IS, changes, table, unaided


def test_changes_are_what_they_are_called(rng: np.random.Generator) -> None:
    audio = (0.1 * rng.standard_normal((2, 4_000))).astype(np.float32)
    found = {name: (gain, change(audio)) for name, (gain, change) in changes(48_000).items()}
    assert np.array_equal(found[AS_IT_IS][1], audio)
    gain, louder = found["+20 dB"]
    assert gain == pytest.approx(10.0)
    assert np.allclose(louder, 10.0 * audio)
    gain, shifted = found["offset 0.03"]
    assert gain == 1.0
    assert np.allclose(shifted - audio, 0.03, atol=1e-6)
    rumble = found["20 Hz of 0.1"][1] - audio
    assert np.abs(rumble[:, 600] - 0.1).max() < 1e-6  # a quarter of its period


def test_without_help_everything_is_heard_as_it_comes() -> None:
    if not demo.MODEL.exists():
        pytest.skip("there is no shipped model")
    usual, plain = Listener(SeparationModel(demo.MODEL)), Listener(model := unaided(demo.MODEL))
    spectrum = np.zeros(model.geometry.n_fft // 2 + 1, np.complex64)
    spectrum[60] = 1e-3
    for _ in range(100):
        usual.hear(spectrum)
        plain.hear(spectrum)
    assert usual.level > plain.level == 1.0


def test_losses_are_those_against_the_mixture_as_it_is() -> None:
    rows = [
        {"item": item, "change": change, "sdr_db": sdr, "unaided_sdr_db": plain}
        for item, change, sdr, plain in [
            ("a", AS_IT_IS, 12.0, 12.0),
            ("a", "-40 dB", 11.5, 8.0),
            ("b", AS_IT_IS, 20.0, 20.0),
            ("b", "-40 dB", 20.0, 18.0),
        ]
    ]
    lines = table(rows).splitlines()
    assert lines[3] == "| a | -40 dB | 11.50 | 0.50 | 8.00 | 4.00 |"
    assert lines[-1] == "| mean | -40 dB | - | 0.25 | - | 3.00 |"
