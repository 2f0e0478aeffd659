"""Stages: the parts of a training, and what each of them gained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bsep_stream.train.learning.learner import StepReport
from bsep_stream.train.learning.run_folder import StageGain

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
        f"explained {gain.explained_before:.1%} to {gain.explained_after:.1%}, in {gain.iterations} iterations and {gain.seconds:.0f} s{early}."
    )
