"""The laws of a stream: nothing depends on the blocks, nothing is lost, the latency is exact."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from blocks import ROUNDING, SUM_TOLERANCE, noise, stream
from numpy.typing import NDArray

from bsep_stream.files.separation import separate
from bsep_stream.masks.maskoutput import MaskSettings
from bsep_stream.model.separation_model import SeparationModel
from bsep_stream.model.step import Stepper
from bsep_stream.separator import StreamingSeparator

HOP, WIN_LENGTH = 64, 512  # of the tiny models
BLOCKS = [[1], [3], [HOP - 1], [HOP], [HOP + 1], [1024], [5, 0, 700, 1, 64, 2000]]
RATES = [22_050, 32_000, 44_100, 48_000, 88_200, 96_000]
# (model, sample rate, channels, output): every branch of the stream at least once
STREAMS = [
    ("bands", 48_000, 1, "direct"),
    ("bands", 48_000, 2, "mask"),
    ("square", 44_100, 2, "direct"),
    ("split", 96_000, 1, "mask"),
    ("split", 48_000, 2, "dictionary"),
    ("split_fast", 48_000, 1, "mask"),
    ("split_fast", 22_050, 2, "direct"),
]
BAND_LIMITED = 1e-4  # two resamplers with stop bands near -100 dB


@pytest.mark.parametrize("sizes", BLOCKS, ids=str)
@pytest.mark.parametrize(("name", "rate", "channels", "output"), STREAMS)
def test_blocks_do_not_matter(
    models: dict[str, SeparationModel],
    rng: np.random.Generator,
    name: str,
    rate: int,
    channels: int,
    output: str,
    sizes: list[int],
) -> None:
    audio = noise(rng, channels, 3 * WIN_LENGTH + 777)
    separator = StreamingSeparator(models[name], sample_rate=rate, channels=channels, output=output)
    streamed = stream(separator, audio, sizes)[..., separator.latency_samples :]
    assert np.array_equal(streamed, separate(models[name], audio, rate, output=output))


@pytest.mark.parametrize("n", [0, 1, HOP - 1, HOP, HOP + 1, WIN_LENGTH, 48_000])
@pytest.mark.parametrize("rate", [48_000, 44_100])
def test_output_is_as_long_as_the_input(
    tiny_model: SeparationModel, rng: np.random.Generator, rate: int, n: int
) -> None:
    audio = noise(rng, 2, n)
    separator = StreamingSeparator(tiny_model, sample_rate=rate, channels=2)
    before = audio.copy()
    assert separator.process(audio).shape == (3, 2, n)
    assert separator.flush().shape == (3, 2, separator.latency_samples)
    assert np.array_equal(audio, before)
    assert separate(tiny_model, audio, rate).shape == (3, 2, n)


@pytest.mark.parametrize(("name", "rate", "channels", "output"), STREAMS)
def test_future_does_not_change_the_past(
    models: dict[str, SeparationModel], rng: np.random.Generator, name: str, rate: int, channels: int, output: str
) -> None:
    first = noise(rng, channels, 12_000)
    second = first.copy()
    second[:, 10_001:] = noise(rng, channels, 1_999)
    one, two = (
        StreamingSeparator(models[name], sample_rate=rate, channels=channels, output=output).process(audio)
        for audio in (first, second)
    )
    assert np.array_equal(one[..., :10_001], two[..., :10_001])
    assert not np.array_equal(one, two)


@pytest.mark.parametrize("block_size", [1, 64, 777, 4096])
@pytest.mark.parametrize("rate", RATES)
def test_impulse_arrives_after_the_declared_latency(
    models: dict[str, SeparationModel], rate: int, block_size: int
) -> None:
    audio = np.zeros((1, 3000), dtype=np.float32)
    audio[0, 901] = 1.0
    separator = StreamingSeparator(models["allpass"], sample_rate=rate, output="direct")
    arrived = stream(separator, audio, [block_size])
    assert np.argmax(np.abs(arrived[0, 0])) == 901 + separator.latency_samples


@pytest.mark.parametrize("rate", RATES)
def test_stems_are_aligned_below_the_sample(models: dict[str, SeparationModel], rate: int) -> None:
    time = np.arange(6000) / rate
    audio = (0.8 * np.sin(2 * np.pi * 3000 * time)).astype(np.float32)
    stems = separate(models["allpass"], audio, rate, output="direct")
    middle = slice(1000, 5000)  # the ends of a cut tone are not band-limited
    assert np.abs(stems[0, 0] - audio)[middle].max() < BAND_LIMITED


def test_latency_is_the_least_that_any_block_size_allows(tiny_model: SeparationModel, rng: np.random.Generator) -> None:
    separator = StreamingSeparator(tiny_model)
    waiting = []
    for sample in noise(rng, 1, 3 * WIN_LENGTH)[0]:
        separator.process(np.array([sample]))
        waiting.append(len(separator._sources))
    assert min(waiting) == 0


@pytest.mark.parametrize("rate", RATES)
def test_ledger_sums_up(tiny_model: SeparationModel, rate: int) -> None:
    separator = StreamingSeparator(tiny_model, sample_rate=rate)
    parts = asdict(separator.latency)
    assert all(isinstance(value, int) and value >= 0 for value in parts.values())
    assert sum(parts.values()) == separator.latency_samples == separator.latency.total_samples
    assert (parts["resampler_samples"] == 0) == (rate == 48_000)
    if rate == 48_000:
        assert (parts["algorithmic_samples"], parts["adaptation_samples"]) == (WIN_LENGTH - HOP, HOP - 1)


@pytest.mark.parametrize("rate", [48_000, 44_100])
@pytest.mark.parametrize("how", ["reset", "flush", "error"])
def test_reset_is_like_new(
    models: dict[str, SeparationModel],
    rng: np.random.Generator,
    monkeypatch: pytest.MonkeyPatch,
    rate: int,
    how: str,
) -> None:
    audio = noise(rng, 1, 4000)
    separator = StreamingSeparator(models["bands"], sample_rate=rate)
    new = stream(separator, audio, [500])
    separator.process(audio[:, :1234])
    if how == "flush":
        separator.flush()
    elif how == "error":
        with monkeypatch.context() as patch:
            patch.setattr(Stepper, "__call__", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                separator.process(audio)
    if how != "flush":  # a flush ends the stream; what follows is another one
        separator.reset()
    assert np.array_equal(stream(separator, audio, [500]), new)


def test_streams_share_nothing(models: dict[str, SeparationModel], rng: np.random.Generator) -> None:
    audio = noise(rng, 2, 4000)
    alone = [stream(StreamingSeparator(models["bands"]), channel[None], [100]) for channel in audio]
    both = [StreamingSeparator(models["bands"]) for _ in audio]
    pieces: list[list[NDArray[np.float32]]] = [[], []]
    for start in range(0, 4000, 100):
        for separator, channel, piece in zip(both, audio, pieces, strict=True):
            piece.append(separator.process(channel[start : start + 100]))
    for separator, piece, expected in zip(both, pieces, alone, strict=True):
        assert np.array_equal(np.concatenate([*piece, separator.flush()], axis=-1), expected)


def test_returned_stems_are_the_callers_own(tiny_model: SeparationModel, rng: np.random.Generator) -> None:
    audio = noise(rng, 1, 2000)
    separator = StreamingSeparator(tiny_model)
    first = separator.process(audio)
    kept = first.copy()
    separator.process(audio)
    assert np.array_equal(first, kept)
    first[...] = 9.0
    assert np.array_equal(stream(separator, audio, [2000])[..., :10] == 9.0, np.zeros((3, 1, 10), dtype=bool))


@pytest.mark.parametrize(("name", "rate", "channels", "output"), STREAMS)
def test_stems_sum_to_the_delayed_mixture(
    models: dict[str, SeparationModel], rng: np.random.Generator, name: str, rate: int, channels: int, output: str
) -> None:
    audio = noise(rng, channels, 20_000)
    separator = StreamingSeparator(models[name], sample_rate=rate, channels=channels, output=output)
    total = stream(separator, audio, [999]).sum(axis=0)
    assert np.abs(total[:, : separator.latency_samples]).max() < SUM_TOLERANCE
    assert np.abs(total[:, separator.latency_samples :] - audio).max() < SUM_TOLERANCE


def test_allpass_gives_the_mixture_back(models: dict[str, SeparationModel], rng: np.random.Generator) -> None:
    audio = noise(rng, 2, 5000)
    direct = separate(models["allpass"], audio, 48_000, output="direct")
    mask = separate(models["allpass"], audio, 48_000, output="mask", mask=MaskSettings(floor_db=-200))
    assert np.abs(direct[0] - audio).max() < ROUNDING
    assert np.abs(mask[0] - audio).max() < ROUNDING


def test_stems_equal_a_plain_offline_separation(models: dict[str, SeparationModel], rng: np.random.Generator) -> None:
    """Against a dense reference in double precision, with a model that is not linear and has a gain."""
    audio = noise(rng, 1, 3000)[0]
    geometry = models["square"].geometry
    padded = np.concatenate([np.zeros(WIN_LENGTH - HOP), audio, np.zeros(WIN_LENGTH)])
    above, below = np.zeros(len(padded)), np.zeros(len(padded))
    for start in range(0, len(padded) - WIN_LENGTH + 1, HOP):
        piece = slice(start, start + WIN_LENGTH)
        spectrum = np.fft.rfft(np.fft.ifftshift(padded[piece] * geometry.window))  # phase from the centre
        gained = 2.0 * spectrum
        squared = (gained.real * np.abs(gained.real) + 1j * gained.imag * np.abs(gained.imag)) / 2.0
        above[piece] += geometry.window * np.fft.fftshift(np.fft.irfft(squared))
        below[piece] += geometry.window**2
    inside = slice(WIN_LENGTH - HOP, WIN_LENGTH - HOP + 3000)
    expected = above[inside] / below[inside]
    stems = separate(models["square"], audio, 48_000)
    assert np.abs(stems[0, 0] - expected).max() < ROUNDING
    assert np.abs(expected).max() > 1e-3


def test_a_network_that_fails_leaves_everything_in_the_residual(
    models: dict[str, SeparationModel], rng: np.random.Generator
) -> None:
    audio = noise(rng, 1, 3000)
    for output in ("direct", "mask"):
        stems = separate(models["broken"], audio, 48_000, output=output)
        assert np.array_equal(stems[0], np.zeros_like(audio))
        assert np.array_equal(stems[1], audio)


def test_stem_names(tiny_model: SeparationModel, rng: np.random.Generator) -> None:
    assert StreamingSeparator(tiny_model).stem_names == ("flute", "oboe", "residual")
    without = StreamingSeparator(tiny_model, residual=False)
    assert without.stem_names == ("flute", "oboe")
    audio = noise(rng, 1, 500)
    assert np.array_equal(without.process(audio), StreamingSeparator(tiny_model).process(audio)[:2])


def test_streams_with_torch_and_onnx_absent(tiny_model_path: Path, tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['torch'] = sys.modules['onnx'] = None\n"
        "import numpy as np, bsep_stream\n"
        "assert 'onnxruntime' not in sys.modules\n"
        f"separator = bsep_stream.StreamingSeparator({str(tiny_model_path)!r})\n"
        "assert separator.process(np.ones(700)).shape == (3, 1, 700)\n"
        "assert not {'pedalboard', 'soundfile', 'matplotlib', 'scipy'} & set(sys.modules)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert result.returncode == 0, result.stderr


def test_masks_ask_for_whole_tones_only_while_somebody_listens(
    models: dict[str, SeparationModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted: list[bool] = []
    monkeypatch.setattr(Stepper, "want_spectra", lambda _, whole: wanted.append(whole))
    separator = StreamingSeparator(models["split_fast"])
    hop = np.zeros((1, models["split_fast"].geometry.hop_length), dtype=np.float32)
    for listener in (None, lambda tones: None, None):
        separator.on_tones = listener
        separator.process(hop)
    assert wanted == [False, True, False]
