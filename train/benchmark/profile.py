"""What an iteration costs: ``python -m bsep_stream.train.benchmark.profile``.

For every preset and both stages: seconds and floating point operations of one iteration, and where they go, as a
Markdown table. The cost does not depend on what is heard, so noise is taken for the frames. Operations are counted as
torch counts them (a multiply-add is two): convolutions and matrix products. Seconds are those of the fastest
iteration, the one that other jobs disturbed least; processor seconds leave out what other jobs took.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import click
import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from bsep_stream.train.config.policy_config import pitch_range
from bsep_stream.train.config.presets import PRESET_NAMES, preset_config
from bsep_stream.train.config.trainconfig import TrainConfig
from bsep_stream.train.learning.learner import Learner
from bsep_stream.trust.terminal import say

STAGES = ("imitation", "policy gradient")

_NAMES = ("one", "two", "three", "four")
_LOUDNESS = 0.1
_SILENT_SHARE = 0.1

# The first name that an operation of torch contains decides.
_PARTS = {
    "convolutions, backward": ("convolution_backward",),
    "convolutions, forward": ("conv",),
    "matrix products": ("bmm", "mm", "matmul"),
    "solves": ("linalg",),
    "gather and scatter": ("gather", "scatter", "index", "searchsorted"),
    "optimiser": ("_foreach", "lerp", "addcdiv", "maximum"),
    "memory": ("copy", "cat", "fill", "zero", "empty", "pad", "clone", "stack"),
}
_REST = "all else"


@dataclass(frozen=True)
class Cost:
    """What one iteration costs.

    Attributes
    ----------
    preset, stage : str
    seconds : float
        Of the fastest iteration.
    processor_seconds : float
        The smallest, over all cores.
    operations : int
        Multiplications and additions in convolutions and matrix products.
    shares : dict of str to float
        Of the time, by part; they sum to 1.
    """

    preset: str
    stage: str
    seconds: float
    processor_seconds: float
    operations: int
    shares: dict[str, float]


def part_of(operation: str) -> str:
    """Part of an iteration that an operation of torch belongs to."""
    for part, names in _PARTS.items():
        if any(name in operation for name in names):
            return part
    return _REST


def noise_batch(config: TrainConfig, n_frames: int) -> tuple[Tensor, Tensor]:
    """Frames (n_frames, n_bins), complex64, and labels (n_frames, n_tones), some of them 0: no tone."""
    generator = torch.Generator().manual_seed(0)
    n_bins = config.geometry.n_bins
    frames = _LOUDNESS * torch.complex(*torch.randn(2, n_frames, n_bins, generator=generator))
    first, end = pitch_range(config.policy, n_bins)
    chance = torch.rand(2, n_frames, config.n_tones, generator=generator)
    labels = max(first, 1) + chance[0] * (end - 1 - max(first, 1))
    return frames, torch.where(chance[1] < _SILENT_SHARE, 0.0, labels)


def measure(config: TrainConfig, stage: str, n_frames: int, repeats: int) -> Cost:
    """Cost of an iteration.

    Parameters
    ----------
    config : TrainConfig
    stage : {"imitation", "policy gradient"}
    n_frames : int
    repeats : int
        Iterations that are timed, after one that is not.
    """
    learner = Learner(config, seed=0)
    frames, labels = noise_batch(config, n_frames)
    steps: dict[str, Callable[[], object]] = {
        "imitation": lambda: learner.imitate(frames, labels),
        "policy gradient": lambda: learner.step(frames, labels if config.imitation.iterations else None),
    }
    step = steps[stage]
    with FlopCounterMode(display=False) as counter:
        step()
    durations = []
    for _ in range(repeats):
        began = time.perf_counter(), time.process_time()
        step()
        durations.append((time.perf_counter() - began[0], time.process_time() - began[1]))
    seconds, processor_seconds = (min(values) for values in zip(*durations, strict=True))
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        for _ in range(repeats):
            step()
    own: dict[str, float] = dict.fromkeys([*_PARTS, _REST], 0.0)
    for event in profiler.key_averages():
        own[part_of(event.key)] += event.self_cpu_time_total
    total = sum(own.values())
    return Cost(
        config.preset,
        stage,
        seconds,
        processor_seconds,
        counter.get_total_flops(),
        {part: microseconds / total for part, microseconds in own.items()},
    )


def markdown(costs: Sequence[Cost], n_frames: int) -> str:
    """Table of costs, one column per preset and stage; milliseconds are those of a processor."""
    head = [f"{n_frames} frames", *(f"{cost.preset}, {cost.stage}" for cost in costs)]
    rows = [
        head,
        ["---"] * len(head),
        ["seconds an iteration", *(f"{cost.seconds:.3f}" for cost in costs)],
        ["processor seconds", *(f"{cost.processor_seconds:.3f}" for cost in costs)],
        ["GFLOP an iteration", *(f"{cost.operations / 1e9:.2f}" for cost in costs)],
        *(
            [f"ms: {part}", *(f"{1e3 * cost.processor_seconds * cost.shares[part]:.1f}" for cost in costs)]
            for part in [*_PARTS, _REST]
        ),
    ]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


@click.command()
@click.option("--preset", "presets", type=click.Choice(PRESET_NAMES), multiple=True, help="One of them, or several.")
@click.option("--sources", default=2, show_default=True, type=click.IntRange(1, len(_NAMES)))
@click.option("--frames", "n_frames", default=12, show_default=True, type=click.IntRange(1))
@click.option("--repeats", default=5, show_default=True, type=click.IntRange(1), help="Iterations that are timed.")
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1), help="Cores to compute on.")
def command(presets: tuple[str, ...], sources: int, n_frames: int, repeats: int, threads: int) -> None:
    """Measure what an iteration of training costs, part by part."""
    torch.set_num_threads(threads)
    costs = [
        measure(preset_config(preset, _NAMES[:sources]), stage, n_frames, repeats)
        for preset in presets or PRESET_NAMES
        for stage in STAGES
    ]
    say(markdown(costs, n_frames), lines=True)
    say()
    say(f"{threads} thread(s), {platform.machine()}, torch {torch.__version__}, {sources} source(s)")


if __name__ == "__main__":
    command()
