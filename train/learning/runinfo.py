"""What ``run.json`` says: which recordings, how far, and what each stage gained."""

from __future__ import annotations

from dataclasses import dataclass

from bsep_stream.errors import ConfigError
from bsep_stream.model.metadata import GAINS
from bsep_stream.trust.shown import brief
from bsep_stream.trust.textfiles import LARGEST_WHOLE


@dataclass(frozen=True)
class RecordingInfo:
    """A take as the run remembers it; ``sha256`` is that of the file."""

    name: str
    path: str
    duration_seconds: float
    sha256: str


@dataclass(frozen=True)
class StageGain:
    """A stage of a run, and what it did for the explanation of the mixture; both judged on the same frames.

    Parameters
    ----------
    name : str
    begin : int
        Iterations of the run that were done when it began,
    begin_seconds : float
        and what they had taken, with the search.
    iterations : int
        Of the stage, so far.
    seconds : float
        Likewise.
    mixture_cost_before, mixture_cost_after : float
        See :attr:`bsep_stream.train.learning.assessment.Assessment.mixture_cost`.
    explained_before, explained_after : float
        Share of the energy.
    stopped_early : bool
        Whether nothing improved any more, and the next stage began or the run ended.
    """

    name: str
    begin: int
    begin_seconds: float
    iterations: int
    seconds: float
    mixture_cost_before: float
    mixture_cost_after: float
    explained_before: float
    explained_after: float
    stopped_early: bool = False


@dataclass(frozen=True)
class RunInfo:
    """What ``run.json`` holds.

    Parameters
    ----------
    version : str
        Of bsep-stream.
    preset : str
    source_names : tuple of str
    seed : int
    gain : float
        From the recording to what the network sees.
    recordings : tuple of RecordingInfo
    target_iterations : int
        Where the run ends,
    target_seconds : float or None
        or this, whichever comes first; over all parts of the run.
    iterations : int
        Done so far, at the last checkpoint.
    seconds : float
        Spent so far.
    dropped_steps : int
        Steps that were not taken because the loss was not finite.
    finished : bool
    mixture_cost : float or None
        How well the mixture is explained at the end, lower is better: what seeds are compared by
        (:attr:`bsep_stream.train.learning.assessment.Assessment.mixture_cost`).
    stopped_early : bool
        Whether the run ended before its limits because nothing improved any more.
    stages : tuple of StageGain
        Those that have begun.
    """

    version: str
    preset: str
    source_names: tuple[str, ...]
    seed: int
    gain: float
    recordings: tuple[RecordingInfo, ...]
    target_iterations: int
    target_seconds: float | None
    iterations: int = 0
    seconds: float = 0.0
    dropped_steps: int = 0
    finished: bool = False
    mixture_cost: float | None = None
    stopped_early: bool = False
    stages: tuple[StageGain, ...] = ()


MOST_RECORDINGS = 1_000
"""Of a session; all of them are read when it goes on."""


def check_progress(info: RunInfo) -> None:
    """ConfigError for numbers that no run has."""
    numbers = {
        "seed": (info.seed, 0, LARGEST_WHOLE),
        "gain": (info.gain, *GAINS),
        "target_iterations": (info.target_iterations, 0, 1e9),
        "target_seconds": (0.0 if info.target_seconds is None else info.target_seconds, 0.0, 1e9),
        "iterations": (info.iterations, 0, 1e9),
        "seconds": (info.seconds, 0.0, 1e9),
        "dropped_steps": (info.dropped_steps, 0, 1e9),
    }
    if len(info.recordings) > MOST_RECORDINGS:
        raise ConfigError(f"a run has at most {MOST_RECORDINGS} recordings, got {len(info.recordings)}")
    for name, (value, low, high) in numbers.items():
        if not low <= value <= high:
            raise ConfigError(f"{name} must be {low:g} to {high:g}, got {brief(value)}")
