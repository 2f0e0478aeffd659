"""Recordings of one session: mono, at the model's sample rate, at a known level."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soxr
from numpy.typing import NDArray

from bsep_stream.errors import AudioError
from bsep_stream.files.audiofile import read_recording
from bsep_stream.files.containers.unseekable import reads_once

SHORTEST_SECONDS = 1.0
"""Less is not a recording that anything can be learned from; also longer than a frame of every preset."""

LEVEL_BLOCK_SECONDS = 0.05
SILENCE_DB = -60.0
"""A block so far below the loudest one counts as silent and does not lower the level."""

LOWEST_RMS = 1e-6
"""-120 dBFS: what the last bit of a 20 bit recording can hold."""

OFFSET_SHARE = 1e-3
"""Of the level; a smaller offset does no harm, and the samples stay as they are."""

ALIKE_SHARE = 1e-3
"""Of the RMS of all channels; if two of them differ by less from their mean, they are one."""

LOWEST_MONO_SHARE = 1e-3
"""Of the RMS of all channels; below it the channels cancel each other in the sum."""


@dataclass(frozen=True)
class Take:
    """One recording of a session.

    Parameters
    ----------
    path : Path
    samples : ndarray, shape (n_samples,), float32
        Mono, at the sample rate of the session, multiplied by the session's gain.
    duration_seconds : float
    sha256 : str
        Of the file, so that a run can be continued only with the same recording.
    side : ndarray, shape (n_samples,), float32, optional
        Of a stereo recording half of what the first channel has more than the second, as `samples` is the middle of
        both; None of a recording in mono, with the same in both, or with more of them.
    """

    path: Path
    samples: NDArray[np.float32]
    duration_seconds: float
    sha256: str
    side: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Session:
    """Takes of the same instruments that train one model.

    Parameters
    ----------
    takes : tuple of Take
    sample_rate : int
        Of the takes' samples, in Hz.
    gain : float
        1 / level; the level is the RMS of all takes and channels, silent blocks left out.
    """

    takes: tuple[Take, ...]
    sample_rate: int
    gain: float

    @property
    def duration_seconds(self) -> float:
        """Of all takes together."""
        return sum(take.duration_seconds for take in self.takes)


def load_session(paths: Sequence[Path], sample_rate: int) -> Session:
    """Read the takes of one session.

    Parameters
    ----------
    paths : sequence of Path
        Recordings in any format that soundfile reads, at any sample rate, with any number of channels.
    sample_rate : int
        Of the model, in Hz.

    Raises
    ------
    AudioError
        If a recording cannot be read, is shorter than a second, silent, constant or not finite.
    """
    if not paths:
        raise AudioError("a session needs at least one recording, got none")
    read = [_read_take(Path(path), sample_rate) for path in paths]
    powers = np.concatenate([entry.block_powers for entry in read])
    audible = powers >= powers.max() * 10 ** (SILENCE_DB / 10)
    gain = float(1 / np.sqrt(powers[audible].mean()))
    takes = tuple(
        Take(
            path=Path(path),
            samples=entry.mono * np.float32(gain),
            duration_seconds=entry.duration_seconds,
            sha256=hashlib.sha256(Path(path).read_bytes()).hexdigest(),
            side=None if entry.side is None else entry.side * np.float32(gain),
        )
        for path, entry in zip(paths, read, strict=True)
    )
    return Session(takes=takes, sample_rate=sample_rate, gain=gain)


class _Read(NamedTuple):
    """A recording at the model's rate, and the power of every block over all channels."""

    mono: NDArray[np.float32]
    side: NDArray[np.float32] | None
    duration_seconds: float
    block_powers: NDArray[np.float64]


def _read_take(path: Path, sample_rate: int) -> _Read:
    if reads_once(path):
        raise AudioError(f"{path} can be read only once, and --resume reads it again: write it to a file first")
    audio, rate = read_recording(path)  # (channels, samples)
    seconds = audio.shape[1] / rate
    if seconds < SHORTEST_SECONDS:
        raise AudioError(
            f"{path} lasts {seconds:.2f} s: training needs a recording of at least {SHORTEST_SECONDS:g} s, "
            "better half a minute"
        )
    moving = audio - audio.mean(axis=1, keepdims=True, dtype=np.float64)  # a constant offset is not loudness
    level = float(np.sqrt(np.mean(moving**2)))
    if level < LOWEST_RMS:
        offset = float(np.abs(audio).max()) > LOWEST_RMS
        raise AudioError(
            f"{path} is {'constant (nothing but an offset)' if offset else 'silent'}: "
            "check the recording, there is nothing to learn from"
        )
    if float(np.sqrt(np.mean(moving.mean(axis=0) ** 2))) < LOWEST_MONO_SHARE * level:
        raise AudioError(f"{path}: the channels cancel each other when they are summed: turn the phase of one of them")
    mean = abs(float(audio.mean(dtype=np.float64)))
    heard = moving if mean > OFFSET_SHARE * level else audio  # an offset is no sound, and no tone explains it
    mono = _resampled(heard.mean(axis=0, dtype=np.float64), rate, sample_rate)
    side = None
    if len(heard) == 2:
        difference = (moving[0] - moving[1]) / 2
        if float(np.sqrt(np.mean(difference**2))) > ALIKE_SHARE * level:
            side = _resampled(difference, rate, sample_rate)
    return _Read(mono, side, seconds, _block_powers(moving, max(1, round(LEVEL_BLOCK_SECONDS * rate))))


def _resampled(samples: NDArray[Any], rate: int, sample_rate: int) -> NDArray[np.float32]:
    resampled: NDArray[np.float32] = soxr.resample(samples.astype(np.float32), rate, sample_rate, quality="VHQ")
    return resampled.astype(np.float32)


def _block_powers(audio: NDArray[np.float64], block_size: int) -> NDArray[np.float64]:
    """Mean square of whole blocks over all channels, shape (n_blocks,)."""
    power = np.mean(audio**2, axis=0)
    n_blocks = power.size // block_size
    means: NDArray[np.float64] = power[: n_blocks * block_size].reshape(n_blocks, block_size).mean(axis=1)
    return means
