"""How far a training is, in a file that the studio reads."""

from __future__ import annotations

import os
import time
from typing import Any

from bsep_stream.studio.sessionfolder import SessionFolder, read_json, write_json
from bsep_stream.train.learning.runinfo import RunInfo

WRITE_SECONDS = 0.25
MOST_POINTS = 400

LISTENING, FIRST_STEMS, LEARNING, WRITING = "listening", "first stems", "learning", "writing"
PAUSED, DONE, FAILED = "paused", "done", "failed"
BUSY = (LISTENING, FIRST_STEMS, LEARNING, WRITING)


class Journal:
    """Writes ``progress.json``; also the display of a training.

    Parameters
    ----------
    folder : SessionFolder
    """

    def __init__(self, folder: SessionFolder) -> None:
        self._folder = folder
        before = read_json(folder.progress)
        kept = before if isinstance(before, dict) else {}
        self._values: dict[str, Any] = {
            "phase": LISTENING,
            "pid": os.getpid(),
            "begun": time.time(),
            "share": None,
            "seconds_left": None,
            "explained": kept.get("explained", []),
            "versions": kept.get("versions", {}),
            "message": None,
            "covered": kept.get("covered", 1.0),
        }
        self._written_at = 0.0
        self._began: tuple[int, float] | None = None
        self._explained = 0

    def phase(self, name: str, message: str | None = None, share: float | None = None) -> None:
        """Begin another part of the work; a message is for the user."""
        self._values.update(phase=name, message=message, share=share, seconds_left=None)
        self._write()

    def forget_curve(self) -> None:
        """A new run has a new curve."""
        self._values["explained"] = []

    def advance(self, share: float) -> None:
        """Say how much of this part is done, 0 to 1."""
        self._values["share"] = share
        self._write_now_and_then()

    def explains(self, iteration: int, share: float) -> None:
        """A point of the curve: how much of the sound is explained."""
        points = [*self._values["explained"], [iteration, round(share, 4)]]
        self._values["explained"] = points if len(points) <= MOST_POINTS else points[::2]
        self._write_now_and_then()

    def stems_written(self, version: str, covered: float | None = None) -> None:
        """There are new stems to listen to; ``covered`` is how much of the recordings the search has listened to."""
        if covered is not None:
            self._values["covered"] = round(covered, 3)
        self._values["versions"] = {**self._values["versions"], version: time.time()}
        self._write()

    def update(self, stage: str, info: RunInfo, losses: dict[str, float]) -> None:
        """After every iteration of a training."""
        del losses
        now = time.monotonic()
        self._began = self._began or (info.iterations - 1, now - 0.01)
        rate = (info.iterations - self._began[0]) / max(now - self._began[1], 1e-3)
        left = [(info.target_iterations - info.iterations) / max(rate, 1e-6)]
        by_time = 0.0
        if info.target_seconds is not None:
            left.append(info.target_seconds - info.seconds)
            by_time = info.seconds / info.target_seconds
        self._values.update(
            phase=LEARNING,
            stage=stage,
            share=min(1.0, max(by_time, info.iterations / max(info.target_iterations, 1))),
            seconds_left=max(0.0, min(left)),
            iterations=info.iterations,
            target_iterations=info.target_iterations,
        )
        self._write_now_and_then()

    def saved(self, info: RunInfo, losses: dict[str, float]) -> None:
        """After every checkpoint: the log of the run is on the disk."""
        del info, losses
        self._write()

    def _write_now_and_then(self) -> None:
        if time.monotonic() - self._written_at > WRITE_SECONDS:
            self._write()

    def _write(self) -> None:
        self._written_at = time.monotonic()
        self._values["updated"] = time.time()
        write_json(self._folder.progress, self._values)
