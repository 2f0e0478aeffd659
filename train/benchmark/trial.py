"""One trial: train on an item with one seed, separate its mixture in every way, judge, and say what went wrong."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

from bsep_stream.errors import RunError
from bsep_stream.files.atomic import whole_file
from bsep_stream.files.audiofile import read_recording
from bsep_stream.files.separation import separate_file
from bsep_stream.machine import machine
from bsep_stream.model.separation_model import OUTPUT_KINDS, SeparationModel
from bsep_stream.train.benchmark.diagnostics import (
    best_order,
    model_tones,
    played,
    similarity,
    tone_errors,
    true_dictionary,
)
from bsep_stream.train.benchmark.items import PARTS, Item
from bsep_stream.train.benchmark.training import Request, effort_path, run_in_process
from bsep_stream.train.benchmark.truth import kept_tones
from bsep_stream.train.learning.run_folder import RunFolder
from bsep_stream.train.learning.runinfo import RunInfo
from bsep_stream.train.session.labels import Labels

TAKES = ("all", "first half")
"""What of an item's mixture is trained on."""

_FORMAT = 2


@dataclass(frozen=True)
class Settings:
    """Of all trials of a benchmark.

    Parameters
    ----------
    preset : str
    minutes : float or None
    iterations : int or None
    """

    preset: str = "fast"
    minutes: float | None = None
    iterations: int | None = None


def trial_name(item: Item, settings: Settings, seed: int, take: str = "all") -> str:
    """Of a trial, and of its folder."""
    return f"{item.folder.name}-{settings.preset}-seed{seed}" + ("-first-half" if take == "first half" else "")


def run_trial(item: Item, output: Path, settings: Settings, seed: int, take: str = "all") -> dict[str, Any]:
    """Train, separate, judge; what is finished is read and not done again.

    Parameters
    ----------
    item : Item
    output : Path
        Folder of the benchmark.
    settings : Settings
    seed : int
    take : str
        One of :data:`TAKES`.

    Returns
    -------
    dict
        Plain values, as in ``result.json`` of the trial's folder.

    Raises
    ------
    RunError
        If the folder holds a run with other limits, or the training fails.
    """
    place = output / trial_name(item, settings, seed, take)
    asked = {**asdict(settings), "seed": seed, "take": take}
    path = place / "result.json"
    if path.exists():
        kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if kept.get("format") == _FORMAT:
            if kept["asked"] != asked:
                raise RunError(
                    f"{place} was made with {_limits(kept['asked'])}, not {_limits(asked)}: choose another --output"
                )
            return kept
    place.mkdir(parents=True, exist_ok=True)
    mixture = item.mixture if take == "all" else _first_half(item.mixture, place / "first_half.flac")
    run = train_to_end(mixture, place, item.polyphony, settings, seed)
    result = {"format": _FORMAT, "item": item.folder.name, "asked": asked, "machine": machine(), **_effort(run)}
    result |= judge_run(item, run, place, output)
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return result


def train_to_end(mixture: Path, place: Path, tones_at_once: tuple[int, ...], settings: Settings, seed: int) -> Path:
    """Folder of a finished run in `place`, begun, continued, or found finished."""
    run = place / "run"
    folder = RunFolder(run)
    if not (folder.info_path.exists() and folder.read_info().finished):
        limits = settings.preset, settings.minutes, settings.iterations
        run_in_process(Request(mixture, run, tones_at_once, *limits, seed))
    return run


def judge_run(item: Item, run: Path, place: Path, output: Path) -> dict[str, Any]:
    """Measures of every output of a run (or of a copy of one), and diagnostics of its tones."""
    from bsep_stream.export.cli import export_run

    info = RunFolder(run).read_info()
    path = place / "model.onnx"
    export_run(run, path, overwrite=True)
    model = SeparationModel(path)
    measures: dict[str, dict[str, Any]] = {part: {} for part in PARTS}
    estimates = {"mixture": [item.mixture] * len(item.names)}
    for kind in OUTPUT_KINDS:
        separated = separate_file(model, item.mixture, place / kind, output=kind, overwrite=True)
        estimates[kind] = [separated.paths[name] for name in info.source_names]
    for kind in ("mixture", "mask", "direct", "dictionary"):
        for part in PARTS:
            measures[part][kind] = item.judge(estimates[kind], part)
    order = [stem["estimate"] for stem in measures["all"]["mask"]["stems"]]
    diagnostics: dict[str, Any] = {"tones": None, "labels": None, "dictionary_similarity": {}}
    if not item.has_chords:  # the true pitches of a stem are those of one tone at a time
        diagnostics = diagnose(item, model, run, order, output)
    return {"measures": measures, "diagnostics": diagnostics}


def diagnose(item: Item, model: SeparationModel, run: Path, order: list[int], output: Path) -> dict[str, Any]:
    """Errors of the model's tones and of the search's labels, and likeness of the dictionaries.

    Parameters
    ----------
    item : Item
    model : SeparationModel
    run : Path
    order : list of int
        Source of the model that belongs to every true stem.
    output : Path
        Folder of the benchmark; true tones are kept there.
    """
    geometry = replace(model.geometry, n_bins=model.geometry.n_fft // 2 + 1)
    tones = kept_tones(item, geometry, output / "truth")
    sounding, silent = played(item, tones.f0_bin, geometry)
    audio, rate = read_recording(item.mixture)
    mixture = soxr.resample(audio.mean(axis=0), rate, geometry.sample_rate, quality="VHQ").astype(np.float32)
    found = model_tones(model, mixture)[order]
    stems = [stem.mean(axis=0) for stem in item.stems_at(geometry.sample_rate)]
    learned = model.dictionary[order]
    fitted = true_dictionary(stems, tones, geometry)
    labels_path = RunFolder(run).labels_path
    labels = None
    if labels_path.exists():
        read = Labels.load(labels_path)
        frame = read.centre // geometry.hop_length
        played_f0, heard, unheard = tones.f0_bin[:, frame], sounding[:, frame], silent[:, frame]
        # The search is judged by itself: whether the network took up its order of the sources is another question.
        own_order = best_order(read.f0_bin.T, played_f0, heard)
        labels = tone_errors(read.f0_bin.T[own_order], played_f0, heard, unheard).to_dict()
    return {
        "tones": tone_errors(found, tones.f0_bin, sounding, silent).to_dict(),
        "labels": labels,
        "dictionary_similarity": dict(zip(item.names, similarity(learned, fitted), strict=True)),
    }


def _effort(run: Path) -> dict[str, Any]:
    info: RunInfo = RunFolder(run).read_info()
    path = effort_path(run)
    process = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {
        "iterations": info.iterations,
        "seconds": info.seconds,
        "iterations_per_second": info.iterations / info.seconds,
        "mixture_cost": info.mixture_cost,
        "peak_memory_mb": process.get("peak_memory_mb"),
        "threads": process.get("threads"),
    }


def _limits(asked: dict[str, Any]) -> str:
    return ", ".join(f"{name} {asked[name]}" for name in ("minutes", "iterations"))


def _first_half(mixture: Path, path: Path) -> Path:
    if not path.exists():
        audio, rate = read_recording(mixture)
        with whole_file(path) as temporary:
            soundfile.write(temporary, audio[:, : audio.shape[1] // 2].T, rate, subtype="PCM_24")
    return path
