"""A metronome is found in a recording by its even strikes that are always alike, and nothing else is taken for one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch")

from bsep_stream.masks.metronome import Metronome
from bsep_stream.model.geometry import FrameGeometry
from bsep_stream.model.strikes import Strike
from bsep_stream.train.benchmark.foreignsounds import foreign_sound
from bsep_stream.train.session.metronome import find_metronome
from bsep_stream.train.session.recording import Session, Take

RATE = 24_000
GEOMETRY = FrameGeometry(sample_rate=RATE, n_fft=4096, n_bins=1024, hop_length=512, sigma_samples=512.0)
SECONDS = 24
GAIN = 2.0


def session(*takes: NDArray[np.float32]) -> Session:
    made = tuple(Take(Path("take.wav"), GAIN * take, take.size / RATE, "0") for take in takes)
    return Session(made, RATE, GAIN)


def melody(rng: np.random.Generator, seconds: float = SECONDS) -> NDArray[np.float32]:
    """Notes with harmonics and a soft beginning, of uneven lengths."""
    out = np.zeros(round(seconds * RATE))
    begin = 0
    while begin < out.size:
        time = np.arange(min(round(rng.uniform(0.15, 0.6) * RATE), out.size - begin)) / RATE
        f0, level = rng.uniform(200.0, 900.0), rng.uniform(0.05, 0.1)
        tone = sum(np.sin(2 * np.pi * f0 * h * time + h) / h**2 for h in range(1, 12))
        out[begin : begin + time.size] += level * np.minimum(time / 0.03, 1.0) * tone
        begin += time.size
    return out.astype(np.float32)


def beats(times: NDArray[np.float64], levels: NDArray[np.float64], n_samples: int) -> NDArray[np.float32]:
    """Bursts of noise, all of the same shape."""
    rng = np.random.default_rng(5)
    time = np.arange(round(0.03 * RATE)) / RATE
    burst = rng.standard_normal(time.size) * np.exp(-time / 0.004)
    out = np.zeros(n_samples)
    for start, level in zip((times * RATE).astype(int), levels, strict=True):
        length = min(burst.size, n_samples - start)
        out[start : start + length] += level * burst[:length]
    return out.astype(np.float32)


def test_it_is_found_below_the_music_with_both_of_its_sounds(rng: np.random.Generator) -> None:
    music = melody(rng)
    clicks = foreign_sound("metronome", music.size, RATE)
    strikes = find_metronome(session(music + clicks), GEOMETRY)
    assert [strike.period_seconds for strike in strikes] == pytest.approx([0.6, 2.4], abs=0.02)


def test_what_is_found_is_what_struck_at_the_level_of_the_recording(rng: np.random.Generator) -> None:
    music = melody(rng)
    times = np.arange(0.5, SECONDS - 1, 0.5)
    struck = beats(times, np.full(times.size, 0.2), music.size)
    (strike,) = find_metronome(session(music + struck), GEOMETRY)
    centre = round(10.5 * RATE) + 60  # a beat, and where most of it is
    alone = np.abs(GEOMETRY.analyse(struck[None, centre - 2048 : centre + 2048])[0, : GEOMETRY.n_bins])
    bins = strike.bins
    assert 20 * np.log10(np.median(strike.moduli[bins] / alone[bins])) == pytest.approx(0.0, abs=2.0)


def test_a_stream_that_knows_it_finds_it_again(rng: np.random.Generator) -> None:
    music = melody(rng)
    times = np.arange(0.5, SECONDS - 1, 0.5)
    struck = beats(times, np.full(times.size, 0.2), music.size)
    metronome = Metronome(find_metronome(session(music + struck), GEOMETRY), GEOMETRY, GEOMETRY.hop_length)
    centres = np.arange(0, music.size - 4096, 512)
    found = np.array([_power(metronome, (music + struck)[start : start + 4096]) for start in centres])
    near = np.abs((centres + 2048)[:, None] / RATE - times).min(axis=1) < 0.02
    far = np.abs((centres + 2048)[:, None] / RATE - times).min(axis=1) > 0.08
    assert found[near].mean() > 100 * found[far].mean()


def test_music_alone_has_none(rng: np.random.Generator) -> None:
    assert find_metronome(session(melody(rng)), GEOMETRY) == ()


def test_silence_and_takes_that_are_too_short_have_none(rng: np.random.Generator) -> None:
    assert find_metronome(session(np.zeros(RATE * 5, np.float32)), GEOMETRY) == ()
    assert find_metronome(session(melody(rng, 1.0)), GEOMETRY) == ()


def test_beeps_in_three_four(rng: np.random.Generator) -> None:
    music = melody(rng)
    time = np.arange(round(0.03 * RATE)) / RATE
    for beat, start in enumerate(np.arange(0.3, SECONDS - 0.1, 60 / 73)):
        first = round(start * RATE)
        music[first : first + time.size] += 0.1 * np.sin(2 * np.pi * (1500 if beat % 3 == 0 else 1000) * time)
    strikes = find_metronome(session(music), GEOMETRY)
    assert [strike.period_seconds for strike in strikes] == pytest.approx([60 / 73, 180 / 73], abs=0.02)


@pytest.mark.parametrize("sounding", [(7.0, SECONDS), (0.0, SECONDS - 7.0)])
def test_it_may_start_late_and_stop_early(rng: np.random.Generator, sounding: tuple[float, float]) -> None:
    times = np.arange(sounding[0] + 0.2, sounding[1] - 0.2, 0.5)
    music = melody(rng)
    (strike,) = find_metronome(session(music + beats(times, np.full(times.size, 0.2), music.size)), GEOMETRY)
    assert strike.period_seconds == pytest.approx(0.5, abs=0.01)


def test_it_is_found_where_notes_hide_half_of_its_strikes(rng: np.random.Generator) -> None:
    music = melody(rng)
    times = np.arange(0.5, SECONDS - 1, 0.5)
    hidden = times[rng.random(times.size) < 0.4] - 0.01
    louder = beats(hidden, np.full(hidden.size, 0.9), music.size)
    struck = beats(times, np.full(times.size, 0.2), music.size)
    (strike,) = find_metronome(session(music + struck + louder), GEOMETRY)
    assert strike.period_seconds == pytest.approx(0.5, abs=0.01)


def test_what_is_missing_on_some_of_its_beats_is_played(rng: np.random.Generator) -> None:
    music = melody(rng)
    times = np.arange(0.5, SECONDS - 1, 0.5)
    times = times[np.random.default_rng(4).random(times.size) < 0.7]  # on every second, third... beat, too
    struck = beats(times, np.full(times.size, 0.2), music.size)
    assert find_metronome(session(music + struck), GEOMETRY) == ()


def test_strikes_at_uneven_times_are_played(rng: np.random.Generator) -> None:
    times = np.sort(rng.uniform(0.3, SECONDS - 1, 40))
    music = melody(rng)
    assert find_metronome(session(music + beats(times, np.full(40, 0.2), music.size)), GEOMETRY) == ()


def test_even_strikes_that_differ_in_strength_are_played(rng: np.random.Generator) -> None:
    times = np.arange(0.5, SECONDS - 1, 0.5)
    music = melody(rng)
    levels = 0.2 * 10.0 ** (rng.uniform(-6.0, 6.0, times.size) / 20.0)
    assert find_metronome(session(music + beats(times, levels, music.size)), GEOMETRY) == ()


def test_a_few_strikes_are_no_metronome(rng: np.random.Generator) -> None:
    times = np.arange(0.5, 5.0, 0.5)  # and then it is silent
    music = melody(rng)
    assert find_metronome(session(music + beats(times, np.full(times.size, 0.2), music.size)), GEOMETRY) == ()


def test_any_of_the_takes_may_have_it(rng: np.random.Generator) -> None:
    shorter = melody(rng, SECONDS - 2)
    times = np.arange(0.5, SECONDS - 3, 0.5)
    struck = shorter + beats(times, np.full(times.size, 0.2), shorter.size)
    strikes: tuple[Strike, ...] = find_metronome(session(melody(rng), struck), GEOMETRY)
    assert [strike.period_seconds for strike in strikes] == pytest.approx([0.5], abs=0.01)


def _power(metronome: Metronome, samples: NDArray[np.float32]) -> float:
    moduli = np.abs(GEOMETRY.analyse(samples[None])[0, : GEOMETRY.n_bins]).astype(np.float32)
    return float(np.square(metronome.hear(moduli)).sum())
