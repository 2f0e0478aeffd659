"""A metronome: known strikes are found again in every frame, and stay in the residual; nothing else does."""

from __future__ import annotations

import json
import shutil
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from blocks import noise
from click.testing import CliRunner

from bsep_stream.cli import main as cli
from bsep_stream.errors import ConfigError, ModelError
from bsep_stream.files.separation import separate
from bsep_stream.masks.maskoutput import FOREIGN_TO_STEMS
from bsep_stream.masks.metronome import Metronome, believed, periods_text
from bsep_stream.model.geometry import FrameGeometry
from bsep_stream.model.separation_model import METADATA_KEY, SeparationModel
from bsep_stream.model.strikes import Strike
from bsep_stream.report.info import describe

GEOMETRY = FrameGeometry(sample_rate=48_000, n_fft=4096, n_bins=1024, hop_length=512, sigma_samples=512.0)
MIDDLE = 20
SAFETY_DB = 4.77


def strike(rng: np.random.Generator, geometry: FrameGeometry = GEOMETRY, level: float = 0.1) -> Strike:
    moduli = (level * rng.uniform(0.5, 1.0, geometry.n_bins)).astype(np.float32)
    return Strike(moduli, np.arange(geometry.n_bins // 2, geometry.n_bins), 0.5)


def frames_of(known: Strike, level: float = 1.0, middle: int = MIDDLE, n_frames: int = 40) -> np.ndarray:
    """Moduli (n_frames, n_bins) of a strike in the middle of a frame, as the window of the geometry sees it."""
    hops = np.arange(n_frames) - middle
    window = np.exp(-0.5 * (hops * GEOMETRY.hop_length / GEOMETRY.sigma_samples) ** 2)
    return (level * window[:, None] * known.moduli).astype(np.float32)


def heard(metronome: Metronome, frames: np.ndarray) -> np.ndarray:
    return np.array([metronome.hear(frame).copy() for frame in frames])


def decibels(moduli: np.ndarray, against: np.ndarray) -> float:
    return 20.0 * float(np.log10(np.median(moduli / against)))


def test_a_strike_is_found_where_it_is_and_as_strong_as_it_is(rng: np.random.Generator) -> None:
    known = strike(rng)
    for level in (1.0, 0.5, 1.3):
        found = heard(Metronome([known], GEOMETRY, GEOMETRY.hop_length), frames_of(known, level))
        assert decibels(found[MIDDLE], level * known.moduli) == pytest.approx(SAFETY_DB, abs=1.0)
        assert not found[: MIDDLE - 3].any()
        assert not found[MIDDLE + 4 :].any()


def test_a_tone_that_is_there_all_the_time_is_no_strike(rng: np.random.Generator) -> None:
    known = strike(rng)
    found = heard(Metronome([known], GEOMETRY, GEOMETRY.hop_length), np.repeat(known.moduli[None], 40, axis=0))
    assert not found[10:].any()


def test_music_in_some_of_its_bins_does_not_make_it_stronger(rng: np.random.Generator) -> None:
    known = strike(rng)
    frames = frames_of(known)
    played = known.bins[known.bins // 64 % 2 == 0]
    frames[:, played] += 10.0 * known.moduli.max() * (np.arange(40) >= MIDDLE - 1)[:, None]
    found = heard(Metronome([known], GEOMETRY, GEOMETRY.hop_length), frames)
    assert decibels(found[MIDDLE], known.moduli) < SAFETY_DB + 3.0


def test_something_far_louder_is_taken_for_no_more_than_twice_the_strike(rng: np.random.Generator) -> None:
    known = strike(rng)
    found = heard(Metronome([known], GEOMETRY, GEOMETRY.hop_length), frames_of(known, 30.0))
    assert decibels(found[MIDDLE], known.moduli) == pytest.approx(SAFETY_DB + 3.0, abs=0.1)


def test_what_is_faint_is_not_believed() -> None:
    assert believed(-1.0) == believed(0.0) == believed(10**-2.5) == 0.0
    assert 0.0 < believed(10**-2.1) < 10**-2.1
    assert believed(0.5) == 0.5


def test_reset_forgets(rng: np.random.Generator) -> None:
    known = strike(rng)
    metronome = Metronome([known], GEOMETRY, GEOMETRY.hop_length)
    fresh = heard(metronome, frames_of(known))
    metronome.reset()
    assert np.array_equal(heard(metronome, frames_of(known)), fresh)


def test_nothing_is_allocated(rng: np.random.Generator) -> None:
    known = strike(rng)
    metronome, frames = Metronome([known, known], GEOMETRY, GEOMETRY.hop_length), frames_of(known)
    heard(metronome, frames)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        for frame in frames:
            metronome.hear(frame)
        most = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert most < 4 * GEOMETRY.n_bins  # bytes of an array of moduli; a partition takes 2.8 kB, however long it is


def test_strikes_go_through_json(rng: np.random.Generator) -> None:
    known = strike(rng)
    again = Strike.from_dict(json.loads(json.dumps(known.to_dict())), GEOMETRY.n_bins)
    assert np.allclose(again.moduli, known.moduli, rtol=1e-3)
    assert np.array_equal(again.bins, known.bins)
    assert again.period_seconds == known.period_seconds


@pytest.mark.parametrize("change", ["no moduli", "fewer", "outside", "no bins", "not finite", "zero"])
def test_damaged_strikes_are_refused(change: str, rng: np.random.Generator) -> None:
    values = strike(rng).to_dict()
    n_bins = GEOMETRY.n_bins
    values |= {
        "no moduli": {"moduli": None},
        "fewer": {"moduli": values["moduli"][1:]},
        "outside": {"bins": [n_bins]},
        "no bins": {"bins": []},
        "not finite": {"moduli": [float("nan")] * n_bins},
        "zero": {"moduli": [0.0] * n_bins},
    }[change]
    with pytest.raises(ConfigError, match="metronome"):
        Strike.from_dict(values, n_bins)


def test_periods_are_told_in_words() -> None:
    assert periods_text([0.6, 2.4]) == "strikes every 0.60 s and every 2.40 s"
    assert periods_text([0.6, 0.601]) == "strikes every 0.60 s"


def with_metronome(path: Path, strikes: list[dict[str, object]], to: Path) -> Path:
    """A copy of a model that knows a metronome."""
    onnx = pytest.importorskip("onnx")
    shutil.copy(path, to)
    model = onnx.load(str(to))
    (entry,) = (entry for entry in model.metadata_props if entry.key == METADATA_KEY)
    entry.value = json.dumps(json.loads(entry.value) | {"metronome": strikes})
    onnx.save(model, str(to))
    return to


def test_a_model_with_a_metronome_keeps_it_out_of_the_stems(
    tiny_model_path: Path, tmp_path: Path, rng: np.random.Generator
) -> None:
    without = SeparationModel(tiny_model_path)
    geometry = without.geometry
    click = np.zeros(geometry.n_fft, np.float32)
    click[geometry.n_fft // 2] = 0.5
    moduli = np.abs(geometry.analyse(click[None])[0, : geometry.n_bins]).astype(np.float32)
    known = Strike(moduli, np.arange(geometry.n_bins // 4, geometry.n_bins), 0.5)
    model = SeparationModel(with_metronome(tiny_model_path, [known.to_dict()], tmp_path / "model.onnx"))
    assert without.metronome == ()
    assert len(model.metronome) == 1

    n_samples = 16 * geometry.n_fft
    sound = 0.02 * noise(rng, 1, n_samples)
    sound[0, n_samples // 2] += 0.5
    rate = geometry.sample_rate
    heard_by = {name: separate(m, sound, rate, output="mask") for name, m in (("with", model), ("without", without))}
    near = slice(n_samples // 2 - 8, n_samples // 2 + 8)
    struck = {name: np.abs(np.asarray(stems)[:-1, 0, near].sum(axis=0)).max() for name, stems in heard_by.items()}
    assert struck["with"] < 0.7 * struck["without"]
    for stems in heard_by.values():
        assert np.allclose(np.asarray(stems).sum(axis=0), sound, atol=1e-6)
    allowed = [np.asarray(separate(m, sound, rate, output="mask", mask=FOREIGN_TO_STEMS)) for m in (model, without)]
    assert np.array_equal(*allowed)


def test_info_says_so(tiny_model_path: Path, tmp_path: Path) -> None:
    n_bins = SeparationModel(tiny_model_path).geometry.n_bins
    strikes = [{"moduli": [1.0] * n_bins, "bins": [0], "period_seconds": period} for period in (0.6, 2.4)]
    path = with_metronome(tiny_model_path, strikes, tmp_path / "m.onnx")
    assert describe(path)["metronome_seconds"] == [0.6, 2.4]
    assert "strikes every 0.60 s and every 2.40 s" in CliRunner().invoke(cli, ["info", str(path)]).stdout
    assert "metronome" not in CliRunner().invoke(cli, ["info", str(tiny_model_path)]).stdout


def test_a_model_with_a_damaged_metronome_is_refused(tiny_model_path: Path, tmp_path: Path) -> None:
    path = with_metronome(tiny_model_path, [{"moduli": [1.0], "bins": [0], "period_seconds": 1.0}], tmp_path / "m.onnx")
    with pytest.raises(ModelError, match="damaged metadata"):
        SeparationModel(path)
