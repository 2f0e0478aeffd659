"""What latency costs: true pitches at the right time, and a table that says what was measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

pytest.importorskip("torch")

from bsep_stream.model.separation_model import SeparationModel
from bsep_stream.report.measures import evaluate
from bsep_stream.stream.hops import HopEngine
from bsep_stream.stream.latency import choose_setting
from bsep_stream.train.benchmark.latencies import main, table
from bsep_stream.train.benchmark.truetones import TrueTonesMaker, tones_at
from bsep_stream.train.benchmark.truth import TrueTones
from bsep_stream.train.config.presets import preset_config
from bsep_stream.train.tones.timbre import Timbre

RATE = 48_000
F0_BIN = (40.3, 57.9)  # 236 and 339 Hz: no harmonics in common below the tenth
LEAST_SDR_DB = {"quality": 20.0, "live": 10.0, 8.0: 6.0}  # of tones a fifth apart; windows of 8 ms leak
BEGIN = 24_000


def harmonic_tone(f0_bin: float, n: int) -> NDArray[np.float32]:
    phase = 2 * np.pi * f0_bin * RATE / 8192 * np.arange(n) / RATE
    return sum(0.1 * 0.8**h * np.sin(h * phase) for h in range(1, 10)).astype(np.float32)  # type: ignore[union-attr]


def by_truth(model: SeparationModel, audio: NDArray[np.float32], tones: TrueTones, latency: str | float) -> Any:
    setting = choose_setting(latency, model.geometry)
    timbre = Timbre(preset_config("fast", model.source_names))
    maker = TrueTonesMaker(model, timbre, tones, setting, channels=1)
    engine = HopEngine(model.geometry, setting, model.n_sources, 1, maker)
    hop, late = setting.hop_samples, setting.algorithmic_samples
    pieces = [engine.process(audio[None, at : at + hop]).copy() for at in range(0, audio.size - hop + 1, hop)]
    return np.concatenate(pieces, axis=-1)[:, 0, late:]


@pytest.mark.parametrize("latency", list(LEAST_SDR_DB))
def test_true_pitches_separate_at_any_latency(models: dict[str, SeparationModel], latency: str | float) -> None:
    true = np.stack([harmonic_tone(f0_bin, RATE) for f0_bin in F0_BIN])
    tones = TrueTones(np.tile(np.float32(F0_BIN)[:, None], 48), np.zeros((2, 48), np.float32))
    stems = by_truth(models["split_fast"], true.sum(axis=0), tones, latency)
    settled = slice(9000, 36_000)
    sdr = evaluate(list(true[:, settled]), list(stems[:, settled])).sdr_db
    assert min(sdr) > LEAST_SDR_DB[latency]


@pytest.mark.parametrize("latency", list(LEAST_SDR_DB))
def test_true_pitches_come_when_they_are_played(models: dict[str, SeparationModel], latency: str | float) -> None:
    """Two sources take turns; whose turn it is, only the truth says, as both play the same tone."""
    audio = harmonic_tone(F0_BIN[0], RATE)
    f0_bin = np.full((2, 48), np.float32(F0_BIN[0]))
    centres = np.arange(48) * 1024
    f0_bin[0, centres >= BEGIN] = 0.0
    f0_bin[1, centres < BEGIN] = 0.0
    first, second = by_truth(models["split_fast"], audio, TrueTones(f0_bin, np.zeros_like(f0_bin)), latency)
    blocks = np.abs(np.stack([first, second])[:, 9216:36_864]).reshape(2, -1, 512).max(axis=2)
    changed = 9216 + 512 * int(np.argmax(blocks[1] > blocks[0]))
    assert abs(changed - BEGIN) < 1536  # the grid of the truth, half of it, and the blocks here


def test_pitches_between_frames() -> None:
    f0_bin = np.array([[100.0, 102.0, 150.0, 0.0]], dtype=np.float32)
    tones = TrueTones(f0_bin, 0.001 * f0_bin)
    for frame, expected in ((-3.0, 100.0), (0.25, 100.5), (1.4, 102.0), (1.6, 150.0), (2.6, 0.0), (9.0, 0.0)):
        assert tones_at(tones, frame)[0] == pytest.approx([expected]), frame


def test_table_has_the_mean_over_the_items_and_what_is_lost() -> None:
    def row(item: str, pitches: str, ms: float, sdr_db: float) -> dict[str, Any]:
        mean = {"sdr_db": sdr_db, "sir_db": 20.0, "sar_db": 15.0}
        return {"item": item, "pitches": pitches, "ms": ms, "measures": {"mean": mean}}

    rows = [
        row(item, pitches, ms, base - loss + more)
        for item, base in (("a", 10.0), ("b", 20.0))
        for pitches, more in (("network", 0.0), ("true f0", 1.5))
        for ms, loss in ((21.3, 2.0), (170.6, 0.0))
    ]
    lines = table(rows).splitlines()
    assert lines[2] == "| 170.6 | 15.0 / 20.0 / 15.0 | 0.0 | 16.5 / 20.0 / 15.0 | 0.0 |"
    assert lines[3] == "| 21.3 | 13.0 / 20.0 / 15.0 | 2.0 | 14.5 / 20.0 / 15.0 | 2.0 |"
    assert lines[-1] == "| b | 20.0, 21.5 | 18.0, 19.5 |"


def test_without_data_or_models_it_says_what_to_do(tmp_path: Path) -> None:
    nothing = CliRunner().invoke(main, [str(tmp_path), "--output", str(tmp_path / "out")])
    assert nothing.exit_code == 2
    assert "found none" in nothing.stderr
