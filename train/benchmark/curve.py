"""Quality against compute: SDR of copies of a run, over wall time and over FLOPs, for several presets."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from bsep_stream.errors import ConfigError, RunError
from bsep_stream.files.atomic import whole_file
from bsep_stream.train.benchmark.items import Item
from bsep_stream.train.benchmark.training import Request, run_in_process, snapshot_path
from bsep_stream.train.benchmark.trial import Settings, judge_run, trial_name
from bsep_stream.train.config.trainconfig import TrainConfig
from bsep_stream.train.learning.learner import Learner
from bsep_stream.train.learning.run_folder import RunFolder


def flops_per_iteration(config: TrainConfig) -> tuple[float, float]:
    """Floating-point operations of one iteration of the imitation (0 where there is none) and of the policy gradient.

    Forward and backward pass; counted on one step each. Convolutions and products of matrices only: a multiply-add
    counts as 2, everything else (peaks, losses, sums) is left out.
    """
    n_bins = config.geometry.n_bins
    pitch = torch.linspace(n_bins / 40, n_bins / 20, config.n_tones)
    generator = torch.Generator().manual_seed(0)

    def frames(count: int) -> torch.Tensor:
        return torch.complex(*(torch.randn(count, n_bins, generator=generator) for _ in range(2)))

    def labels(count: int) -> torch.Tensor:
        return pitch.expand(count, -1).contiguous()

    imitation = 0.0
    learner = Learner(config, 0)
    if config.imitation.iterations > 0:
        count = config.imitation.batch_size
        with FlopCounterMode(display=False) as counter:
            learner.imitate(frames(count), labels(count))
        imitation = float(counter.get_total_flops())
    with FlopCounterMode(display=False) as counter:
        count = config.batch_size
        learner.step(frames(count), labels(count) if config.imitation.iterations > 0 else None)
    return imitation, float(counter.get_total_flops())


def flops_until(config: TrainConfig, iterations: int, imitated: int | None = None) -> float:
    """Floating-point operations of the first `iterations` of a run, without the search before them.

    So many of them were imitation; None: as many as there may be.
    """
    imitation, policy_gradient = flops_per_iteration(config)
    imitated = min(iterations, config.imitation.iterations) if imitated is None else imitated
    return imitated * imitation + (iterations - imitated) * policy_gradient


def run_curve(
    item: Item, output: Path, presets: Sequence[str], settings: Settings, seed: int, counts: Sequence[int]
) -> list[dict[str, Any]]:
    """SDR of every preset after so many iterations, on one item; what is finished is not done again.

    Parameters
    ----------
    item : Item
    output : Path
    presets : sequence of str
    settings : Settings
        The limits of each training, whose step sizes follow from them.
    seed : int
    counts : sequence of int
        Iterations after which a copy of the run is judged. Those that the training does not reach are left out.

    Returns
    -------
    list of dict
        ``preset, iterations, seconds, flops, sdr_db`` of the outputs.
    """
    points = []
    for preset in presets:
        own = replace(settings, preset=preset)
        place = output / "curve" / trial_name(item, own, seed)
        for count in _copies(item, place, own, seed, counts):
            copy = snapshot_path(place / "run", count)
            path = place / f"at-{count}.json"
            if not path.exists():
                folder = RunFolder(copy)
                info = folder.read_info()
                stages = [stage.iterations for stage in info.stages if stage.name == "imitation"]
                imitated = sum(stages) if info.stages else None
                point = {
                    "item": item.folder.name,
                    "preset": preset,
                    "iterations": info.iterations,
                    "seconds": info.seconds,
                    "flops": flops_until(folder.read_config(), info.iterations, imitated),
                    **judge_run(item, copy, place / f"at-{count}", output),
                }
                with whole_file(path) as temporary:
                    temporary.write_text(json.dumps(point, indent=1) + "\n", encoding="utf-8")
            points.append(json.loads(path.read_text(encoding="utf-8")))
    return points


def _copies(item: Item, place: Path, settings: Settings, seed: int, counts: Sequence[int]) -> list[int]:
    """Train with copies on the way; the counts of those that there are."""
    place.mkdir(parents=True, exist_ok=True)
    asked = {**asdict(settings), "counts": sorted(counts)}
    asked_path = place / "asked.json"
    if asked_path.exists() and json.loads(asked_path.read_text(encoding="utf-8")) != asked:
        raise RunError(f"{place} was begun with other limits or counts: choose another --output")
    asked_path.write_text(json.dumps(asked) + "\n", encoding="utf-8")
    folder = RunFolder(place / "run")
    if not (folder.info_path.exists() and folder.read_info().finished):
        limits = settings.preset, settings.minutes, settings.iterations
        run_in_process(Request(item.mixture, folder.path, item.polyphony, *limits, seed, tuple(counts)))
    return [count for count in sorted(counts) if snapshot_path(folder.path, count).is_dir()]


def whole_numbers(text: str) -> tuple[int, ...]:
    """Counts of iterations, or seeds, with commas between them.

    Raises
    ------
    ConfigError
    """
    try:
        numbers = tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        numbers = ()
    if not numbers or min(numbers) < 0 or len(set(numbers)) < len(numbers):
        raise ConfigError(f"expected different whole numbers with commas between them, such as 0,1,2; got {text!r}")
    return numbers


def draw_curve(points: Sequence[dict[str, Any]], path: Path) -> None:
    """Picture: SDR of `mask` and of `direct` over wall time and over FLOPs, one line for each preset and output."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    colours = {preset: f"C{number}" for number, preset in enumerate(dict.fromkeys(p["preset"] for p in points))}
    for axis, key, label in zip(axes, ("seconds", "flops"), ("wall time in s", "FLOPs"), strict=True):
        for preset, colour in colours.items():
            own = [point for point in points if point["preset"] == preset]
            for kind, style in (("mask", "o-"), ("direct", "s--")):
                sdr = [point["measures"]["all"][kind]["mean"]["sdr_db"] for point in own]
                axis.plot([point[key] for point in own], sdr, style, color=colour, label=f"{preset}, {kind}")
        axis.set(xscale="log", xlabel=label)
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("SDR in dB, mean over stems")
    axes[0].legend()
    figure.suptitle(points[0]["item"])
    with whole_file(path) as temporary:
        figure.savefig(temporary, dpi=120)
