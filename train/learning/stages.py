"""Stages: the parts of a training, and what each of them gained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from bsep_stream.train.learning.assessment import Assessment
from bsep_stream.train.learning.learner import StepReport
from bsep_stream.train.learning.runinfo import RunInfo, StageGain

SAME_COST = 0.002
"""Smaller relative changes of the cost are said to be none."""


@dataclass(frozen=True)
class Stage:
    """A part of the training.

    Parameters
    ----------
    name : str
    end : int
        The stage is over when so many iterations of the run are done,
    end_share : float
        or so much of the run's time, if that is limited.
    step : callable
        Does one iteration.
    """

    name: str
    end: int
    end_share: float
    step: Callable[[], StepReport]


def begun(stage: Stage, info: RunInfo, assessment: Assessment) -> RunInfo:
    """A run with one more stage, which begins where it is now."""
    cost, explained = assessment.mixture_cost, assessment.explained_share
    gain = StageGain(stage.name, info.iterations, info.seconds, 0, 0.0, cost, cost, explained, explained)
    return replace(info, stages=(*info.stages, gain))


def gone_on(info: RunInfo, iterations: int, seconds: float) -> RunInfo:
    """A run after so many iterations and seconds, and with it its last stage."""
    info = replace(info, iterations=iterations, seconds=seconds)
    if not info.stages:
        return info
    last = info.stages[-1]
    last = replace(last, iterations=iterations - last.begin, seconds=seconds - last.begin_seconds)
    return replace(info, stages=(*info.stages[:-1], last))


def judged(info: RunInfo, assessment: Assessment, stopped_early: bool) -> RunInfo:
    """A run whose last stage has come to this."""
    gain = replace(
        info.stages[-1],
        mixture_cost_after=assessment.mixture_cost,
        explained_after=assessment.explained_share,
        stopped_early=stopped_early,
    )
    return replace(info, stages=(*info.stages[:-1], gain))


def gain_sentences(gains: Sequence[StageGain]) -> tuple[str, ...]:
    """What every stage of a run did for the explanation of the mixture, in words."""
    return tuple(_sentence(gain) for gain in gains if gain.iterations)


def _sentence(gain: StageGain) -> str:
    before, after = gain.mixture_cost_before, gain.mixture_cost_after
    change = (before - after) / max(before, 1e-12)
    word = "better" if change > 0 else "worse"
    verdict = "no difference" if abs(change) < SAME_COST else f"{abs(change):.1%} {word}"
    early = ", ended early" if gain.stopped_early else ""
    return (
        f"{gain.name.capitalize()}: cost {before:.4f} to {after:.4f} ({verdict}), "
        f"explained {gain.explained_before:.1%} to {gain.explained_after:.1%}, "
        f"in {gain.iterations} iterations and {gain.seconds:.0f} s{early}."
    )
