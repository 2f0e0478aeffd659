"""Latency that one can choose: what is declared is what an impulse measures, and nothing else changes."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from blocks import ROUNDING, SUM_TOLERANCE, noise, stream
from click.testing import CliRunner

from bsep_stream.cli import main
from bsep_stream.errors import ConfigError
from bsep_stream.files.separation import separate
from bsep_stream.masks.maskoutput import MaskSettings
from bsep_stream.model.geometry import FrameGeometry
from bsep_stream.model.separation_model import SeparationModel
from bsep_stream.separator import StreamingSeparator
from bsep_stream.stream import hops
from bsep_stream.stream.latency import LatencySetting, choose_setting, latency_settings
from bsep_stream.stream.windows import stream_windows

FAST = FrameGeometry(n_fft=8192, n_bins=2048, hop_length=1024)  # of the preset fast
PAPER = FrameGeometry()
RATES = [22_050, 32_000, 44_100, 48_000, 88_200, 96_000]
BLOCK_SIZES = [1, 63, 512, 4096]
TINY_SETTINGS = [setting.name for setting in latency_settings(FrameGeometry(48_000, 512, 257, 64, 64.0))]
SMALL_OBJECTS = 8192  # views, integers and frames of Python; the smallest array of a hop has as many bytes
LEAST_IMPULSE = 0.4  # at 96 kHz the model has half of its band


def total_ms(model: SeparationModel, name: str, rate: int = 48_000) -> float:
    """The wish, in milliseconds, that just allows a setting at a sample rate."""
    setting = next(setting for setting in latency_settings(model.geometry) if setting.name == name)
    return 1000 * StreamingSeparator(model, sample_rate=rate)._ledger(setting).total_samples / rate


@pytest.mark.parametrize("geometry", [FAST, PAPER])
def test_names_keep_what_they_promise(geometry: FrameGeometry) -> None:
    quality, balanced, live = (choose_setting(name, geometry) for name in ("quality", "balanced", "live"))
    assert quality == LatencySetting(
        "quality", geometry.n_fft, geometry.hop_length, geometry.hop_length, reach_samples=None
    )
    for setting, most_ms, least_ms in ((balanced, 75.0, 70.0), (live, 23.0, 20.0)):
        ms = 1000 * (setting.algorithmic_samples + setting.adaptation_samples) / geometry.sample_rate
        assert least_ms < ms <= most_ms


@pytest.mark.parametrize(
    "geometry", [FAST, PAPER, replace(FAST, sigma_samples=37.3), replace(FAST, n_fft=64, n_bins=33, hop_length=64)]
)
def test_settings_go_from_late_to_soon(geometry: FrameGeometry) -> None:
    settings = latency_settings(geometry)
    lengths = [setting.synthesis_samples for setting in settings]
    assert lengths == sorted(set(lengths), reverse=True)
    for setting in settings:
        assert setting.algorithmic_samples + setting.adaptation_samples == setting.synthesis_samples - 1
        assert setting.network_hop_samples % setting.hop_samples == 0


def test_the_soonest_is_below_ten_milliseconds() -> None:
    assert choose_setting(10.0, FAST).synthesis_samples - 1 < 480


@pytest.mark.parametrize("geometry", [FAST, FrameGeometry(48_000, 512, 257, 64, 64.0)])
def test_windows_give_the_mixture_back(geometry: FrameGeometry) -> None:
    for setting in latency_settings(geometry):
        windows = stream_windows(geometry, setting)
        length, hop = setting.synthesis_samples, setting.hop_samples
        product = windows.analysis[-length:].astype(np.float64) * windows.synthesis
        periods = np.zeros(-(-length // hop) * hop)
        periods[:length] = product
        assert np.allclose(periods.reshape(-1, hop).sum(axis=0), 1.0, atol=ROUNDING)


def test_the_network_does_not_hear_the_future() -> None:
    for setting in latency_settings(FAST)[1:]:
        network = stream_windows(FAST, setting).network
        assert network is not None
        assert setting.reach_samples is not None
        assert len(network) == FAST.n_fft // 2 + setting.reach_samples
        assert network.argmax() == FAST.n_fft // 2
        assert network[-1] < 1e-5 * network.max()  # softly cut


@pytest.mark.parametrize("latency", [12, 30.0, 74.66, 170.0, 171.0, 1e6])
def test_a_number_is_the_best_that_is_not_above_it(models: dict[str, SeparationModel], latency: float) -> None:
    for rate in (48_000, 44_100):
        separator = StreamingSeparator(models["split_fast"], sample_rate=rate, latency=latency)
        assert 1000 * separator.latency_samples / rate <= latency
        better = [s for s in latency_settings(FAST) if s.synthesis_samples > separator.setting.synthesis_samples]
        if better:
            assert 1000 * separator._ledger(better[-1]).total_samples / rate > latency


@pytest.mark.parametrize(
    "latency", ["", "quick", "-3", 0, -1.0, float("nan"), float("inf"), None, "1e999", [21.3], np.ones(2)]
)
def test_wishes_that_make_no_sense(latency: str | float) -> None:
    with pytest.raises(ConfigError, match="must be quality, balanced, live or a number of milliseconds, got"):
        choose_setting(latency, FAST)


def test_too_soon_is_told_with_what_is_possible(models: dict[str, SeparationModel]) -> None:
    with pytest.raises(ConfigError, match=r"at least 5.31 ms for this model and sample rate, got 5"):
        StreamingSeparator(models["split_fast"], latency=5)
    with pytest.raises(ConfigError, match=r"at least 8.\d\d ms"):
        StreamingSeparator(models["split_fast"], sample_rate=44_100, latency="5.4")


@pytest.mark.parametrize("output", ["direct", "dictionary"])
def test_tones_themselves_are_for_quality_only(models: dict[str, SeparationModel], output: str) -> None:
    with pytest.raises(ConfigError, match=f"'{output}' has the latency 'quality' only, got 21.3 ms; take .* 'mask'"):
        StreamingSeparator(models["split_fast"], output=output, latency="live")


@pytest.mark.parametrize("sizes", [[1], [4096], [31, 0, 700, 1, 64]], ids=str)
@pytest.mark.parametrize(("rate", "channels"), [(48_000, 1), (44_100, 2)])
@pytest.mark.parametrize("name", TINY_SETTINGS[1::3])
def test_blocks_do_not_matter(
    models: dict[str, SeparationModel],
    rng: np.random.Generator,
    name: str,
    rate: int,
    channels: int,
    sizes: list[int],
) -> None:
    audio = noise(rng, channels, 1777)
    latency = total_ms(models["bands"], name, rate)
    separator = StreamingSeparator(models["bands"], sample_rate=rate, channels=channels, output="mask", latency=latency)
    streamed = stream(separator, audio, sizes)[..., separator.latency_samples :]
    assert np.array_equal(streamed, separate(models["bands"], audio, rate, output="mask", latency=latency))


@pytest.mark.parametrize(
    ("rate", "latency", "block_size"),
    [
        (rate, name, size)
        for i, rate in enumerate(RATES)
        for j, name in enumerate(TINY_SETTINGS)
        for size in (BLOCK_SIZES[(i + j) % 4], BLOCK_SIZES[(i + j + 1) % 4])
    ],
)
def test_impulse_arrives_after_the_declared_latency(
    models: dict[str, SeparationModel], rng: np.random.Generator, latency: str, rate: int, block_size: int
) -> None:
    audio = 1e-3 * noise(rng, 1, 1500)  # so that there are tones, and the masks are 1, before the impulse comes
    audio[0, 901] = 1.0
    separator = StreamingSeparator(
        models["allpass"],
        sample_rate=rate,
        output="mask",
        mask=MaskSettings(floor_db=-300),
        latency=total_ms(models["allpass"], latency, rate),
    )
    assert separator.setting.name == latency
    arrived = stream(separator, audio, [block_size])[0, 0]
    assert np.argmax(np.abs(arrived)) == 901 + separator.latency_samples
    assert np.abs(arrived).max() > LEAST_IMPULSE


@pytest.mark.parametrize("name", TINY_SETTINGS)
@pytest.mark.parametrize(("rate", "channels"), [(48_000, 2), (22_050, 1)])
def test_stems_sum_to_the_delayed_mixture(
    models: dict[str, SeparationModel], rng: np.random.Generator, name: str, rate: int, channels: int
) -> None:
    audio = noise(rng, channels, 3000)
    latency = total_ms(models["split"], name, rate)
    separator = StreamingSeparator(models["split"], sample_rate=rate, channels=channels, output="mask", latency=latency)
    stems = stream(separator, audio, [999])
    total = stems.sum(axis=0)
    assert np.abs(total[:, : separator.latency_samples]).max() < SUM_TOLERANCE
    assert np.abs(total[:, separator.latency_samples :] - audio).max() < SUM_TOLERANCE
    assert np.abs(stems[1]).max() > np.abs(stems[0]).max() > 0.01  # timbre 0.5 and 0.2 of the frame


@pytest.mark.parametrize("name", TINY_SETTINGS)
def test_masks_of_one_give_the_mixture_back(
    models: dict[str, SeparationModel], rng: np.random.Generator, name: str
) -> None:
    model = models["allpass"]
    audio = noise(rng, 1, 3000)
    settings = MaskSettings(floor_db=-300)
    stems = separate(model, audio, 48_000, output="mask", mask=settings, latency=total_ms(model, name))
    late = model.geometry.n_fft  # the network must have heard something
    assert np.abs(stems[0] - audio)[:, late:].max() < ROUNDING


def test_future_does_not_change_the_past(models: dict[str, SeparationModel], rng: np.random.Generator) -> None:
    first = noise(rng, 1, 4000)
    second = first.copy()
    second[:, 3001:] = noise(rng, 1, 999)
    one, two = (
        StreamingSeparator(models["bands"], output="mask", latency=2.0).process(audio) for audio in (first, second)
    )
    assert np.array_equal(one[..., :3001], two[..., :3001])
    assert not np.array_equal(one, two)


def test_streams_of_different_latency_share_a_model(
    models: dict[str, SeparationModel], rng: np.random.Generator
) -> None:
    audio = noise(rng, 1, 3000)
    wishes = ("quality", 4.0, 1.0)
    alone = [StreamingSeparator(models["bands"], output="mask", latency=wish).process(audio) for wish in wishes]
    together = [StreamingSeparator(models["bands"], output="mask", latency=wish) for wish in wishes]
    pieces = [[one.process(audio[:, at : at + 50]) for one in together] for at in range(0, 3000, 50)]
    for expected, parts in zip(alone, zip(*pieces, strict=True), strict=True):
        assert np.array_equal(np.concatenate(parts, axis=-1), expected)


def test_a_network_that_fails_leaves_everything_in_the_residual(
    models: dict[str, SeparationModel], rng: np.random.Generator
) -> None:
    audio = noise(rng, 1, 3000)
    stems = separate(models["broken"], audio, 48_000, output="mask", latency=2.0)
    assert np.array_equal(stems[0], np.zeros_like(audio))
    assert np.array_equal(stems[1], audio)


def test_reset_is_like_new(models: dict[str, SeparationModel], rng: np.random.Generator) -> None:
    audio = noise(rng, 1, 3000)
    separator = StreamingSeparator(models["bands"], output="mask", latency=2.0)
    new = stream(separator, audio, [500])
    separator.process(audio[:, :1234])
    separator.reset()
    assert np.array_equal(stream(separator, audio, [77]), new)


@pytest.mark.slow
@pytest.mark.parametrize("latency", ["quality", "balanced", "live"])
@pytest.mark.parametrize(
    ("rate", "channels", "block_size"),
    [(48_000, 1, 512), (48_000, 2, 300), (48_000, 2, 5000), (44_100, 1, 512), (44_100, 2, 5000), (96_000, 2, 300)],
)
def test_nothing_but_the_returned_array_is_allocated(
    models: dict[str, SeparationModel],
    rng: np.random.Generator,
    rate: int,
    channels: int,
    block_size: int,
    latency: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hops, "_ROOM", 1)  # frames for which a queue has memory: they move all the sooner
    separator = StreamingSeparator(models["split_fast"], sample_rate=rate, channels=channels, latency=latency)
    block = noise(rng, channels, block_size)
    for _ in range(-(-30_000 * rate // 48_000 // block_size)):  # until every queue has been moved once
        separator.process(block)
    tracemalloc.start()
    try:
        most = 0
        for _ in range(-(-40_000 * rate // 48_000 // block_size)):
            before = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            stems = separator.process(block)
            most = max(most, tracemalloc.get_traced_memory()[1] - before - stems.nbytes)
            del stems
    finally:
        tracemalloc.stop()
    assert most < SMALL_OBJECTS


def test_files_are_separated_as_the_stream_would(
    models: dict[str, SeparationModel], rng: np.random.Generator, tmp_path: Path
) -> None:
    mixture = noise(rng, 1, 12_000)
    soundfile.write(tmp_path / "mix.wav", mixture.T, 48_000, subtype="FLOAT")
    model = models["split_fast"]
    for latency in ("live", "30"):
        arguments = [str(model.path), str(tmp_path / "mix.wav"), "--output", str(tmp_path / latency)]
        result = CliRunner().invoke(main, ["separate", *arguments, "--latency", latency])
        assert result.exit_code == 0, result.output
        flute, _ = soundfile.read(tmp_path / latency / "flute.wav", dtype="float32")
        assert np.array_equal(flute, separate(model, mixture, 48_000, latency=latency)[0, 0])
    too_soon = CliRunner().invoke(main, ["separate", *arguments, "--latency", "1"])
    assert too_soon.exit_code == 2
    assert "at least 5.31 ms" in too_soon.stderr


@pytest.mark.parametrize("name", TINY_SETTINGS)
def test_a_stream_that_begins_later_soon_has_the_same_bits(
    models: dict[str, SeparationModel], rng: np.random.Generator, name: str
) -> None:
    """What the live engine relies on when it gives up what waits."""
    model = models["bands"]
    audio = noise(rng, 1, 4000)
    whole, later = (StreamingSeparator(model, output="mask", latency=total_ms(model, name)) for _ in range(2))
    begin = 5 * whole.setting.network_hop_samples
    settled = begin + model.geometry.n_fft + whole.setting.network_hop_samples + whole.latency_samples
    expected, got = whole.process(audio), later.process(audio[:, begin:])
    assert settled < 3500
    assert np.array_equal(got[..., settled - begin :], expected[..., settled:])
    assert not np.array_equal(got[..., : settled - begin], expected[..., begin:settled])
