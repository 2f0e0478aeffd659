"""The mixer: same bits for all blocks, stems in step, faders without clicks, and the call of a pedalboard plugin."""

import math

import numpy as np
import pedalboard
import pytest
from pedalboard import Pedalboard

from bsep_stream.effects.boards import MAX_BLOCK
from bsep_stream.effects.fader import RAMP_SECONDS
from bsep_stream.effects.mixer import Mixer
from bsep_stream.effects.stemmixer import StemMixer
from bsep_stream.errors import ConfigError, StreamError
from bsep_stream.model.separation_model import SeparationModel
from bsep_stream.separator import StreamingSeparator

RATE = 48_000
STEMS = ("flute", "oboe", "residual")
RAMP = round(RAMP_SECONDS * RATE)
ONE_ROUNDING = 1e-6  # float32 sums in another order


def noise(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return (0.2 * rng.standard_normal(shape)).astype(np.float32)


def limiter() -> Pedalboard:
    """A board with latency that lets quiet sound pass unchanged."""
    return Pedalboard([pedalboard.BrickwallLimiter(ceiling_db=0.0, lookahead_ms=3.0)])


def full_mixer(channels: int = 2) -> Mixer:
    return Mixer(
        STEMS,
        RATE,
        channels,
        boards={
            "flute": Pedalboard([pedalboard.Reverb(room_size=0.4), pedalboard.Compressor(-20, 3)]),
            "oboe": Pedalboard([pedalboard.Chorus(), pedalboard.Resample(16_000)]),
        },
        gains_db={"flute": -3.0, "residual": -math.inf},
        master=Pedalboard([pedalboard.HighpassFilter(60), pedalboard.BrickwallLimiter()]),
        master_gain_db=1.0,
    )


@pytest.mark.parametrize("sizes", [(1,), (3, 0, 64), (511, 513), (MAX_BLOCK + 5, 2)])
def test_blocks_give_the_bits_of_the_whole(sizes: tuple[int, ...], rng: np.random.Generator) -> None:
    stems = noise(rng, 3, 2, 6000)
    mixer = full_mixer()
    whole = np.concatenate([mixer.process(stems), mixer.flush()], axis=1)
    parts, start, turn = [], 0, 0
    while start < stems.shape[2]:
        end = start + sizes[turn % len(sizes)]
        parts.append(mixer.process(stems[:, :, start:end]))
        start, turn = end, turn + 1
    parts.append(mixer.flush())
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)
    assert whole.shape == (2, 6000 + mixer.latency_samples)


def test_impulse_of_every_stem_arrives_after_the_latency() -> None:
    mixer = Mixer(STEMS, RATE, 1, boards={"oboe": limiter()}, master=limiter())
    assert mixer.latency.boards_samples > 0
    assert mixer.latency_samples == mixer.latency.boards_samples + mixer.latency.master_samples
    stems = np.zeros((3, 1, 2000), dtype=np.float32)
    for i in range(3):
        stems[i, 0, 100 * (i + 1)] = 0.1 * (i + 1)
    mix = mixer.process(stems)[0]
    heard = np.flatnonzero(np.abs(mix) > ONE_ROUNDING)
    np.testing.assert_array_equal(heard, np.array([100, 200, 300]) + mixer.latency_samples)
    np.testing.assert_allclose(mix[heard], [0.1, 0.2, 0.3], atol=ONE_ROUNDING)


def test_without_effects_the_remix_is_the_sum_at_once(rng: np.random.Generator) -> None:
    stems = noise(rng, 3, 2, 100)
    mixer = Mixer(STEMS, RATE, 2)
    np.testing.assert_allclose(mixer.process(stems), stems.sum(axis=0), atol=ONE_ROUNDING)
    assert mixer.latency_samples == 0
    assert mixer.flush().shape == (2, 0)


def test_gains_are_decibels_and_minus_infinity_is_silence(rng: np.random.Generator) -> None:
    stems = noise(rng, 3, 1, 50)
    gains = {"flute": -math.inf, "oboe": -20.0}
    mix = Mixer(STEMS, RATE, 1, gains_db=gains, master_gain_db=20.0).process(stems)
    np.testing.assert_allclose(mix, stems[1] + 10 * stems[2], atol=10 * ONE_ROUNDING)


@pytest.mark.parametrize("size", [1, 100, 1000])
def test_fader_moves_in_a_line_over_the_ramp_whatever_the_blocks(size: int) -> None:
    mixer = Mixer(("flute",), RATE, 1)
    ones = np.ones((1, 1, size), dtype=np.float32)
    mixer.set_gain_db("flute", -math.inf)
    out = np.concatenate([mixer.process(ones)[0] for _ in range(1000 // size)])
    np.testing.assert_allclose(out[:RAMP], 1.0 - np.arange(1, RAMP + 1) / RAMP, atol=ONE_ROUNDING)
    assert not out[RAMP:].any()
    assert np.abs(np.diff(out)).max() < 1.1 / RAMP


def test_fader_that_is_moved_again_goes_on_from_where_it_is() -> None:
    mixer = Mixer(("flute",), RATE, 1)
    mixer.set_gain_db("flute", -math.inf)
    down = mixer.process(np.ones((1, 1, RAMP // 2), dtype=np.float32))[0]
    mixer.set_gain_db("flute", 0.0)
    mixer.set_gain_db("flute", 6.0)
    up = mixer.process(np.ones((1, 1, 2 * RAMP), dtype=np.float32))[0]
    assert abs(up[0] - down[-1]) < 2 / RAMP
    assert up[-1] == pytest.approx(10 ** (6 / 20))
    mixer.set_gain_db("master", -math.inf)
    mixer.reset()
    assert not mixer.process(np.ones((1, 1, 10), dtype=np.float32)).any()  # reset: faders have arrived


def test_reset_is_like_new(rng: np.random.Generator) -> None:
    stems = noise(rng, 3, 2, 3000)
    mixer = full_mixer()
    first = mixer.process(stems)
    mixer.reset()
    np.testing.assert_array_equal(mixer.process(stems), first)
    with pytest.raises(StreamError):
        mixer.process(stems[:2])
    mixer.reset()
    np.testing.assert_array_equal(mixer.process(stems), first)


def test_sample_that_is_not_finite_stays_in_its_place(rng: np.random.Generator) -> None:
    stems = noise(rng, 3, 2, 3000)
    spoiled, silenced = stems.copy(), stems.copy()
    spoiled[0, 1, 7], spoiled[2, 0, 9] = np.nan, np.inf
    silenced[0, 1, 7], silenced[2, 0, 9] = 0.0, 0.0
    before = spoiled.copy()
    mixer = full_mixer()
    out = mixer.process(spoiled)
    np.testing.assert_array_equal(spoiled, before)
    mixer.reset()
    np.testing.assert_array_equal(out, mixer.process(silenced))


@pytest.mark.parametrize(
    ("stems", "got"),
    [
        (np.zeros((2, 2, 5), np.float32), r"\(2, 2, 5\)"),
        (np.zeros((3, 1, 5), np.float32), r"\(3, 1, 5\)"),
        (np.zeros((3, 5), np.float32), r"\(3, 5\)"),
        (np.zeros((3, 2, 5), np.int16), "int16"),
    ],
)
def test_bad_block_is_refused_and_the_stream_goes_on(stems: np.ndarray, got: str, rng: np.random.Generator) -> None:
    good = noise(rng, 3, 2, 800)
    mixer, other = full_mixer(), full_mixer()
    first = mixer.process(good)
    with pytest.raises(StreamError, match=rf"shape \(3, 2, n\).*{got}"):
        mixer.process(stems)
    both = np.concatenate([first, mixer.process(good)], axis=1)
    np.testing.assert_array_equal(both, other.process(np.concatenate([good, good], axis=2)))


def test_unknown_stems_shared_effects_and_mad_gains_are_one_sentence() -> None:
    with pytest.raises(ConfigError, match="no stem 'flut'; the nearest: flute"):
        Mixer(STEMS, RATE, 1, boards={"flut": Pedalboard()})
    with pytest.raises(ConfigError, match="no stem 'x'; valid: flute, oboe, residual"):
        Mixer(STEMS, RATE, 1, gains_db={"x": 0.0})
    with pytest.raises(ConfigError, match="gain of oboe must be at most 40 dB, got 41"):
        Mixer(STEMS, RATE, 1, gains_db={"oboe": 41.0})
    with pytest.raises(ConfigError, match="gain of oboe must be at most 40 dB, got nan"):
        Mixer(STEMS, RATE, 1).set_gain_db("oboe", math.nan)
    one = pedalboard.Reverb()
    with pytest.raises(ConfigError, match="one Reverb is in two places"):
        Mixer(STEMS, RATE, 1, boards={"flute": Pedalboard([one])}, master=Pedalboard([one]))


# --- StemMixer: the separator and the mixer as one plugin -----------------------------------------------------------


def stem_mixer(model: SeparationModel, channels: int = 2) -> StemMixer:
    """flute is 0.6 and oboe 0.3 of the mixture, residual the rest."""
    return StemMixer(
        StreamingSeparator(model, channels=channels),
        boards={"flute": limiter(), "oboe": Pedalboard([pedalboard.Reverb()])},
        gains_db={"residual": -6.0},
        master=Pedalboard([pedalboard.Delay(0.01)]),
    )


def test_whole_recording_comes_back_aligned_and_as_long(tiny_model: SeparationModel, rng: np.random.Generator) -> None:
    audio = noise(rng, 2, 3000)
    halved = StemMixer(StreamingSeparator(tiny_model, channels=2), {"flute": limiter()}, master_gain_db=-20.0)
    out = halved.process(audio, RATE)
    np.testing.assert_allclose(out, 0.1 * audio, atol=2e-6)  # stems and residual are the mixture, to its float32 bits
    np.testing.assert_array_equal(halved(audio, RATE), out)
    assert halved(audio[:, :0], RATE).shape == (2, 0)
    assert halved(audio[:, :1], RATE).shape == (2, 1)


@pytest.mark.parametrize("buffer_size", [1, 63, 64, 1000, 8192])
def test_stream_of_blocks_is_the_whole_late_by_the_latency(
    buffer_size: int, tiny_model: SeparationModel, rng: np.random.Generator
) -> None:
    audio = noise(rng, 2, 1500)
    mixer = stem_mixer(tiny_model)
    whole = mixer.process(audio, RATE)
    late = mixer.latency_samples
    assert late == mixer.separator.latency_samples + mixer.mixer.latency_samples
    np.testing.assert_array_equal(mixer.process(audio, RATE, buffer_size), whole)
    parts = [mixer.process(audio[:, i : i + 700], RATE, buffer_size, reset=False) for i in range(0, 1500, 700)]
    streamed = np.concatenate([*parts, mixer.flush()], axis=1)
    assert streamed.shape == (2, 1500 + late)
    np.testing.assert_array_equal(streamed[:, late:], whole)


def test_mono_may_come_without_an_axis_for_channels(tiny_model: SeparationModel, rng: np.random.Generator) -> None:
    audio = noise(rng, 1, 900)
    mixer = stem_mixer(tiny_model, channels=1)
    np.testing.assert_array_equal(mixer(audio[0], RATE), mixer(audio, RATE)[0])


def test_solo_by_gains_is_that_stem_alone(tiny_model: SeparationModel, rng: np.random.Generator) -> None:
    audio = noise(rng, 1, 2000)
    mixer = StemMixer(StreamingSeparator(tiny_model), gains_db={"oboe": -math.inf, "residual": -math.inf})
    np.testing.assert_allclose(mixer(audio, RATE), 0.6 * audio, atol=1e-5)  # the tiny model's spectra are float32


@pytest.mark.parametrize(
    ("audio", "rate", "buffer_size", "sentence"),
    [
        (np.zeros((2, 9), np.float32), 44_100, 8192, "runs at 48000 Hz, got audio at 44100 Hz"),
        (np.zeros((1, 9), np.float32), RATE, 8192, r"shape \(2, samples\), got \(1, 9\)"),
        (np.zeros((9, 2), np.float32), RATE, 8192, r"shape \(2, samples\), got \(9, 2\)"),
        (np.zeros(9, np.float32), RATE, 8192, r"shape \(2, samples\), got \(9,\)"),
        (np.zeros((2, 9), np.int16), RATE, 8192, "int16"),
        (np.full((2, 9), np.nan, np.float32), RATE, 8192, "NaN or Inf"),
        (np.zeros((2, 9), np.float32), RATE, 0, "buffer_size must be at least 1"),
    ],
)
def test_bad_call_is_refused_and_the_stream_goes_on(
    audio: np.ndarray,
    rate: int,
    buffer_size: int,
    sentence: str,
    tiny_model: SeparationModel,
    rng: np.random.Generator,
) -> None:
    good = noise(rng, 2, 700)
    mixer, other = stem_mixer(tiny_model), stem_mixer(tiny_model)
    mixer.process(good, RATE, reset=False)
    with pytest.raises(StreamError, match=sentence):
        mixer.process(audio, rate, buffer_size)
    other.process(good, RATE, reset=False)
    np.testing.assert_array_equal(mixer.process(good, RATE, reset=False), other.process(good, RATE, reset=False))


def test_whole_recording_in_the_middle_of_a_stream_starts_afresh(
    tiny_model: SeparationModel, rng: np.random.Generator
) -> None:
    audio = noise(rng, 2, 900)
    mixer = stem_mixer(tiny_model)
    whole = mixer(audio, RATE)
    mixer.process(audio, RATE, reset=False)
    np.testing.assert_array_equal(mixer(audio, RATE), whole)
    first = mixer.process(audio, RATE, reset=False)
    mixer.reset()
    np.testing.assert_array_equal(mixer.process(audio, RATE, reset=False), first)
