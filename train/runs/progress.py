"""Progress bar of a training: one line, in any terminal of 60 columns or more."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType

from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.table import Column
from rich.text import Text

from bsep_stream.train.learning.runinfo import RunInfo
from bsep_stream.train.runs.watching import SEARCH, SEEDS, Progress, seconds_left, share_done
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
    bar = Bars(*columns, console=console, disable=not console.is_terminal, expand=True, transient=True)
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
    """Phase, how far it is and the time left; where there is no terminal, a line with all terms at every checkpoint.

    Parameters
    ----------
    info : RunInfo
        Where the training begins.
    console : Console
    verbose : bool
        Whether such lines are told in a terminal as well.
    """

    def __init__(self, info: RunInfo, console: Console, *, verbose: bool = False) -> None:
        self._console = console
        self._verbose = verbose
        self._begun = info.iterations
        self._since = time.monotonic()
        self._smooth: dict[str, float] = {}
        self._stage = "starting"
        one_line = Column(no_wrap=True)
        self._bar = Bars(
            TextColumn("{task.description}", table_column=one_line),
            BarColumn(bar_width=None, table_column=Column(ratio=1)),
            TextColumn("{task.fields[note]}", table_column=one_line),
            console=console,
            disable=not console.is_terminal,
            expand=True,
        )
        self._task = self._bar.add_task(self._stage, total=1.0, note="")

    def __enter__(self) -> ProgressBar:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def update(self, stage: str, info: RunInfo, losses: dict[str, float]) -> None:
        """After every iteration."""
        self._stage = stage
        self._smooth = {term: value for term, value in self._smooth.items() if term in losses}  # those of this stage
        for term, value in losses.items():
            if value == value:  # not NaN: a dropped step tells nothing about the loss
                before = self._smooth.get(term, value)
                self._smooth[term] = _SMOOTHING * before + (1 - _SMOOTHING) * value
        self._bar.update(self._task, description=stage, completed=share_done(info), note=self._note(info))

    def saved(self, info: RunInfo, losses: dict[str, float]) -> None:
        """After every checkpoint."""
        if self._verbose or not self._console.is_terminal:
            self._console.print(Text(f"{self._stage}  {self._note(info)}  {self._terms(info)}"), soft_wrap=True)

    def _rate(self, info: RunInfo) -> float:
        return (info.iterations - self._begun) / max(time.monotonic() - self._since, 1e-9)

    def _note(self, info: RunInfo) -> str:
        left = _clock_text(seconds_left(info, self._rate(info)))
        return f"{info.iterations}/{info.target_iterations}  {left} left"

    def _terms(self, info: RunInfo) -> str:
        terms = "  ".join(f"{label} {self._smooth[term]:.3g}" for term, label in _SHOWN.items() if term in self._smooth)
        dropped = f"  {info.dropped_steps} dropped" if info.dropped_steps else ""
        return f"{terms}{dropped}  {self._rate(info):.2f} it/s"


class Shown:
    """Shows all of a training, to be handed to it as ``on_progress``: one bar after the other.

    Parameters
    ----------
    console : Console
    verbose : bool
        As for :class:`ProgressBar`.

    Attributes
    ----------
    has_trained : bool
        Whether a training was begun or gone on with at all.
    """

    def __init__(self, console: Console, *, verbose: bool = False) -> None:
        self.has_trained = False
        self._verbose = verbose
        self._console = console
        self._open = ExitStack()
        self._listen: Callable[[], None] | None = None
        self._bar: ProgressBar | None = None

    def __enter__(self) -> Shown:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Take the bars away."""
        self._open.close()

    def __call__(self, progress: Progress) -> None:
        if progress.phase == SEARCH:
            if self._listen is None:
                self._listen = self._open.enter_context(listening(self._console))
            self._listen()
        elif progress.phase == SEEDS:
            text = f"start with seed {progress.seed}: cost {progress.mixture_cost:.4f} (lower is better)"
            self._console.print(Text(text), soft_wrap=True)
        elif progress.info is not None:
            self._train(progress, progress.info)

    def _train(self, progress: Progress, info: RunInfo) -> None:
        if self._bar is None:
            self.close()  # the search is over
            self.has_trained = True
            self._bar = self._open.enter_context(ProgressBar(info, self._console, verbose=self._verbose))
        elif progress.saved:
            self._bar.saved(info, progress.losses)
        else:
            self._bar.update(progress.phase, info, progress.losses)


def _clock_text(seconds: float | None) -> str:
    if seconds is None:
        return "?"
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"
