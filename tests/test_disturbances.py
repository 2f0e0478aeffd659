"""Foreign sounds of the benchmark, and where they end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from blocks import noise
from click.testing import CliRunner

pytest.importorskip("torch")

from bsep_stream.errors import ConfigError
from bsep_stream.files.separation import separate
from bsep_stream.masks.maskoutput import MaskSettings
from bsep_stream.model.separation_model import SeparationModel
from bsep_stream.train.benchmark.disturbances import NOTHING, disturbed_stems, main, table
from bsep_stream.train.benchmark.foreignsounds import BEAT_DBFS, NOISE_DBFS, SOUNDS, foreign_sound

RATE = 48_000
ROUNDING = 1e-5  # of float32 sums over frames


@pytest.mark.parametrize("name", ["white", "pink"])
def test_noise_has_its_level(name: str) -> None:
    samples = foreign_sound(name, 2 * RATE, RATE, seed=3)
    assert 10 * np.log10(np.mean(np.square(samples))) == pytest.approx(NOISE_DBFS, abs=0.01)
    assert np.array_equal(samples, foreign_sound(name, 2 * RATE, RATE, seed=3))
    assert not np.array_equal(samples, foreign_sound(name, 2 * RATE, RATE, seed=4))


def test_pink_noise_has_the_same_power_in_every_octave() -> None:
    power = np.square(np.abs(np.fft.rfft(foreign_sound("pink", 10 * RATE, RATE))))
    octaves = [power[10 * low : 20 * low].sum() for low in (100, 1000, 8000)]  # 0.1 Hz between bins
    assert np.allclose(octaves, octaves[0], rtol=0.15)  # of some thousand random bins in the lowest


@pytest.mark.parametrize("name", ["clicks", "woodblock", "metronome"])
def test_beats_come_in_time(name: str) -> None:
    samples = foreign_sound(name, 3 * RATE, RATE)
    assert 20 * np.log10(np.abs(samples).max()) == pytest.approx(BEAT_DBFS, abs=0.01)
    for beat in range(5):  # 0.6 s, from half a beat on
        start = round((0.3 + 0.6 * beat) * RATE)
        assert not samples[start - 2000 : start].any()
        assert np.abs(samples[start : start + 500]).max() > 0.09


def test_no_such_sound() -> None:
    with pytest.raises(ConfigError, match=f"one of {', '.join(SOUNDS)}, got 'dog'"):
        foreign_sound("dog", 100, RATE)


@pytest.mark.parametrize("channels", [1, 2])
def test_parts_are_those_of_the_disturbed_mixture(
    models: dict[str, SeparationModel], rng: np.random.Generator, channels: int
) -> None:
    mixture, disturbance = noise(rng, channels, 30_000), noise(rng, 1, 30_000)[0]
    model, mask = models["split_fast"], MaskSettings(excess_db=0.0, places=False)
    of_mixture, of_disturbance = disturbed_stems(model, mixture, disturbance, RATE, mask, "quality")
    stems = separate(model, mixture + disturbance, RATE, output="mask", mask=mask)
    assert np.allclose(of_mixture + of_disturbance, stems, atol=ROUNDING)
    assert np.allclose(of_disturbance.sum(axis=0), disturbance, atol=ROUNDING)


def test_table_has_the_loss_and_the_shares() -> None:
    def row(kind: str, trained: str, sdr_db: float, residual: float | None) -> dict[str, Any]:
        measures = {"stems": [{"name": "flute", "sdr_db": sdr_db}], "mean": {"sdr_db": sdr_db}}
        return {
            "item": "a",
            "kind": kind,
            "trained": trained,
            "measures": measures,
            "residual": residual,
            "stems": residual,
        }

    lines = table(
        [row(NOTHING, "clean", 12.0, None), row("white", "clean", 11.5, 0.25), row("white", "disturbed", 11.75, 0.5)]
    ).splitlines()
    assert lines[2] == "| a | nothing | clean | flute 12.0 | 12.00 | 0.00 | - | - |"
    assert lines[4] == "| a | white | disturbed | flute 11.8 | 11.75 | 0.25 | 50 % | 50 % |"
    assert lines[-2:] == ["| white | clean | 0.50 | 25 % | 25 % |", "| white | disturbed | 0.25 | 50 % | 50 % |"]


def test_without_data_it_says_what_to_do(tmp_path: Path) -> None:
    nothing = CliRunner().invoke(main, [str(tmp_path), "--output", str(tmp_path / "out")])
    assert nothing.exit_code == 2
    assert "found none" in nothing.stderr
