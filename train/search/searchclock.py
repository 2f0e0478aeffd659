"""How long a search may take: ``--minutes`` are for all of a run."""

from __future__ import annotations

import time
from collections.abc import Callable

SEARCH_SHARE = 0.35
"""Of the time of a run, reading included: what is found must still be learned."""


class SearchClock:
    """To be called at every step of a search, which asks it whether time is over.

    Parameters
    ----------
    end : float
        On the clock.
    on_step : callable, optional
        Is called, too.
    clock : callable
        Seconds, from any origin.
    """

    def __init__(
        self, end: float, on_step: Callable[[], None] | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._end = end
        self._on_step = on_step
        self._clock = clock
        self.remarks: list[str] = []
        """What the time was too short for, in sentences."""

    def __call__(self) -> None:
        if self._on_step is not None:
            self._on_step()

    def over(self) -> bool:
        """Whether the search shall end with what it has."""
        return self._clock() >= self._end

    def left(self) -> float:
        """Seconds that are left."""
        return max(0.0, self._end - self._clock())

    def now(self) -> float:
        """Time of the clock."""
        return self._clock()
