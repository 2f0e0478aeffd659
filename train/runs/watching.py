"""How a training is watched: what its caller is told meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bsep_stream.train.learning.runinfo import RunInfo

if TYPE_CHECKING:
    from bsep_stream.train.learning.loop import Training

SEARCH, SEEDS, START = "search", "seeds", "start"


@dataclass(frozen=True)
class Progress:
    """Where a training is.

    Parameters
    ----------
    phase : str
        ``search``: the recording is read and searched, and nobody can tell how long that takes. ``seeds``: one of
        several starts has ended. ``start``: the run can be exported from now on, and the first iteration comes next.
        Then ``imitation`` and ``policy gradient``, after every iteration.
    info : RunInfo or None
        How far the run is, and its limits; None in ``search`` and ``seeds``.
    share : float or None
        How much of the run is done, 0 to 1, by the limit that is nearer.
    seconds_left : float or None
        None as long as nobody can tell.
    losses : dict of str to float
        Terms of the loss in this iteration.
    explained_share : float or None
        Of the energy of the mixture, when it was looked at last.
    saved : bool
        Whether a checkpoint was just written, instead of an iteration done.
    seed, mixture_cost : int or None, float or None
        Of the start that has ended, in ``seeds``; lower is better.
    """

    phase: str
    info: RunInfo | None = None
    share: float | None = None
    seconds_left: float | None = None
    losses: dict[str, float] = field(default_factory=dict)
    explained_share: float | None = None
    saved: bool = False
    seed: int | None = None
    mixture_cost: float | None = None


class Watch:
    """The display of a training that tells a callable; see :class:`bsep_stream.train.learning.loop.Display`.

    Parameters
    ----------
    training : Training
    on_progress : callable
        Called with a :class:`Progress`.
    """

    def __init__(self, training: Training, on_progress: Callable[[Progress], object]) -> None:
        self._training = training
        self._begun = training.info
        self._phase = START
        self._tell = on_progress
        self._report(training.info, {}, saved=False)

    def update(self, stage: str, info: RunInfo, losses: dict[str, float]) -> None:
        """After every iteration."""
        self._phase = stage
        self._report(info, losses, saved=False)

    def saved(self, info: RunInfo, losses: dict[str, float]) -> None:
        """After every checkpoint."""
        self._report(info, losses, saved=True)

    def _report(self, info: RunInfo, losses: dict[str, float], *, saved: bool) -> None:
        rate = (info.iterations - self._begun.iterations) / max(info.seconds - self._begun.seconds, 1e-9)
        self._tell(
            Progress(
                self._phase,
                info=info,
                share=share_done(info),
                seconds_left=seconds_left(info, rate),
                losses=losses,
                explained_share=self._training.explained_share,
                saved=saved,
            )
        )


def share_done(info: RunInfo) -> float:
    """How much of the run is done: 0 to 1, by the limit that is nearer."""
    by_time = info.seconds / info.target_seconds if info.target_seconds else 0.0
    return min(1.0, max(by_time, info.iterations / max(info.target_iterations, 1)))


def seconds_left(info: RunInfo, rate: float) -> float | None:
    """Time until the nearer limit, at so many iterations per second; None if nobody can tell."""
    limits = []
    if rate > 0 or info.iterations >= info.target_iterations:
        limits.append((info.target_iterations - info.iterations) / max(rate, 1e-9))
    if info.target_seconds is not None:
        limits.append(info.target_seconds - info.seconds)
    return max(0.0, min(limits)) if limits else None
