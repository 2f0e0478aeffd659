"""What a run says in the end: how much it explains, where it does not, and what is probably wrong."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

torch = pytest.importorskip("torch")

from bsep_stream.cli import main
from bsep_stream.train.config.trainconfig import TrainConfig
from bsep_stream.train.learning.assessment import Assessment, assess
from bsep_stream.train.learning.learner import Learner
from bsep_stream.train.learning.run_folder import RunFolder
from bsep_stream.train.learning.verdict import bad_passages, doubling_share, likeness, reach_verdict
from bsep_stream.train.runs.race import Unwatched
from bsep_stream.train.runs.start import start_training

N_FRAMES = 200
NAMES = ("flute", "oboe")
ROWS = np.array([[1.0, 0.3, 0.1, 0.0], [1.0, 0.1, 0.6, 0.3]], np.float32)


@pytest.fixture
def good(rng: np.random.Generator) -> Assessment:
    """Twenty seconds: flute high, oboe low, both always there, a tenth left over."""
    pitches = np.stack([100 * 2 ** rng.uniform(0, 0.5, N_FRAMES), 40 * 2 ** rng.uniform(0, 0.5, N_FRAMES)], axis=1)
    ones = np.ones(N_FRAMES)
    return Assessment(
        take=np.zeros(N_FRAMES, np.int64),
        seconds=0.1 * np.arange(N_FRAMES),
        energy=ones,
        unexplained=0.1 * ones,
        source_energy=np.stack([0.6 * ones, 0.3 * ones], axis=1),
        f0_bin=pitches,
        tone_sources=np.array([0, 1]),
        misfit=0.2 * ones,
        size=ones,
    )


def verdict_sentences(assessment: Assessment, rows: np.ndarray = ROWS) -> tuple[str, ...]:
    return reach_verdict(assessment, rows, NAMES, ["take.wav"]).sentences


def test_good_run_is_told_in_two_sentences(good: Assessment) -> None:
    assert verdict_sentences(good) == (
        "The tones explain 90% of the sound (flute 60%, oboe 30%); 10% is left over.",
        "No passage is explained much worse than the rest.",
    )


def test_passages_that_are_not_explained_are_named(good: Assessment) -> None:
    unexplained = good.unexplained.copy()
    unexplained[120:140] = 0.7  # seconds 12 to 14
    energy = good.energy.copy()
    energy[160:] = 1e-6  # what is nearly silent is no passage, whatever is left of it
    unexplained[160:] = 1e-6
    damaged = replace(good, energy=energy, unexplained=unexplained)
    (passage,) = bad_passages(damaged, ["take.wav"])
    assert (passage.start_seconds, passage.end_seconds) == (12.0, 14.0)
    assert passage.unexplained_share == pytest.approx(0.7)
    assert "Least explained: 0:12 to 0:14 (70% left over)." in verdict_sentences(damaged)


def test_passages_of_several_recordings_say_in_which(good: Assessment) -> None:
    take = (np.arange(N_FRAMES) >= 100).astype(np.int64)
    seconds = good.seconds - 10.0 * take
    unexplained = np.where((take == 1) & (seconds < 2.0), 0.9, good.unexplained)
    damaged = replace(good, take=take, seconds=seconds, unexplained=unexplained)
    verdict = reach_verdict(damaged, ROWS, NAMES, ["a.wav", "b.wav"])
    assert "Least explained: b.wav 0:00 to 0:02 (90% left over)." in verdict.sentences


def test_source_that_learned_nothing_is_told(good: Assessment) -> None:
    silent = replace(good, f0_bin=good.f0_bin * [1.0, 0.0], source_energy=good.source_energy * [1.0, 0.0])
    warnings = reach_verdict(silent, ROWS, NAMES, ["take.wav"]).warnings
    assert len(warnings) == 1
    assert warnings[0].startswith("oboe learned nothing: it is heard in 0% of the recording")


def test_source_that_doubles_another_is_told(good: Assessment) -> None:
    doubled = replace(good, f0_bin=np.stack([good.f0_bin[:, 0], good.f0_bin[:, 0] / 2.0], axis=1))
    warnings = reach_verdict(doubled, ROWS, NAMES, ["take.wav"]).warnings
    assert len(warnings) == 1
    assert "flute and oboe are a unison, octave or twelfth apart in 100% of the time" in warnings[0]
    assert doubling_share(good.f0_bin[:, 0], good.f0_bin[:, 1]) < 0.3


def test_two_sources_of_one_instrument_are_told(good: Assessment, rng: np.random.Generator) -> None:
    rows = np.stack([ROWS[0], 1.1 * ROWS[0]])
    assert likeness(*rows) == pytest.approx(1.0)
    assert reach_verdict(good, rows, NAMES, ["take.wav"]).warnings == ()  # each in a range of its own
    pitches = 60 * 2 ** rng.uniform(0, 1, (N_FRAMES, 2))
    (warning,) = reach_verdict(replace(good, f0_bin=pitches), rows, NAMES, ["take.wav"]).warnings
    assert "flute and oboe learned the same sound in the same range" in warning


def test_one_instrument_in_two_ranges_gets_a_word(good: Assessment) -> None:
    """By the rows that a recorder learned which played with itself, a fifth lower."""
    rows = np.array([[1.0003, 0.0420, 0.0391, 0.0071, 0.0057], [1.0001, 0.0901, 0.0728, 0.0124, 0.0094]], np.float32)
    assert verdict_sentences(good, rows)[-1].startswith("flute and oboe sound alike, as one instrument that plays")
    assert not reach_verdict(good, rows, NAMES, ["take.wav"]).warnings


def test_cost_counts_misfit_and_swaps(good: Assessment) -> None:
    """Both make it larger, the level does not."""
    cost = good.mixture_cost
    assert cost == pytest.approx(0.2 + 0.5 * good.swap_share)
    assert replace(good, misfit=0.3 * np.ones(N_FRAMES)).mixture_cost > cost
    steady = replace(good, f0_bin=np.tile([100.0, 40.0], (N_FRAMES, 1)))
    assert steady.swap_share == 0.0
    swapped = steady.f0_bin.copy()
    swapped[50:100] = swapped[50:100, ::-1]
    assert replace(steady, f0_bin=swapped).swap_share == pytest.approx(2 / (N_FRAMES - 1))  # there and back
    assert replace(steady, f0_bin=swapped).mixture_cost > steady.mixture_cost
    louder = replace(good, energy=9 * good.energy, unexplained=9 * good.unexplained)
    assert louder.mixture_cost == cost


def test_untrained_network_can_be_assessed(duet_config: TrainConfig, rng: np.random.Generator) -> None:
    from bsep_stream.train.session.frames import FrameSource
    from bsep_stream.train.session.recording import Session, Take

    samples = rng.standard_normal(16_000).astype(np.float32)
    session = Session((Take(Path("a.wav"), samples, 2.0, ""),) * 2, 8_000, 1.0)
    frames = FrameSource(session, duet_config.geometry, duet_config.training_hop_length, 0)
    overview = frames.overview(40)
    assert len(overview.seconds) == 40
    assert overview.take.tolist() == [0] * 20 + [1] * 20
    assert np.allclose(np.diff(overview.seconds[:20]), np.diff(overview.seconds[:20])[0], atol=0.02)
    assessment = assess(Learner(duet_config, 0).separator, overview)
    assert assessment.f0_bin.shape == (40, 2)
    assert np.isfinite(assessment.mixture_cost)
    assert 0.0 <= assessment.explained_share <= 1.0


@pytest.mark.usefixtures("quick_search")
def test_run_keeps_its_verdict_and_info_shows_it(duet_config: TrainConfig, duet_path: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    before = start_training([duet_path], duet_config, run)
    assert RunFolder(run).read_sentences() == []
    info = before.run(Unwatched())
    assert info.mixture_cost is not None
    assert RunFolder(run).read_info() == info
    (first, *_) = RunFolder(run).read_sentences()
    assert first.startswith("The tones explain ")
    shown = CliRunner().invoke(main, ["info", str(run)])
    assert shown.exit_code == 0, shown.output
    assert "The tones explain" in shown.output
