"""Impulse responses of rooms, read by libsndfile whatever their encoding.

pedalboard reads them itself if it gets a path, but only some encodings (with the others it does nothing, silently), and
it asks for as much memory as a header claims there were samples.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bsep_stream.errors import ConfigError

LONGEST_SECONDS = 30.0
CHANNELS = 2
_RATES = (4_000, 768_000)  # Hz


def check_impulse(path: Path, label: str) -> None:
    """ConfigError if a file cannot be an impulse response, as far as its header tells.

    Parameters
    ----------
    path : Path
    label : str
        Where in the rack, for the message.
    """
    import soundfile

    try:
        found = soundfile.info(str(path))
    except (soundfile.LibsndfileError, OSError, ValueError, TypeError) as error:
        raise ConfigError(f"{label}: {path} is no sound file; give a WAV or AIFF file") from error
    if not found.frames:
        raise ConfigError(f"{label} must be a file with sound, got 0 samples of {found.format}")
    if not _RATES[0] <= found.samplerate <= _RATES[1]:
        raise ConfigError(f"{label} must have a sample rate that audio has, {path} has {found.samplerate} Hz")
    if found.frames > LONGEST_SECONDS * found.samplerate or found.channels > CHANNELS:
        raise ConfigError(
            f"{label} must have at most {LONGEST_SECONDS:g} s and {CHANNELS} channels, {path} has "
            f"{found.frames / found.samplerate:g} s and {found.channels}"
        )


def read_impulse(path: Path) -> tuple[NDArray[np.float32], float]:
    """Samples of an impulse response, shape (channels, n), and its sample rate.

    Raises
    ------
    ConfigError
        If it cannot be read, or holds samples that are not finite.
    """
    import soundfile

    check_impulse(path, "an impulse response")
    try:
        with soundfile.SoundFile(str(path)) as file:
            samples = file.read(int(LONGEST_SECONDS * file.samplerate), dtype="float32", always_2d=True)
            rate = float(file.samplerate)
    except (soundfile.LibsndfileError, OSError, ValueError, MemoryError) as error:
        raise ConfigError(f"the impulse response {path} cannot be read ({error}); export it again") from error
    if not len(samples) or not np.isfinite(samples).all():
        raise ConfigError(f"the impulse response {path} has no samples, or NaN or Inf among them; export it again")
    return np.ascontiguousarray(samples.T), rate
