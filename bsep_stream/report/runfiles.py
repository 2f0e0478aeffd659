"""The plain files of a training run, read without torch."""

from __future__ import annotations

import csv
import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bsep_stream.errors import ConfigError, RunError
from bsep_stream.model.geometry import FrameGeometry
from bsep_stream.model.metadata import MOST_TONES, check_dictionary, check_geometry, check_origin, check_source_names
from bsep_stream.trust.records import record, typed
from bsep_stream.trust.shown import brief
from bsep_stream.trust.textfiles import LARGEST_JSON_BYTES, Fail, json_value, read_bytes, read_text

LARGEST_LOG_BYTES = 128_000_000
MOST_COLUMNS = 64
MOST_SENTENCES, LONGEST_SENTENCE = 64, 1_000
"""Of a verdict; ours has ten, of one line each."""

_NOT_LOSSES = ("iteration", "seconds")


@dataclass(frozen=True)
class _Dictionary:
    """What ``dictionary.json`` holds."""

    source_names: tuple[str, ...]
    relative_amplitudes: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class RunSummary:
    """A training run as its plain files tell it (see "Run folder" in docs/internals.md).

    Parameters
    ----------
    path : Path
    config : dict
        ``config.json``.
    progress : dict
        ``run.json``: seed, gain, iterations, seconds, recordings, ...
    geometry : FrameGeometry
    source_names : tuple of str
    dictionary : ndarray, shape (n_sources, n_harmonics), float64
        Relative amplitudes of the harmonics.
    """

    path: Path
    config: dict[str, Any]
    progress: dict[str, Any]
    geometry: FrameGeometry
    source_names: tuple[str, ...]
    dictionary: NDArray[np.float64]


def is_run(path: Path) -> bool:
    """Whether a path is the folder of a training run."""
    return (path / "config.json").is_file()


def refuse_ways_out(path: Path) -> None:
    """RunError if a link in the folder of a run leads out of it: what the run writes would be written there."""
    home = os.path.realpath(path)
    for folder, folders, files in os.walk(path):
        for entry in (os.path.join(folder, name) for name in (*folders, *files)):
            if os.path.islink(entry) and not Path(os.path.realpath(entry)).is_relative_to(home):
                raise RunError(f"{entry} is a link that leads out of the run: put the file itself in its place")


def read_run(path: str | Path) -> RunSummary:
    """Read the plain files of a training run.

    Raises
    ------
    RunError
        A missing or damaged file.
    """
    path = Path(path)
    if not is_run(path):
        raise RunError(f"{path} is no training run (it has no config.json); give a folder that bsep train made")
    refuse_ways_out(path)
    config, progress = _read_json(path / "config.json"), _read_json(path / "run.json")
    found = _read_json(path / "dictionary.json")
    try:
        learned: _Dictionary = record(_Dictionary, found, "dictionary.json")
        names = check_source_names(learned.source_names)
        dictionary = check_dictionary(learned.relative_amplitudes, len(names))
        geometry = check_geometry(FrameGeometry.from_dict(config["geometry"]), len(names))
        tones = typed(list[int], config.get("tones_at_once") or [1] * len(names), "tones_at_once")
        if len(tones) != len(names) or not all(1 <= most <= MOST_TONES for most in tones):
            raise ConfigError(f"tones_at_once are {brief(tones)} for {len(names)} sources")
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{path} is damaged ({error}); restore it or train anew") from error
    try:
        check_origin(progress)
    except ConfigError as error:
        raise RunError(f"{path / 'run.json'} is damaged ({error}); restore it or train anew") from error
    return RunSummary(path, config, progress, geometry, names, dictionary)


def read_verdict(path: str | Path) -> dict[str, Any]:
    """What a run that has ended says of itself (``verdict.json``); RunError if it cannot be read."""
    file = Path(path) / "verdict.json"
    values = _read_json(file)
    try:
        for name in ("sentences", "warnings"):
            values[name] = typed(list[str], values.get(name, []), name)
            if len(values[name]) > MOST_SENTENCES or max(map(len, values[name]), default=0) > LONGEST_SENTENCE:
                raise ConfigError(f"more than {MOST_SENTENCES} {name}, or of more than {LONGEST_SENTENCE} characters")
    except ConfigError as error:
        raise RunError(f"{file} is damaged ({error}); restore it or train anew") from error
    return values


def read_losses(path: str | Path) -> dict[str, NDArray[np.float64]]:
    """Loss log of a run.

    Parameters
    ----------
    path : str or Path
        The run folder.

    Returns
    -------
    dict of str to ndarray, shape (n_rows,)
        ``iteration``, ``seconds`` and every loss term, NaN where the log has none. Empty arrays if
        nothing has been logged yet. A last row that an interruption cut off is left out.

    Raises
    ------
    RunError
        A missing log, or one without the columns above.
    """
    log = Path(path) / "log.csv"
    text = read_text(log, LARGEST_LOG_BYTES, _unreadable(log))
    rows = csv.reader(io.StringIO(text, newline=""))
    try:
        header = next(rows, [])
        if tuple(header[:2]) != _NOT_LOSSES or not 3 <= len(header) <= MOST_COLUMNS:
            raise RunError(f"{log} should have the columns iteration, seconds and loss terms, has {brief(header)}")
        complete = (row for row in rows if len(row) == len(header))
        table = np.array([[float(value) if value else np.nan for value in row] for row in complete])
    except (ValueError, csv.Error) as error:
        if isinstance(error, RunError):
            raise
        raise RunError(f"{log} cannot be read ({brief(str(error))}); restore it or train anew") from error
    table = table.reshape(-1, len(header))
    table = table[np.isfinite(table[:, : len(_NOT_LOSSES)]).all(axis=1)]
    table[~np.isfinite(table)] = np.nan  # a loss that is endless is none, and no JSON
    return {name: table[:, i] for i, name in enumerate(header)}


def _read_json(path: Path) -> dict[str, Any]:
    values = json_value(read_bytes(path, LARGEST_JSON_BYTES, _unreadable(path)), _unreadable(path))
    if not isinstance(values, dict):
        raise RunError(f"{path} is damaged (no JSON object); restore it or train anew")
    return values


def _unreadable(path: Path) -> Fail:
    """How it is said that a file of a run cannot be read."""
    if not path.is_file():
        raise RunError(f"{path} cannot be read (No such file or directory); restore it or train anew")
    return Fail(RunError, f"{path} cannot be read: it", "; restore it or train anew")
