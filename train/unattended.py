"""A run from its recordings to its end without anybody who watches: one job of many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bsep_stream.train.device import resolve_device
from bsep_stream.train.presets import preset_config
from bsep_stream.train.race import Unwatched, begin_race, finish_race, race_is_open
from bsep_stream.train.run_folder import RunFolder, RunInfo
from bsep_stream.train.start import resume_training, start_training


def train_unattended(
    recordings: Sequence[Path],
    names: tuple[str, ...],
    output: Path,
    preset: str = "fast",
    iterations: int | None = None,
    minutes: float | None = None,
    seed: int = 0,
    seeds: int = 1,
    device: str = "auto",
    init: Path | None = None,
) -> RunInfo:
    """Begin a run, or go on with the one that is there, and train it to its end.

    Parameters
    ----------
    recordings : sequence of Path
        Takes of one session.
    names : tuple of str
        Of the sources.
    output : Path
        Folder of the run. Where it holds one, that one goes on: the job of a dead worker, done again.
    preset, iterations, minutes, seed, seeds, device, init
        The options of ``bsep train``.
    """
    folder = RunFolder(output)
    seconds = None if minutes is None else 60 * minutes
    if not folder.config_path.exists() and not folder.race_path.exists():
        config = preset_config(preset, names)
        config = config if iterations is None else replace(config, iterations=iterations)
        place = resolve_device(device)
        if seeds == 1:
            training = start_training(
                recordings, config, output, seed=seed, target_seconds=seconds, device=place, init=init
            )
            return training.run(Unwatched())
        numbers = range(seed, seed + seeds)
        begin_race(recordings, config, output, seeds=numbers, target_seconds=seconds, device=str(place), init=init)
    if race_is_open(output):
        finish_race(output)
    info = folder.read_info()
    return info if info.finished else resume_training(output, device=resolve_device(device)).run(Unwatched())
