"""Progress bar of a training."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from bsep_stream.train.run_folder import RunInfo
from bsep_stream.trust.console import Console

_SMOOTHING = 0.98
"""Share of the loss shown that comes from the iterations before: single batches scatter by a factor of two."""

_SHOWN = {"total": "loss", "dictionary": "dict", "direct": "direct", "agreement": "agree", "imitation": "imit"}


@contextmanager
def listening(console: Console) -> Iterator[Callable[[], None]]:
    """A moving bar while a recording is read and searched, whose end nobody can tell; it is gone afterwards.

    Parameters
    ----------
    console : Console
        Where it is no terminal, one line once the search goes on.

    Yields
    ------
    callable
        To be called now and then during the search.
    """
    text = "listening to the recording"
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=None), TimeElapsedColumn())
    bar = Progress(*columns, console=console, disable=not console.is_terminal, expand=True, transient=True)
    bar.add_task(text, total=None)
    said = console.is_terminal

    def step() -> None:
        nonlocal said
        if not said:
            console.print(Text(text), soft_wrap=True)
            said = True
        bar.refresh()

    with bar:
        yield step


class ProgressBar:
    """Loss terms, iterations a second and time left; where there is no terminal, a line at every checkpoint.

    Parameters
    ----------
    info : RunInfo
        Where the training begins.
    console : Console
    """

    def __init__(self, info: RunInfo, console: Console) -> None:
        self._console = console
        self._begun = info.iterations
        self._since = time.monotonic()
        self._smooth: dict[str, float] = {}
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[note]}"),
            console=console,
            disable=not console.is_terminal,
            expand=True,
        )
        self._task = self._bar.add_task("starting", total=1.0, note="")

    def __enter__(self) -> ProgressBar:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def update(self, stage: str, info: RunInfo, losses: dict[str, float]) -> None:
        """After every iteration."""
        self._smooth = {term: value for term, value in self._smooth.items() if term in losses}  # those of this stage
        for term, value in losses.items():
            if value == value:  # not NaN: a dropped step tells nothing about the loss
                before = self._smooth.get(term, value)
                self._smooth[term] = _SMOOTHING * before + (1 - _SMOOTHING) * value
        self._bar.update(self._task, description=stage, completed=_share(info), note=self._note(info))

    def saved(self, info: RunInfo, losses: dict[str, float]) -> None:
        """After every checkpoint."""
        if not self._console.is_terminal:
            self._console.print(Text(self._note(info)), soft_wrap=True)

    def _note(self, info: RunInfo) -> str:
        rate = (info.iterations - self._begun) / max(time.monotonic() - self._since, 1e-9)
        terms = "  ".join(f"{label} {self._smooth[term]:.3g}" for term, label in _SHOWN.items() if term in self._smooth)
        dropped = f"  {info.dropped_steps} dropped" if info.dropped_steps else ""
        return (
            f"{info.iterations}/{info.target_iterations}  {terms}{dropped}  "
            f"{rate:.2f} it/s  {_clock_text(_seconds_left(info, rate))} left"
        )


def _share(info: RunInfo) -> float:
    """How much of the run is done: 0 to 1, by the limit that is nearer."""
    by_time = info.seconds / info.target_seconds if info.target_seconds else 0.0
    return min(1.0, max(by_time, info.iterations / max(info.target_iterations, 1)))


def _seconds_left(info: RunInfo, rate: float) -> float | None:
    limits = []
    if rate > 0 or info.iterations >= info.target_iterations:
        limits.append((info.target_iterations - info.iterations) / max(rate, 1e-9))
    if info.target_seconds is not None:
        limits.append(info.target_seconds - info.seconds)
    return max(0.0, min(limits)) if limits else None


def _clock_text(seconds: float | None) -> str:
    if seconds is None:
        return "?"
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"
