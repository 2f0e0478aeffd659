"""The log of a run: a CSV file that a person can plot, and TensorBoard events where tensorboard is there."""

from __future__ import annotations

import csv
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bsep_stream.errors import RunError
from bsep_stream.files.atomic import whole_file
from bsep_stream.trust.textfiles import Fail, read_text

TERMS = ("total", "dictionary", "direct", "agreement", "imitation")
EXPLAINED = "explained"
"""Share of the mixture's energy that the tones explain, in the iterations after which the run was assessed."""

LARGEST_BYTES = 128_000_000
_MOST_DIGITS = 12

COLUMNS = ("iteration", "seconds", *TERMS, EXPLAINED)


class Logbook:
    """Appends one row per iteration.

    Parameters
    ----------
    path : Path
        The CSV file.
    events_path : Path
        Folder of the TensorBoard events.
    iterations : int
        Of the checkpoint that the run continues from: later rows, which an interruption left behind, go.
    """

    def __init__(self, path: Path, events_path: Path, iterations: int = 0) -> None:
        _cut(path, iterations)
        self._file = path.open("a", encoding="utf-8")
        self._events = _event_writer(events_path, iterations)

    def add(self, iteration: int, seconds: float, losses: Mapping[str, float], explained: float | None = None) -> None:
        """One row; terms that a stage of the training does not have stay empty, and what was not assessed."""
        values = [f"{losses[term]:.6g}" if term in losses else "" for term in TERMS]
        share = "" if explained is None else f"{explained:.4f}"
        self._file.write(",".join([str(iteration), f"{seconds:.2f}", *values, share]) + "\n")
        if self._events is not None:
            for term, value in losses.items():
                self._events.add_scalar(f"loss/{term}", value, iteration)
            if explained is not None:
                self._events.add_scalar(EXPLAINED, explained, iteration)

    def flush(self) -> None:
        """Bring all rows to the disk."""
        self._file.flush()
        if self._events is not None:
            self._events.flush()

    def close(self) -> None:
        """Flush and close."""
        self._file.close()
        if self._events is not None:
            self._events.close()


def _cut(path: Path, iterations: int) -> None:
    """Keep the rows up to an iteration; a log of an earlier version gets the columns that it lacks."""
    fail = Fail(RunError, str(path), ": restore it, or remove it")
    lines = read_text(path, LARGEST_BYTES, fail).splitlines() if path.exists() and iterations else []
    try:
        kept = [row for row in csv.DictReader(lines) if 0 < _iteration(row) <= iterations]
    except csv.Error as error:
        raise fail(f"is no table ({error})") from error
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="", extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(kept)


def _iteration(row: Mapping[str, str | None]) -> int:
    number = row.get("iteration") or ""
    return int(number) if number.isdecimal() and len(number) <= _MOST_DIGITS else 0


def _event_writer(events_path: Path, iterations: int) -> Any:
    if importlib.util.find_spec("tensorboard") is None:
        return None
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(events_path), purge_step=iterations + 1)
