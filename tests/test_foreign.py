"""What no instrument makes stays in the residual: strikes above the tones, and the noise that is always there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from blocks import SUM_TOLERANCE, noise, stream
from click.testing import CliRunner
from numpy.typing import NDArray

from bsep_stream.cli import main
from bsep_stream.files.separation import separate
from bsep_stream.masks.foreign import NoiseFloor, Strikes
from bsep_stream.masks.maskoutput import FOREIGN_TO_STEMS, FOREIGN_TO_STEMS_NEVER, MaskSettings
from bsep_stream.masks.smoothing import BoxMean, lowest_around
from bsep_stream.model.geometry import FrameGeometry
from bsep_stream.model.separation_model import SeparationModel
from bsep_stream.separator import StreamingSeparator

FAST = FrameGeometry(n_fft=8192, n_bins=2048, hop_length=1024)
ROUNDING = 1e-5  # relative, a handful of float32 operations
FLOOR_DB = (-15.0, 0.0)  # minima lie below the mean: 3 s of some hundred frames, a few dozen bins
QUIETER = 0.4  # of the energy of noise that the network takes for tones as strong as itself: half of every bin
FLAT = np.full(2048, 1e-4, dtype=np.float32)  # powers of tones


def ratio(strikes: Strikes, mixture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of the mixture that is no excess."""
    return 1.0 - strikes.excess(mixture, FLAT) / mixture


@pytest.mark.parametrize("exponent", [1.0, 2.0, 3.0])
def test_a_burst_over_many_bins_is_an_excess(exponent: float) -> None:
    mixture = FLAT.copy()
    mixture[1000:1100] *= 10.0 ** (20.0 * exponent / 20.0)  # 20 dB above the tones
    explained = ratio(Strikes(FAST, exponent, 28.0, 14.0), mixture)
    assert np.allclose(explained[:980], 1.0, rtol=ROUNDING)
    assert np.allclose(explained[1020:1080], 10.0 ** (-10.0 * exponent / 20.0), rtol=1e-3)  # 10 dB are tolerated
    assert np.allclose(ratio(Strikes(FAST, exponent, 28.0, None), mixture), 1.0, rtol=ROUNDING)


def test_a_harmonic_out_of_its_place_is_none() -> None:
    mixture = FLAT.copy()
    mixture[1000:1004] *= 500.0  # 27 dB
    assert np.allclose(ratio(Strikes(FAST, 2.0, 28.0, 14.0), mixture), 1.0, rtol=ROUNDING)


def test_low_frequencies_are_not_so_strict() -> None:
    mixture = FLAT * np.float32(100.0)  # 20 dB, everywhere
    explained = ratio(Strikes(FAST, 2.0, 28.0, 14.0), mixture)
    assert np.allclose(explained[:60], 1.0, rtol=ROUNDING)
    assert np.allclose(explained[200:], 0.1, rtol=1e-3)


def test_what_cannot_be_heard_does_not_strike() -> None:
    silent = np.full(2048, 1e-30, dtype=np.float32)
    strikes = Strikes(FAST, 2.0, 28.0, 14.0)
    mixture = np.full(2048, 1e-15, dtype=np.float32)
    mixture[5] = 1e-12
    assert strikes.excess(mixture, silent).max() <= 1e-12


def heard(floor: NoiseFloor, frames: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.stack([floor.hear(frame).copy() for frame in frames])


def noise_moduli(rng: np.random.Generator, n: int, level: float) -> NDArray[np.float32]:
    return (level * rng.rayleigh(np.sqrt(0.5), (n, 2048))).astype(np.float32)


def test_the_floor_is_that_of_the_noise_however_long_a_tone_is_held(rng: np.random.Generator) -> None:
    frames = noise_moduli(rng, 300, 1e-3)
    bins = np.arange(2048)
    for centre in range(43, 2048, 43):  # 252 Hz
        frames += np.exp(-0.5 * ((bins - centre) / FAST.sigma_bins) ** 2).astype(np.float32)
    found = 20 * np.log10(heard(NoiseFloor(FAST, 1024), frames)[-1] / 1e-3)
    assert FLOOR_DB[0] < found.min() <= found.max() < FLOOR_DB[1]


def test_the_floor_is_nothing_until_it_has_heard_three_seconds(rng: np.random.Generator) -> None:
    floor = NoiseFloor(FAST, 1024)
    frames = noise_moduli(rng, 200, 1e-3)
    first = heard(floor, frames)
    frame = int(np.argmax(first.any(axis=1)))
    assert 2.9 < frame * 1024 / 48_000 < 3.1
    floor.reset()
    assert np.array_equal(heard(floor, frames), first)


def test_the_floor_falls_at_once_and_rises_within_four_seconds(rng: np.random.Generator) -> None:
    frames = np.concatenate([noise_moduli(rng, 250, level) for level in (1e-2, 1e-4, 1e-2)])
    level = heard(NoiseFloor(FAST, 1024), frames).mean(axis=1)
    assert level[251] < 1e-4
    assert level[250 + 250 + 100] < 1e-4
    assert level[250 + 250 + 190] > 1e-3


@pytest.mark.parametrize(("n_bins", "reach"), [(257, 5), (50, 16), (10, 9), (7, 6), (10, 1)])
def test_neighbours(rng: np.random.Generator, n_bins: int, reach: int) -> None:
    row = rng.random(n_bins).astype(np.float32)
    around = [row[max(0, k - reach) : k + reach + 1] for k in range(n_bins)]
    lowest, mean = row.copy(), row.copy()
    lowest_around(lowest, reach, np.zeros_like(row))
    BoxMean(reach, n_bins)(mean)
    assert np.array_equal(lowest, [values.min() for values in around])
    assert np.allclose(mean, [values.mean() for values in around], rtol=ROUNDING)


@pytest.mark.parametrize("latency", ["quality", "balanced", "live"])
def test_noise_leaves_the_stems_when_it_is_known(
    models: dict[str, SeparationModel], rng: np.random.Generator, latency: str
) -> None:
    """The network takes all of it for tones."""
    hiss = 0.1 * noise(rng, 1, 6 * 48_000)
    stems = separate(models["split_fast"], hiss, 48_000, output="mask", latency=latency)
    before, after = (np.square(stems[:-1, :, s * 48_000 : (s + 1) * 48_000]).sum() for s in (1, 5))
    assert after < QUIETER * before
    assert np.abs(stems.sum(axis=0) - hiss).max() < SUM_TOLERANCE
    kept = separate(models["split_fast"], hiss, 48_000, output="mask", latency=latency, mask=FOREIGN_TO_STEMS)
    assert np.square(kept[:-1, :, 5 * 48_000 :]).sum() > 0.9 * before


@pytest.mark.parametrize("latency", ["quality", "live"])
def test_blocks_do_not_matter_when_the_noise_is_known(
    models: dict[str, SeparationModel], rng: np.random.Generator, latency: str
) -> None:
    audio = noise(rng, 1, 4 * 48_000)
    separator = StreamingSeparator(models["split_fast"], output="mask", latency=latency)
    first = stream(separator, audio, [1024])
    separator.reset()
    assert np.array_equal(stream(separator, audio, [31, 0, 7000, 1, 640]), first)
    later = first[..., separator.latency_samples :]
    assert np.array_equal(later, separate(models["split_fast"], audio, 48_000, output="mask", latency=latency))


@pytest.mark.parametrize(
    ("word", "mask"), [("residual", MaskSettings()), ("stems", FOREIGN_TO_STEMS), ("strict", FOREIGN_TO_STEMS_NEVER)]
)
def test_the_command_line_says_where_foreign_sound_goes(
    models: dict[str, SeparationModel], rng: np.random.Generator, tmp_path: Path, word: str, mask: MaskSettings
) -> None:
    audio = noise(rng, 1, 4 * 48_000)
    soundfile.write(tmp_path / "mix.wav", audio.T, 48_000, subtype="FLOAT")
    model = models["split_fast"]
    arguments = [str(model.path), str(tmp_path / "mix.wav"), "-o", str(tmp_path / "out"), "--foreign", word]
    result = CliRunner().invoke(main, ["separate", *arguments, "--output-kind", "mask"])
    assert result.exit_code == 0, result.output
    flute, _ = soundfile.read(tmp_path / "out" / "flute.wav", dtype="float32")
    assert np.array_equal(flute, separate(model, audio, 48_000, output="mask", mask=mask)[0, 0])


def test_only_masks_know_foreign_sound(models: dict[str, SeparationModel], tmp_path: Path) -> None:
    soundfile.write(tmp_path / "mix.wav", np.zeros(100), 48_000)
    arguments = [str(models["split_fast"].path), str(tmp_path / "mix.wav"), "-o", str(tmp_path / "out")]
    result = CliRunner().invoke(main, ["separate", *arguments, "--foreign", "strict", "--output-kind", "direct"])
    assert result.exit_code == 2
    assert "--foreign strict goes with masks: add --output-kind mask, this is direct" in result.stderr
