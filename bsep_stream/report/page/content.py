"""What is known about a session, as plain values for JSON: learned, measured, set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bsep_stream.errors import AudioError
from bsep_stream.filenames import real
from bsep_stream.files.audiofile import read_recording
from bsep_stream.files.stemfolder import StemFolder
from bsep_stream.report.info import describe
from bsep_stream.report.pictures import EXPLAINED, running_median
from bsep_stream.report.runfiles import RunSummary, read_losses, read_verdict
from bsep_stream.report.subject import Subject

_POINTS = 400  # of a curve
_NOT_CURVES = ("iteration", "seconds")


def dictionary_rows(subject: Subject) -> list[dict[str, Any]]:
    """Name and level of the harmonics in dB below the loudest one, by source."""
    if subject.dictionary is None:
        return []
    rows = []
    for name, row in zip(subject.source_names, np.asarray(subject.dictionary, dtype=np.float64), strict=True):
        decibels = 20.0 * np.log10(np.maximum(row / (row.max() or 1.0), 1e-6))
        rows.append({"name": name, "decibels": [round(float(value), 1) for value in decibels]})
    return rows


def training_curves(run: RunSummary) -> dict[str, Any]:
    """Loss terms and explained shares over the iterations, thinned to what a screen can show.

    Returns
    -------
    dict
        ``losses`` and ``explained``: lists of ``{name, x, y, median}``.
    """
    log = read_losses(run.path)
    curves: dict[str, Any] = {"losses": [], "explained": []}
    for name, values in log.items():
        if name in _NOT_CURVES:
            continue
        is_share = name.startswith(EXPLAINED)
        known = np.isfinite(values) & (True if is_share else values > 0)
        if known.any():
            curve = {"name": name, **_curve(log["iteration"][known], values[known])}
            curves["explained" if is_share else "losses"].append(curve)
    return curves


def _curve(x: NDArray[np.float64], y: NDArray[np.float64]) -> dict[str, list[float]]:
    if len(y) > 50:
        thin = np.linspace(0, len(y) - 1, min(_POINTS, len(y))).round().astype(int)
        middle_x, middle_y = running_median(x, y)
        return {
            "x": _short(x[thin]),
            "y": _short(y[thin]),
            "medianX": _short(middle_x),
            "medianY": _short(middle_y),
        }
    return {"x": [], "y": [], "medianX": _short(x), "medianY": _short(y)}


def verdict(run: RunSummary) -> dict[str, list[str]]:
    """What the run says of itself in words (``verdict.json``), where it does."""
    if not (run.path / "verdict.json").exists():
        return {"sentences": [], "warnings": []}
    found = read_verdict(run.path)
    warnings, sentences = list(found["warnings"]), list(found["sentences"])
    return {"sentences": [each for each in sentences if each not in warnings], "warnings": warnings}


def measures(subject: Subject, references: Sequence[str | Path]) -> dict[str, Any]:
    """SDR, SIR, SAR and SI-SDR of the stems against the true ones.

    Raises
    ------
    AudioError
        As many true stems as sources are needed, at the same rate and of the same length.
    """
    from bsep_stream.report.measures import evaluate

    stems = subject.stems
    if stems is None:
        raise AudioError("true stems are compared with a folder of stems; give one")
    names = [name for name in subject.ordered_stems() if name in stems.source_names]
    if len(references) != len(names):
        raise AudioError(f"expected a true stem for each of {', '.join(names)}, got {len(references)}")
    true = []
    for path in references:
        audio, sample_rate = read_recording(path)
        if (sample_rate, audio.shape) != (stems.sample_rate, (stems.channels, stems.n_samples)):
            raise AudioError(
                f"true stems must be like the stems ({stems.sample_rate} Hz, {stems.channels} channels, "
                f"{stems.n_samples} samples), {path} has {sample_rate} Hz, {len(audio)} channels, "
                f"{audio.shape[1]} samples"
            )
        true.append(audio)
    result = evaluate(true, [stems.audio(name) for name in names], [Path(path).stem for path in references])
    values = result.to_dict()
    for row in values["stems"]:
        row["estimate"] = names[row["estimate"]]
    return values


def energy_shares(subject: Subject) -> dict[str, float]:
    """Energy of every stem over that of the mixture; stems that are alike add up to more or less than 1."""
    stems = subject.stems
    assert stems is not None
    energies = {}
    mixture: NDArray[np.float32] | None = None
    for name in subject.ordered_stems():
        audio = stems.audio(name)
        energies[name] = float(np.vdot(audio, audio))
        mixture = audio if mixture is None else mixture + audio
    assert mixture is not None
    whole = float(np.vdot(mixture, mixture))
    return {name: energy / whole if whole > 0 else 0.0 for name, energy in energies.items()}


def facts(subject: Subject) -> dict[str, Any]:
    """Latency, settings and origin, from the model if there is one, else from the run."""
    source = subject.model.path if subject.model is not None else None
    if source is None and subject.run is not None:
        source = subject.run.path
    if source is None:
        return {}
    known = describe(source)
    latency = known["latency"]
    return {
        "latency": {
            "parts": [
                {"name": key.removesuffix("_samples").replace("_", " "), "samples": value}
                for key, value in latency.items()
                if not key.startswith("total")
            ],
            "samples": latency["total_samples"],
            "milliseconds": round(latency["total_ms"], 1),
            "sampleRate": known["geometry"]["sample_rate"],
        },
        "settings": _settings(subject, known),
    }


def _settings(subject: Subject, known: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Groups of names and values, nested names joined by dots."""
    # A page is made to be given away: what is called how, not where it lies on this machine.
    known = {**known, "name": real(known["path"]).name}
    groups = {
        known["kind"]: {
            key: known[key] for key in ("name", "format_version", "megabytes", "output", "gain") if key in known
        },
        "frames": known["geometry"],
        "training": known["training"],
    }
    if subject.run is not None:
        groups["configuration"] = {key: value for key, value in subject.run.config.items() if key != "geometry"}
    return [
        {"name": name, "values": [[key, _text(value)] for key, value in _flat(values)]}
        for name, values in groups.items()
        if values
    ]


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    pairs: list[tuple[str, Any]] = []
    for key, value in values.items():
        if key == "path" or key.endswith("_path"):
            value = Path(str(value)).name
        pairs += _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else [(f"{prefix}{key}", value)]
    return pairs


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return ", ".join(str(each.get("name", each)) if isinstance(each, Mapping) else _text(each) for each in value)
    if value is None:
        return "none"
    if isinstance(value, bool):  # not what equals one: 1 and 0 are numbers
        return "yes" if value else "no"
    return str(value)


def _short(values: NDArray[np.float64]) -> list[float]:
    return [float(f"{value:.5g}") for value in values]


def check_remix(stems: StemFolder) -> bool:
    """Whether there is a remix to be played along.

    Raises
    ------
    AudioError
        A remix that is not of these stems.
    """
    if stems.remix_path is None:
        return False
    from bsep_stream.files.audiofile import Recording

    with Recording(stems.remix_path) as recording:
        found = (recording.sample_rate, recording.channels, recording.n_samples)
    expected = (stems.sample_rate, stems.channels, stems.n_samples)
    if found != expected:
        raise AudioError(
            f"the remix should be like the stems (rate, channels, samples {expected}), {stems.remix_path} has {found}; "
            "make it again with bsep separate --rack"
        )
    return True
