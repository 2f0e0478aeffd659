"""What a model or a training run holds, read without torch."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bsep_stream.errors import ConfigError, RunError
from bsep_stream.model.geometry import FrameGeometry
from bsep_stream.model.metadata import GAINS
from bsep_stream.report.runfiles import RunSummary as RunSummary
from bsep_stream.report.runfiles import is_run as is_run
from bsep_stream.report.runfiles import read_losses as read_losses
from bsep_stream.report.runfiles import read_run as read_run
from bsep_stream.report.runfiles import read_verdict as read_verdict
from bsep_stream.stream.latency import LIMITS_MS, QUALITY, choose_setting, latency_settings
from bsep_stream.stream.ledger import USUAL_BLOCK, LatencyLedger, default_cushion_samples
from bsep_stream.trust.records import typed
from bsep_stream.trust.shown import brief

if TYPE_CHECKING:
    from bsep_stream.effects.rack import Rack
    from bsep_stream.separator import StreamingSeparator


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
        strike to strike of each sound of a metronome), ``decay_seconds`` (in which what a source has played falls by
        60 dB, of each, or empty), ``stream_sample_rate`` in Hz, to which ``latency`` and
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
        "decay_seconds": list(model.decay_seconds),
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
