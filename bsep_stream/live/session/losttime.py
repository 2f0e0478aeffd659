"""Sound of the input that never came: the process was stopped, or the machine stood still."""

from __future__ import annotations

_WINDOW_SECONDS = 0.5
_SMALLEST_SECONDS = 0.1  # blocks and their jitter are shorter, and a lost block is a fault of the device


class LostTime:
    """Compares what came with the time that has passed.

    The input is behind the clock by an amount that goes up and down with every block. Its smallest value in half a
    second stays, but for the drift of two clocks, which is slow; where it jumps, so much sound was lost.

    Parameters
    ----------
    sample_rate : int
        Hz.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self.restart()

    def restart(self) -> None:
        """Begin anew: the device was away, and time passed without it."""
        self._floor: float | None = None
        self._smallest: float | None = None
        self._window_end = 0.0
        self._captured = 0

    def observe(self, seconds: float, captured: int) -> int:
        """Samples that are known now to have been lost, and were not before.

        Parameters
        ----------
        seconds : float
            Time, from any origin, that goes on while the process does not.
        captured : int
            Samples of the input so far.
        """
        if captured == self._captured:  # whether a device has fallen silent is for others to tell
            return 0
        self._captured = captured
        behind = seconds * self._rate - captured
        if self._smallest is None:
            self._smallest, self._window_end = behind, seconds + _WINDOW_SECONDS
            return 0
        self._smallest = min(self._smallest, behind)
        if seconds < self._window_end:
            return 0
        return self._close_window(behind, seconds)

    def finish(self) -> int:
        """The same for the end, when no more windows come."""
        return 0 if self._smallest is None else self._lost_until(self._smallest)

    def _close_window(self, behind: float, seconds: float) -> int:
        assert self._smallest is not None
        lost = self._lost_until(self._smallest)
        self._smallest, self._window_end = behind, seconds + _WINDOW_SECONDS
        return lost

    def _lost_until(self, smallest: float) -> int:
        before, self._floor = self._floor, smallest
        if before is None or smallest - before < _SMALLEST_SECONDS * self._rate:
            return 0
        return round(smallest - before)
