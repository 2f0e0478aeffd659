"""The streaming resampler against theory, and against soxr as an independent oracle."""

from __future__ import annotations

from itertools import cycle
from math import ceil

import numpy as np
import pytest
from numpy.typing import NDArray

from bsep_stream.stream.resampling import HALF_TAPS, StreamResampler

PAIRS = [(44_100, 48_000), (48_000, 44_100), (22_050, 48_000), (48_000, 22_050), (96_000, 48_000), (48_000, 96_000)]
PAIRS += [(88_200, 48_000), (32_000, 48_000)]  # windows before, and beside, their outputs
PASS_BAND = 1e-4  # -80 dB: the ripple of a Kaiser window with beta 10 is near -100 dB
STOP_BAND = 1e-4
AGAINST_SOXR = 3e-4  # both filters roll off differently near the edge, where the noise still has a little power


def tone(frequency_hz: float, rate: int, n: int) -> NDArray[np.float32]:
    return np.sin(2 * np.pi * frequency_hz * np.arange(n) / rate).astype(np.float32)


@pytest.mark.parametrize(("from_rate", "to_rate"), PAIRS)
@pytest.mark.parametrize("part_of_band", [0.01, 0.3, 0.85])
def test_a_tone_comes_out_at_its_time(from_rate: int, to_rate: int, part_of_band: float) -> None:
    frequency_hz = part_of_band * min(from_rate, to_rate) / 2
    got = StreamResampler(from_rate, to_rate).process(tone(frequency_hz, from_rate, 8000)[None])[0]
    settled = 2 * HALF_TAPS * max(1, to_rate // from_rate + 1)
    assert np.abs(got - tone(frequency_hz, to_rate, len(got)))[settled:].max() < PASS_BAND


@pytest.mark.parametrize(("from_rate", "to_rate"), [(96_000, 48_000), (48_000, 22_050), (48_000, 44_100)])
def test_what_the_lower_rate_cannot_hold_is_gone(from_rate: int, to_rate: int) -> None:
    got = StreamResampler(from_rate, to_rate).process(tone(0.52 * to_rate, from_rate, 8000)[None])[0]
    assert np.abs(got[4 * HALF_TAPS :]).max() < STOP_BAND


@pytest.mark.parametrize(("from_rate", "to_rate"), PAIRS)
def test_agrees_with_soxr(rng: np.random.Generator, from_rate: int, to_rate: int) -> None:
    soxr = pytest.importorskip("soxr")
    # Noise below 0.8 of the narrower band: there both are flat.
    spectrum = np.fft.rfft(rng.standard_normal(16_000))
    spectrum[np.fft.rfftfreq(16_000, 1 / from_rate) > 0.4 * min(from_rate, to_rate)] = 0
    audio = np.fft.irfft(spectrum).astype(np.float32)
    got = StreamResampler(from_rate, to_rate).process(audio[None])[0]
    expected = soxr.resample(audio, from_rate, to_rate, quality="VHQ")[: len(got)]
    middle = slice(len(got) // 4, 3 * len(got) // 4)
    assert np.abs(got - expected)[middle].max() < AGAINST_SOXR


@pytest.mark.parametrize("sizes", [[1], [2], [63, 64, 65], [1000, 0, 1, 7]], ids=str)
@pytest.mark.parametrize(("from_rate", "to_rate"), [*PAIRS, (44_101, 48_000)])
def test_blocks_do_not_matter(rng: np.random.Generator, from_rate: int, to_rate: int, sizes: list[int]) -> None:
    audio = rng.standard_normal((2, 1500)).astype(np.float32)
    audio.flags.writeable = False
    whole = StreamResampler(from_rate, to_rate, (2,), 1500).process(audio)
    resampler, pieces, start = StreamResampler(from_rate, to_rate, (2,), 16), [], 0  # moves, and grows for some
    for size in cycle(sizes):
        if start >= 1500:
            break
        pieces.append(resampler.process(audio[:, start : start + size]).copy())
        start += size
    assert np.array_equal(np.concatenate(pieces, axis=1), whole)


@pytest.mark.parametrize(("from_rate", "to_rate"), PAIRS)
def test_holds_back_exactly_its_lookahead(from_rate: int, to_rate: int) -> None:
    resampler = StreamResampler(from_rate, to_rate)
    assert resampler.lookahead_samples == ceil(HALF_TAPS * max(1.0, from_rate / to_rate))
    n_out = 0
    for n_in in range(1, 1000):
        n_out += resampler.process(np.zeros((1, 1), dtype=np.float32)).shape[1]
        # Output m, at input time m * from / to, is there if and only if that time is before n_in - lookahead.
        complete = (n_in - resampler.lookahead_samples) * to_rate
        assert n_out == 0 or (n_out - 1) * from_rate < complete
        assert n_out * from_rate >= complete


def test_a_sample_that_is_not_finite_is_soon_forgotten(rng: np.random.Generator) -> None:
    audio = rng.standard_normal((1, 3000)).astype(np.float32)
    good = StreamResampler(44_100, 48_000, (1,), 3000).process(audio)
    audio[0, 1000] = np.nan
    resampler = StreamResampler(44_100, 48_000, (1,), 16)
    got = np.concatenate([resampler.process(audio[:, at : at + 10]).copy() for at in range(0, 3000, 10)], axis=1)
    bad = np.flatnonzero(~np.isfinite(got[0]))
    assert bad.size < 4 * HALF_TAPS
    assert abs(bad.mean() - 1000 * 48_000 / 44_100) < HALF_TAPS
    fine = np.isfinite(got[0])
    assert np.array_equal(got[0, fine], good[0, fine])


def test_reset_is_like_new(rng: np.random.Generator) -> None:
    audio = rng.standard_normal((1, 700)).astype(np.float32)
    audio[0, -1] = np.nan
    resampler = StreamResampler(44_100, 48_000)
    first = resampler.process(audio).copy()
    resampler.reset()
    assert np.array_equal(resampler.process(audio), first, equal_nan=True)
