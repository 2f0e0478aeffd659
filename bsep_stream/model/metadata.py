"""The metadata of a model, checked: types, ranges, and that its parts fit each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bsep_stream.errors import ConfigError
from bsep_stream.filenames import folded, is_device
from bsep_stream.model.geometry import FrameGeometry
from bsep_stream.model.strikes import Strike
from bsep_stream.trust.records import record, typed
from bsep_stream.trust.shown import brief, has_only_plain
from bsep_stream.words import RESERVED

OUTPUT_KINDS = ("direct", "dictionary", "mask")
"""What can be made of the tones: the two published predictions, or masks for the mixture."""

MOST_SOURCES, MOST_TONES, MOST_HARMONICS, MOST_STRIKES = 16, 64, 512, 32
GAINS = (1e-6, 1e6)
"""From a recording at -120 dB to samples that were never divided by the full scale."""
LARGEST_AMPLITUDE = 1e6
DECAYS = (0.01, 60.0)
"""Seconds in which a sound may fall by 60 dB after its end."""
LONGEST_NAME = 100

MOST_OVERLAP = 256
"""Frames over a sample: what a second of sound costs grows with it. The presets have 8 and 24."""
SIGMA_SHARES = (1 / 64, 1 / 2)
"""Of the length of a frame: a narrower Gaussian is no spectrum, a wider one no window."""
MOST_HOP_SIGMAS = 4.0
"""A longer hop leaves samples between the frames that none of them has heard."""
MOST_SOURCE_SAMPLES = 2**18
"""Sources times the length of a frame, which a stream keeps of each."""

_NO_FILE_NAMES = set('/\\:"*?<>|')


@dataclass(frozen=True)
class Take:
    """A recording that a model was trained on."""

    name: str
    duration_seconds: float = 0.0
    sha256: str = ""


@dataclass(frozen=True)
class Origin:
    """Where a model comes from."""

    preset: str = ""
    iterations: int = 0
    seconds: float = 0.0
    seed: int = 0
    recordings: tuple[Take | str, ...] = ()
    version: str = ""


@dataclass(frozen=True)
class Metadata:
    """What the metadata of a model hold.

    Parameters
    ----------
    format_version : int
    geometry : FrameGeometry
    source_names : tuple of str
    tone_sources : tuple of int
    dictionary : ndarray, shape (n_sources, n_harmonics), float32
    gain : float
    output : str
    training : dict
    metronome : tuple of Strike
    decay_seconds : tuple of float
        In which what a source has played falls by 60 dB once it has ended, one for each; empty: not known.
    """

    format_version: int
    geometry: FrameGeometry
    source_names: tuple[str, ...]
    tone_sources: tuple[int, ...]
    dictionary: NDArray[np.float32]
    gain: float
    output: str
    training: dict[str, Any]
    metronome: tuple[Strike, ...]
    decay_seconds: tuple[float, ...]


@dataclass(frozen=True)
class _Written:
    """The same as it is written."""

    format_version: int
    geometry: dict[str, Any]
    source_names: tuple[str, ...]
    tone_sources: tuple[int, ...]
    dictionary: tuple[tuple[float, ...], ...]
    gain: float
    output: str
    training: dict[str, Any]
    metronome: tuple[dict[str, Any], ...] = ()
    decay_seconds: tuple[float, ...] = ()


def read_metadata(values: dict[str, Any]) -> Metadata:
    """Metadata from the JSON object of a model; ConfigError if something in them makes no sense."""
    written = record(_Written, values, "the metadata")
    names = check_source_names(written.source_names)
    geometry = check_geometry(FrameGeometry.from_dict(written.geometry), len(names))
    n_tones = len(written.tone_sources)
    if sorted(set(written.tone_sources)) != list(range(len(names))) or n_tones > MOST_TONES:
        raise ConfigError(f"tone_sources {brief(written.tone_sources)} do not name each of {len(names)} sources")
    if not GAINS[0] <= written.gain <= GAINS[1]:
        raise ConfigError(f"gain must be positive, {GAINS[0]:g} to {GAINS[1]:g}, got {brief(written.gain)}")
    if written.output not in OUTPUT_KINDS:
        raise ConfigError(f"output must be one of {', '.join(OUTPUT_KINDS)}, got {brief(written.output)}")
    if len(written.metronome) > MOST_STRIKES:
        raise ConfigError(f"a metronome has at most {MOST_STRIKES} sounds, got {len(written.metronome)}")
    return Metadata(
        written.format_version,
        geometry,
        names,
        written.tone_sources,
        check_dictionary(written.dictionary, len(names)).astype(np.float32),
        float(written.gain),
        written.output,
        check_origin(written.training),
        tuple(Strike.from_dict(strike, geometry.n_bins) for strike in written.metronome),
        check_decays(written.decay_seconds, len(names)),
    )


def check_geometry(geometry: FrameGeometry, n_sources: int) -> FrameGeometry:
    """The geometry itself, if a stream of it takes memory and time in bounds and gives sound; else ConfigError."""
    low, high = (share * geometry.n_fft for share in SIGMA_SHARES)
    sigma = geometry.sigma_samples
    if not low <= sigma <= high:
        raise ConfigError(f"sigma_samples must be {low:g} to {high:g} for n_fft {geometry.n_fft}, got {brief(sigma)}")
    shortest, longest = max(1, geometry.n_fft // MOST_OVERLAP), int(MOST_HOP_SIGMAS * sigma)
    if not shortest <= geometry.hop_length <= longest:
        raise ConfigError(
            f"hop_length must be {shortest} to {longest} for n_fft {geometry.n_fft} and sigma_samples {sigma:g}, "
            f"got {geometry.hop_length}"
        )
    if n_sources * geometry.n_fft > MOST_SOURCE_SAMPLES:
        raise ConfigError(f"{n_sources} sources of {geometry.n_fft} samples a frame are too many")
    return geometry


def check_source_names(names: Sequence[str]) -> tuple[str, ...]:
    """Names of the sources; the stems' files are named after them, and every command prints them."""
    for name in names:
        bad = not name.strip() or name.startswith(".") or _NO_FILE_NAMES.intersection(name)
        if bad or len(name) > LONGEST_NAME or not has_only_plain(name) or is_device(name):
            raise ConfigError(f"{brief(name)} cannot be the name of a source, because a file is named after it")
    if not 1 <= len(names) <= MOST_SOURCES:
        raise ConfigError(f"1 to {MOST_SOURCES} sources are possible, got {len(names)}")
    files = set(map(folded, names))
    if len(files | set(RESERVED)) != len(names) + len(RESERVED):
        reserved = ", ".join(RESERVED)
        raise ConfigError(
            f"source names must be distinct (Flute and flute are one) and none of {reserved}, got {brief(names)}"
        )
    return tuple(names)


def check_dictionary(rows: Sequence[Sequence[float]], n_sources: int) -> NDArray[np.float64]:
    """Relative amplitudes of the harmonics, shape (n_sources, n_harmonics): as many of each source, none below 0."""
    lengths = {len(row) for row in rows}
    if len(rows) != n_sources or len(lengths) != 1 or not 1 <= max(lengths) <= MOST_HARMONICS:
        raise ConfigError(f"dictionary has rows of {brief(sorted(lengths))} harmonics for {n_sources} sources")
    if not all(0.0 <= value <= LARGEST_AMPLITUDE for row in rows for value in row):
        raise ConfigError(f"dictionary must hold numbers from 0 to {LARGEST_AMPLITUDE:g}")
    return np.array(rows, dtype=np.float64)


def check_decays(seconds: Sequence[float], n_sources: int) -> tuple[float, ...]:
    """How long the sources ring on, of each or of none."""
    if len(seconds) not in (0, n_sources):
        raise ConfigError(f"decay_seconds has {len(seconds)} values for {n_sources} sources")
    if not all(DECAYS[0] <= value <= DECAYS[1] for value in seconds):
        raise ConfigError(f"decay_seconds must be {DECAYS[0]:g} to {DECAYS[1]:g}, got {brief(seconds)}")
    return tuple(float(value) for value in seconds)


def check_origin(values: dict[str, Any]) -> dict[str, Any]:
    """What is known of the training, as it was written; only what is shown must be of its type."""
    known = {name: value for name, value in values.items() if name in Origin.__dataclass_fields__}
    origin: Origin = typed(Origin, known, "training")
    if not (math.isfinite(origin.seconds) and 0 <= origin.seconds < 1e12 and origin.iterations >= 0):
        raise ConfigError(f"training took {brief(origin.seconds)} s and {brief(origin.iterations)} iterations")
    return values
