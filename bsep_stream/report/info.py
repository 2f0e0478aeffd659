"""What a model or a training run holds, read without torch."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bsep_stream.errors import ConfigError, RunError
from bsep_stream.model.geometry import FrameGeometry
from bsep_stream.model.metadata import (
    GAINS,
    MOST_TONES,
    check_dictionary,
    check_geometry,
    check_origin,
    check_source_names,
)
from bsep_stream.stream.latency import LIMITS_MS, QUALITY, choose_setting, latency_settings
from bsep_stream.stream.ledger import USUAL_BLOCK, LatencyLedger, default_cushion_samples
from bsep_stream.trust.records import record, typed
from bsep_stream.trust.shown import brief
from bsep_stream.trust.textfiles import LARGEST_JSON_BYTES, Fail, json_value, read_bytes, read_text

if TYPE_CHECKING:
    from bsep_stream.effects.rack import Rack
    from bsep_stream.separator import StreamingSeparator

LARGEST_LOG_BYTES = 128_000_000
MOST_COLUMNS = 64

_NOT_LOSSES = ("iteration", "seconds")


@dataclass(frozen=True)
class _Dictionary:
    """What ``dictionary.json`` holds."""

    source_names: tuple[str, ...]
    relative_amplitudes: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class RunSummary:
    """A training run as its plain files tell it (see "Run folder" in docs/design.md).

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
    return {name: table[:, i] for i, name in enumerate(header)}


def describe(path: str | Path) -> dict[str, Any]:
    """Facts about a model or a training run as plain values for JSON.

    Parameters
    ----------
    path : str or Path
        ONNX file made by ``bsep export``, or folder made by ``bsep train``.

    Returns
    -------
    dict
        ``kind`` (``"model"`` or ``"run"``), ``path``, ``source_names``, ``tones_at_once`` (of every source),
        ``geometry``, ``latency`` (parts and
        total in samples, total in ms; of ``quality``), ``latencies_ms`` (by the name of a setting, and the soonest;
        at the model's rate), ``dictionary``, ``gain``, ``training``; for a run also ``verdict``
        (``verdict.json``, or None before its end); for a model also what :func:`describe_model` adds.

    Raises
    ------
    ModelError, RunError
        What is neither, or damaged.
    """
    path = Path(path)
    return _describe_run(path) if path.is_dir() else describe_model(path)


def describe_model(
    path: str | Path,
    *,
    latency: str | float = QUALITY,
    sample_rate: int | None = None,
    rack: Rack | None = None,
) -> dict[str, Any]:
    """Facts about a model, with the latency of any stream that it may serve.

    Parameters
    ----------
    path : str or Path
        ONNX file.
    latency, sample_rate
        As for :class:`~bsep_stream.separator.StreamingSeparator`.
    rack : Rack, optional
        Effects after the stream.

    Returns
    -------
    dict
        As :func:`describe` has it; and ``format_version``, ``output``, ``megabytes``, ``metronome_seconds`` (from
        strike to strike of each sound of a metronome), ``stream_sample_rate`` in Hz, to which ``latency`` and
        ``live_latency`` (see :func:`latencies`) belong.

    Raises
    ------
    ModelError
        If the file is not a model.
    ConfigError
        A latency, a rate or a rack that makes no sense.
    """
    from bsep_stream.model.separation_model import SeparationModel
    from bsep_stream.separator import StreamingSeparator

    path = Path(path)
    model = SeparationModel(path)
    separator = StreamingSeparator(model, latency=latency, sample_rate=sample_rate)
    return {
        "kind": "model",
        "path": str(path),
        "format_version": model.format_version,
        "megabytes": path.stat().st_size / 1e6,
        "source_names": list(model.source_names),
        "tones_at_once": [model.tone_sources.count(source) for source in range(model.n_sources)],
        "geometry": model.geometry.to_dict(),
        "stream_sample_rate": separator.sample_rate,
        **latencies(separator, rack),
        "latencies_ms": _latencies_ms(model.geometry),
        "output": model.output,
        "gain": model.gain,
        "dictionary": [[round(float(value), 6) for value in row] for row in model.dictionary],
        "metronome_seconds": [strike.period_seconds for strike in model.metronome],
        "training": model.training,
    }


def _describe_run(path: Path) -> dict[str, Any]:
    run = read_run(path)
    geometry = run.geometry
    ledger = LatencyLedger(geometry.n_fft - geometry.hop_length, geometry.hop_length - 1)
    try:
        gain: float = typed(float, run.progress.get("gain"), "gain")
        if not GAINS[0] <= gain <= GAINS[1]:
            raise ConfigError(f"gain must be {GAINS[0]:g} to {GAINS[1]:g}, got {brief(gain)}")
    except ConfigError as error:
        raise RunError(f"{path / 'run.json'} is damaged ({error}); restore it or train anew") from error
    verdict = path / "verdict.json"  # written when the run ends
    return {
        "kind": "run",
        "path": str(path),
        "source_names": list(run.source_names),
        "tones_at_once": list(run.config.get("tones_at_once") or [1] * len(run.source_names)),
        "geometry": geometry.to_dict(),
        "latency": latency_dict(ledger, geometry.sample_rate),
        "latencies_ms": _latencies_ms(geometry),
        "gain": gain,
        "dictionary": run.dictionary.tolist(),
        "training": {key: value for key, value in run.progress.items() if key not in ("gain", "source_names")},
        "verdict": read_verdict(path) if verdict.exists() else None,
    }


def _latencies_ms(geometry: FrameGeometry) -> dict[str, float]:
    settings = {name: choose_setting(name, geometry) for name in (QUALITY, *LIMITS_MS)}
    settings["soonest"] = latency_settings(geometry)[-1]
    return {
        name: 1000.0 * (setting.algorithmic_samples + setting.adaptation_samples) / geometry.sample_rate
        for name, setting in settings.items()
    }


def latency_dict(ledger: Any, sample_rate: int) -> dict[str, float]:
    """Parts of a latency ledger (a dataclass of ``*_samples``), their sum, and the sum in ms."""
    return _summed({key: int(value) for key, value in asdict(ledger).items()}, sample_rate)


def latencies(separator: StreamingSeparator, rack: Rack | None) -> dict[str, dict[str, float]]:
    """Latency of a stream, and of all that a live engine puts around it, as far as it is known without a device.

    Parameters
    ----------
    separator : StreamingSeparator
    rack : Rack, optional
        Effects after the stream; if given they belong to it.

    Returns
    -------
    dict
        ``latency`` of the stream, ``live_latency`` of all that is between the devices, with the cushion that an engine
        begins with. Each has parts and total in samples, and the total in ms. The buffers of the device are not among
        the parts: they are unknown, not 0.

    Raises
    ------
    ConfigError
        A rack that does not fit the stream.
    """
    parts = asdict(separator.latency)
    if rack is None:
        stream = {**parts}
        boards = 0
    else:
        boards = rack.mixer(separator.stem_names, separator.sample_rate, separator.channels).latency_samples
        stream = {**parts, "boards_samples": boards}
    cushion = default_cushion_samples(separator.setting, separator.tones_hop_samples, USUAL_BLOCK)
    live = {**parts, "boards_samples": boards, "cushion_samples": cushion}
    return {"latency": _summed(stream, separator.sample_rate), "live_latency": _summed(live, separator.sample_rate)}


def _summed(parts: dict[str, int], sample_rate: int) -> dict[str, float]:
    total = sum(parts.values())
    return {**parts, "total_samples": total, "total_ms": 1000.0 * total / sample_rate}


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
