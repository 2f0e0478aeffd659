"""Boards in a stream: every effect that a rack may name gives the same bits whatever the blocks, or is refused."""

import numpy as np
import pedalboard
import pytest
from pedalboard import Pedalboard

from bsep_stream.effects.boards import FIXED_BLOCK, MAX_BLOCK, Board, only_finite
from bsep_stream.effects.catalogue import EFFECTS
from bsep_stream.errors import ConfigError, StreamError

RATE = 48_000
SETTINGS: dict[str, dict[str, object]] = {  # where the default does nothing
    "Compressor": {"threshold_db": -30, "ratio": 4},
    "HighShelfFilter": {"gain_db": 6},
    "LowShelfFilter": {"gain_db": 6},
    "NoiseGate": {"threshold_db": -20},
    "PeakFilter": {"gain_db": 6},
    "Convolution": {"impulse_response_filename": np.hanning(3000).astype(np.float32) / 1500, "sample_rate": RATE},
}
NOT_STREAMING = ("PitchShift", "GSMFullRateCompressor")
PLUGINS = ("VST3",)  # loaded from files that other people make: see test_racks.py
STREAMING = [name for name in EFFECTS if name not in (*NOT_STREAMING, *PLUGINS)]
ROUNDING = 1e-5  # Convolution rounds differently for the block size of a whole recording


def effect(name: str) -> pedalboard.Plugin:
    return getattr(pedalboard, name)(**SETTINGS.get(name, {}))


def noise(rng: np.random.Generator, channels: int, samples: int) -> np.ndarray:
    return (0.2 * rng.standard_normal((channels, samples))).astype(np.float32)


def in_blocks(board: Board, audio: np.ndarray, sizes: tuple[int, ...]) -> np.ndarray:
    parts, start, turn = [], 0, 0
    while start < audio.shape[1]:
        end = start + sizes[turn % len(sizes)]
        parts.append(board.process(audio[:, start:end]))
        assert parts[-1].shape == audio[:, start:end].shape
        start, turn = end, turn + 1
    return np.concatenate(parts, axis=1)


@pytest.mark.parametrize("name", STREAMING)
@pytest.mark.parametrize("channels", [1, 2])
def test_blocks_give_the_bits_of_the_whole(name: str, channels: int, rng: np.random.Generator) -> None:
    audio = noise(rng, channels, 2 * MAX_BLOCK + 77)
    board = Board(Pedalboard([effect(name)]), RATE, channels)
    whole = board.process(audio)
    for sizes in [(1, 0, 2, 2, 900), (64,), (FIXED_BLOCK,), (1023, MAX_BLOCK + 1, 3)]:
        board.reset()
        np.testing.assert_array_equal(in_blocks(board, audio, sizes), whole)
    fresh = Board(Pedalboard([effect(name)]), RATE, channels)
    np.testing.assert_array_equal(in_blocks(fresh, audio, (500,)), whole)


@pytest.mark.parametrize("name", STREAMING)
def test_stream_is_what_pedalboard_gives_for_the_whole_late_by_the_latency(name: str, rng: np.random.Generator) -> None:
    audio = noise(rng, 2, RATE // 2)
    expected = Pedalboard([effect(name)])(audio, RATE)
    board = Board(Pedalboard([effect(name)]), RATE, 2)
    late = board.latency_samples
    padded = np.concatenate([audio, np.zeros((2, late), dtype=np.float32)], axis=1)
    out = in_blocks(board, padded, (1000,))
    assert not out[:, :late].any()
    m = RATE // 2 - 4 * FIXED_BLOCK  # what follows is pedalboard's own end of a resampled recording
    np.testing.assert_allclose(out[:, late : late + m], expected[:, :m], atol=ROUNDING)


def test_latency_is_that_of_the_slowest_effect_and_of_constant_blocks() -> None:
    lookahead = round(0.005 * RATE)
    assert Board(Pedalboard([pedalboard.Reverb()]), RATE, 1).latency_samples == 0
    limiter = pedalboard.BrickwallLimiter(lookahead_ms=5.0)
    assert Board(Pedalboard([limiter]), RATE, 1).latency_samples == lookahead + FIXED_BLOCK - 1
    convolution = Pedalboard([effect("Convolution")])
    assert Board(convolution, RATE, 1).latency_samples == FIXED_BLOCK - 1


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_blocks_of_few_samples_keep_their_channels(channels: int, size: int, rng: np.random.Generator) -> None:
    board = Board(Pedalboard([pedalboard.Gain(-6.0), pedalboard.HighpassFilter(20.0)]), RATE, channels)
    only_one = np.zeros((channels, 30), dtype=np.float32)
    only_one[-1] = noise(rng, 1, 30)
    out = in_blocks(board, only_one, (size,))
    assert not out[:-1].any()
    assert out[-1].all()


@pytest.mark.parametrize("name", NOT_STREAMING)
def test_effect_that_does_not_stream_is_refused_by_name(name: str) -> None:
    with pytest.raises(ConfigError, match=f"effects of violin.*{name}.*do not give in a stream"):
        Board(Pedalboard([pedalboard.Gain(), effect(name)]), RATE, 1, "violin")


def test_mix_around_an_effect_that_delays_is_refused() -> None:
    inner = pedalboard.Chain([pedalboard.Gain(), pedalboard.Mix([pedalboard.Gain(), pedalboard.Resample()])])
    with pytest.raises(ConfigError, match="Mix in the effects of violin holds Resample"):
        Board(Pedalboard([inner]), RATE, 1, "violin")
    parallel = pedalboard.Mix([pedalboard.Gain(-6.0), pedalboard.Reverb()])
    assert Board(Pedalboard([parallel]), RATE, 1).latency_samples == 0


def test_effect_that_cannot_run_at_the_rate_is_one_sentence() -> None:
    with pytest.raises(ConfigError, match="effects of master do not run at 96000 Hz with 2 channels: MP3"):
        Board(Pedalboard([pedalboard.MP3Compressor()]), 96_000, 2, "master")


def test_effect_that_overflows_is_refused() -> None:
    with pytest.raises(ConfigError, match="overflow"):
        Board(Pedalboard([pedalboard.HighpassFilter(1e6)]), RATE, 1)


@pytest.mark.parametrize("name", ["Reverb", "Delay", "Chorus", "Phaser", "NoiseGate", "LadderFilter", "Convolution"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_sample_that_is_not_finite_counts_as_zero(name: str, bad: float, rng: np.random.Generator) -> None:
    audio = noise(rng, 2, 3000)
    spoiled, silenced = audio.copy(), audio.copy()
    spoiled[0, 100], silenced[0, 100] = bad, 0.0
    board = Board(Pedalboard([effect(name)]), RATE, 2)
    out = board.process(spoiled)
    board.reset()
    np.testing.assert_array_equal(out, board.process(silenced))
    assert np.isnan(spoiled[0, 100]) == np.isnan(bad)  # the caller's array is his


def test_board_that_overflows_while_playing_begins_anew_and_keeps_its_delay(rng: np.random.Generator) -> None:
    limiter, runaway = pedalboard.BrickwallLimiter(), pedalboard.HighpassFilter(50.0)
    board = Board(Pedalboard([runaway, limiter]), RATE, 1)
    board.process(noise(rng, 1, 5000))
    runaway.cutoff_frequency_hz = 1e6
    assert np.isfinite(board.process(noise(rng, 1, 5000))).all()
    runaway.cutoff_frequency_hz = 50.0
    board.process(np.zeros((1, 20_000), dtype=np.float32))
    pulse = np.zeros((1, 2000), dtype=np.float32)
    pulse[0, 700] = 0.1
    assert int(np.abs(board.process(pulse)).argmax()) == 700 + board.latency_samples


def test_more_latency_while_playing_is_an_error_and_not_a_shift(rng: np.random.Generator) -> None:
    limiter = pedalboard.BrickwallLimiter(lookahead_ms=1.0)
    board = Board(Pedalboard([limiter]), RATE, 1, "violin")
    board.process(noise(rng, 1, 1000))
    limiter.lookahead_ms = 50.0
    with pytest.raises(StreamError, match="effects of violin now hold back more"):
        in_blocks(board, noise(rng, 1, 20_000), (1000,))


def test_empty_board_and_empty_block_pass() -> None:
    empty = Board(Pedalboard(), RATE, 2)
    block = np.ones((2, 5), dtype=np.float32)
    assert empty.process(block) is block
    empty.reset()
    assert Board(Pedalboard([pedalboard.Reverb()]), RATE, 2).process(block[:, :0]).shape == (2, 0)


def test_only_finite_copies_only_when_it_must() -> None:
    good = np.ones((2, 3), dtype=np.float32)
    assert only_finite(good) is good
