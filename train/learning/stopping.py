"""Early stop: a stage of a run ends when the mixture has not been explained better for long."""

from __future__ import annotations

from collections.abc import Iterable

CHECKS = 20
"""Assessments in a run of full length: 1.5 % of its time."""

SHORTEST_INTERVAL = 50
"""Iterations between assessments: fewer are no training in which anything could settle."""

PATIENCE_SHARE = 0.2
"""Part of the iterations of a full run after which no improvement is the end,"""

EARLIEST_SHARE = 0.7
"""but not before so much of it: falling step sizes still improve what had come to rest."""

IMPROVEMENT = 0.002
"""Smaller relative changes of the cost are none."""

CHECK_FRAMES = 128
"""Always the same ones, so that chance has no part in the comparison."""


class EarlyStop:
    """Decides by iterations and costs alone, not by time: the same on every machine.

    Parameters
    ----------
    target_iterations : int
        Of what is left of the run when the stage begins: the next stage has its own patience.
    costs : iterable of (iteration, cost)
        What was found before an interruption.
    begin : int
        Iterations of the run before the stage.
    """

    def __init__(self, target_iterations: int, costs: Iterable[Iterable[float]] = (), begin: int = 0) -> None:
        self._target = target_iterations
        self._begin = begin
        self._interval = max(SHORTEST_INTERVAL, target_iterations // CHECKS)
        self.costs = [(int(iteration), float(cost)) for iteration, cost in costs]

    def due(self, iterations: int) -> bool:
        """Whether the run should be assessed after so many iterations."""
        return iterations % self._interval == 0

    def add(self, iterations: int, cost: float) -> None:
        """Note a mixture cost."""
        self.costs.append((iterations, cost))

    def exhausted(self, iterations: int) -> bool:
        """Whether nothing has improved for long."""
        since = iterations - PATIENCE_SHARE * self._target
        before = [cost for iteration, cost in self.costs if self._begin <= iteration <= since]
        lately = [cost for iteration, cost in self.costs if iteration > since]
        if iterations - self._begin < EARLIEST_SHARE * self._target or not before or not lately:
            return False
        return min(lately) > (1.0 - IMPROVEMENT) * min(before)
