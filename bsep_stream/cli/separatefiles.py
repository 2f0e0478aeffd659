"""``bsep separate`` with files: progress, a line for each, a summary."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bsep_stream.plain import pasteable, path_word
from bsep_stream.trust.terminal import say, say_above_bar

if TYPE_CHECKING:
    from bsep_stream.files.recordings import RecordingOutcome
    from bsep_stream.trust.console import Console

SOME_FAILED = 1  # exit code: the others are done

Separation = Callable[[Callable[[int], object]], "Iterator[RecordingOutcome]"]


def separate_and_tell(begin: Separation, model: Path, recordings: Sequence[Path], *, as_json: bool) -> int:
    """Do a separation and say what becomes of it.

    One recording: the paths of its stems on standard output; what is wrong with it is raised. Several: a line for each
    on standard output, or on standard error if it failed. What else is to be said goes to standard error.

    Parameters
    ----------
    begin : callable
        Gets a function for the progress, and returns the outcomes.
    model : Path
        For the command to be run next.
    recordings : sequence of Path
    as_json : bool
        One JSON object on standard output, instead of the lines there.

    Returns
    -------
    int
        Exit code.
    """
    import json

    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    from bsep_stream.trust.console import Console

    console = Console(stderr=True, highlight=False)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    lengths = {path: _length(path) for path in recordings}
    counts, outcomes = Counter[str](), list["RecordingOutcome"]()
    # Lines to a terminal go above the bar; others must not: the console is standard error.
    bar = Progress(*columns, console=console, redirect_stdout=sys.stdout.isatty())
    task = bar.add_task(recordings[0].name if len(recordings) == 1 else "", total=sum(lengths.values()))
    try:
        with bar:
            for outcome in begin(lambda n: bar.advance(task, n)):
                if len(recordings) == 1 and outcome.error is not None and not as_json:
                    raise outcome.error
                outcomes.append(outcome)
                counts[outcome.status] += 1
                bar.update(task, completed=sum(lengths[each.recording] for each in outcomes))
                _say_warnings(outcome, console)
                if not as_json:
                    _say(outcome, alone=len(recordings) == 1)
    except KeyboardInterrupt:
        if len(recordings) > 1:
            say(f"{_told(counts) or 'nothing separated'}; the same command with --resume goes on", err=True)
        raise
    if as_json:
        files = [outcome.to_dict() for outcome in outcomes]
        say(json.dumps({"model": str(model), "counts": counts, "files": files}, indent=2), lines=True)
    elif len(recordings) > 1:
        say(_told(counts), err=True)
    _say_next(outcomes, model)
    return SOME_FAILED if counts["failed"] else 0


def _length(path: Path) -> int:
    from bsep_stream.errors import AudioError
    from bsep_stream.files.audiofile import Recording
    from bsep_stream.files.containers.unseekable import reads_once

    if reads_once(path):
        return 0  # its turn is the only one
    try:
        with Recording(path) as recording:
            return recording.n_samples
    except AudioError:
        return 0  # told when its turn comes


def _say(outcome: RecordingOutcome, *, alone: bool) -> None:
    names = [path.name for path in outcome.paths.values()]
    folder = next(iter(outcome.paths.values())).parent
    if outcome.error is not None:
        sentence = str(outcome.error)
        named = outcome.recording.name in sentence
        say_above_bar(sentence if named else f"{outcome.recording}: {sentence}", err=True)
    elif outcome.separated is None:
        say_above_bar(f"{outcome.recording}: skipped, {folder} has its files", err=alone)
    elif alone:
        for path in outcome.paths.values():
            say_above_bar(path)
    else:
        say_above_bar(f"{outcome.recording}: {folder} ({', '.join(names)})")


def _say_warnings(outcome: RecordingOutcome, console: Console) -> None:
    for sentence in outcome.separated.warnings if outcome.separated else ():
        console.print(sentence, markup=False, soft_wrap=True)
    for name, count in outcome.separated.n_clipped.items() if outcome.separated else ():
        console.print(
            f"{outcome.paths[name]}: {count} samples beyond full scale were cut off; --format wav keeps them",
            markup=False,
            soft_wrap=True,
        )


def _told(counts: Counter[str]) -> str:
    return ", ".join(f"{counts[status]} {status}" for status in ("separated", "skipped", "failed") if counts[status])


def _say_next(outcomes: Sequence[RecordingOutcome], model: Path) -> None:
    for outcome in outcomes:
        if outcome.separated is not None:
            folder = next(iter(outcome.paths.values())).parent
            command = pasteable(["bsep", "report", path_word(folder), path_word(model), "--output", "report.html"])
            say(f"next: {command}", err=True)
            return
