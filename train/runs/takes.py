"""Recordings that a caller gives: paths, or audio, which the run keeps as files so that it can be resumed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bsep_stream.errors import AudioError, ConfigError
from bsep_stream.files.atomic import whole_file
from bsep_stream.files.stemwriter import StemWriter
from bsep_stream.train.learning.run_folder import RunFolder

Recordings = str | Path | ArrayLike | Sequence[str | Path] | Sequence[ArrayLike]


def recording_paths(recordings: Recordings, sample_rate: int | None) -> tuple[list[Path], list[NDArray[np.float32]]]:
    """Files, or else audio, each of shape (channels, n_samples).

    Raises
    ------
    ConfigError
        Audio without a rate, or a rate without audio.
    AudioError
        Audio of another shape.
    """
    if isinstance(recordings, str | Path):
        recordings = [recordings]
    takes: list[Any] = [recordings] if isinstance(recordings, np.ndarray) else list(recordings)  # type: ignore[arg-type]
    paths = [Path(take) for take in takes if isinstance(take, str | Path)]
    if len(paths) == len(takes):
        if sample_rate is not None:
            raise ConfigError("a file says its own sample rate: leave sample_rate out")
        return paths, []
    if paths:
        raise ConfigError("recordings must be files, or arrays of audio, not some of both")
    if sample_rate is None:
        raise ConfigError("audio as an array needs its sample_rate in Hz")
    audio = [np.atleast_2d(np.asarray(take, dtype=np.float32)) for take in takes]
    for take in audio:
        if take.ndim != 2 or len(take) > take.shape[1]:
            raise AudioError(f"audio must have the shape (channels, n_samples), got {take.shape}")
    return [], audio


def write_takes(folder: RunFolder, audio: Sequence[NDArray[np.float32]], sample_rate: int | None) -> list[Path]:
    """Write ``take1.wav``, ... into the run, float32; their paths."""
    assert sample_rate is not None
    paths = [folder.takes_path / f"take{number + 1}.wav" for number in range(len(audio))]
    with folder.writing():
        for path, take in zip(paths, audio, strict=True):
            with whole_file(path) as temporary:
                writer = StemWriter(temporary, "wav", int(sample_rate), len(take), take.shape[1])
                writer.write(take)
                writer.close()
    return paths
