"""Sounds that no instrument of a session makes, added to its mixture by seed: noise, and two kinds of metronome.

Nothing is sampled. The beats are soft enough to be a click track that leaks from headphones, or a metronome some
metres from the microphone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from bsep_stream.errors import ConfigError

NOISE_DBFS = -45.0
"""RMS of the noises."""

BEAT_DBFS = -20.0
"""Peak of every beat."""

BEATS_PER_MINUTE = 100.0
_BURST_BAND_HZ = (2000.0, 8000.0)
_BURST_SECONDS = 0.004  # in which the burst falls to 1/e
_BLOCK_PARTIALS = ((1050.0, 1.0, 0.02), (2430.0, 0.6, 0.012), (4180.0, 0.3, 0.006))  # Hz, amplitude, seconds to 1/e
_BEAT_SECONDS = 0.25  # after which nothing is left of a beat
_LOWEST_PINK_HZ = 20.0

_Samples = NDArray[np.float32]


def white(rng: np.random.Generator, n_samples: int, sample_rate: int) -> _Samples:
    """Noise of the same power at all frequencies, shape (n_samples,)."""
    del sample_rate
    return _with_rms(rng.standard_normal(n_samples))


def pink(rng: np.random.Generator, n_samples: int, sample_rate: int) -> _Samples:
    """Noise of the same power in every octave from 20 Hz on, shape (n_samples,)."""
    spectrum = np.fft.rfft(rng.standard_normal(n_samples))
    hz = np.fft.rfftfreq(n_samples, 1.0 / sample_rate)
    spectrum *= np.where(hz >= _LOWEST_PINK_HZ, 1.0 / np.sqrt(np.maximum(hz, _LOWEST_PINK_HZ)), 0.0)
    return _with_rms(np.fft.irfft(spectrum, n_samples))


def clicks(rng: np.random.Generator, n_samples: int, sample_rate: int) -> _Samples:
    """A metronome of short bursts of filtered noise, shape (n_samples,)."""
    return _beaten([_burst(rng, sample_rate)], n_samples, sample_rate)


def woodblock(rng: np.random.Generator, n_samples: int, sample_rate: int) -> _Samples:
    """A metronome with a pitch, three partials that die away, shape (n_samples,)."""
    del rng
    return _beaten([_knock(sample_rate)], n_samples, sample_rate)


def metronome(rng: np.random.Generator, n_samples: int, sample_rate: int) -> _Samples:
    """A metronome that knocks on the first of four beats and clicks on the others, shape (n_samples,)."""
    burst = _burst(rng, sample_rate)
    return _beaten([_knock(sample_rate), burst, burst, burst], n_samples, sample_rate)


SOUNDS: dict[str, Callable[[np.random.Generator, int, int], _Samples]] = {
    "white": white,
    "pink": pink,
    "clicks": clicks,
    "woodblock": woodblock,
    "metronome": metronome,
}
"""By name."""


def foreign_sound(name: str, n_samples: int, sample_rate: int, seed: int = 0) -> _Samples:
    """One of :data:`SOUNDS`, the same for the same seed, shape (n_samples,).

    Raises
    ------
    ConfigError
        No such sound.
    """
    if name not in SOUNDS:
        raise ConfigError(f"a foreign sound must be one of {', '.join(SOUNDS)}, got {name!r}")
    return SOUNDS[name](np.random.default_rng(seed), n_samples, sample_rate)


def _with_rms(samples: NDArray[np.float64]) -> _Samples:
    level = np.sqrt(np.mean(np.square(samples)))
    scaled: _Samples = (samples * (10.0 ** (NOISE_DBFS / 20.0) / level)).astype(np.float32)
    return scaled


def _burst(rng: np.random.Generator, sample_rate: int) -> NDArray[np.float64]:
    seconds = _beat_seconds(sample_rate)
    sections = butter(2, _BURST_BAND_HZ, "bandpass", fs=sample_rate, output="sos")
    burst: NDArray[np.float64] = sosfilt(
        sections, rng.standard_normal(seconds.size) * np.exp(-seconds / _BURST_SECONDS)
    )
    return burst


def _knock(sample_rate: int) -> NDArray[np.float64]:
    seconds = _beat_seconds(sample_rate)
    knock = np.zeros(seconds.size)
    for hz, amplitude, decay in _BLOCK_PARTIALS:
        knock += amplitude * np.exp(-seconds / decay) * np.sin(2 * np.pi * hz * seconds)
    return knock


def _beat_seconds(sample_rate: int) -> NDArray[np.float64]:
    return np.arange(round(_BEAT_SECONDS * sample_rate)) / sample_rate


def _beaten(bar: Sequence[NDArray[np.float64]], n_samples: int, sample_rate: int) -> _Samples:
    """The beats of a bar over and over, from half a beat on, all of the same peak."""
    period = 60.0 / BEATS_PER_MINUTE * sample_rate
    track = np.zeros(n_samples + round(_BEAT_SECONDS * sample_rate))
    for beat, start in enumerate(np.arange(period / 2, n_samples, period).astype(int)):
        sound = bar[beat % len(bar)]
        track[start : start + sound.size] += sound * (10.0 ** (BEAT_DBFS / 20.0) / np.abs(sound).max())
    return track[:n_samples].astype(np.float32)
