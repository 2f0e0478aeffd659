"""The training loop: stages, checkpoints, limits, interruption."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from types import FrameType
from typing import Protocol

import torch

from bsep_stream.errors import RunError
from bsep_stream.train.checkpoint import Checkpoint, save_checkpoint
from bsep_stream.train.config import TrainConfig
from bsep_stream.train.frames import FrameSource
from bsep_stream.train.labels import Labels
from bsep_stream.train.learner import Learner, StepReport
from bsep_stream.train.logbook import Logbook
from bsep_stream.train.run_folder import RunFolder, RunInfo

CHECKPOINT_SECONDS = 60.0
"""What a crash may cost at most."""

DROPPED_IN_A_ROW = 20
"""A single overflow happens; so many in a row mean that the weights, not the frames, are the cause."""


@dataclass(frozen=True)
class Stage:
    """A part of the training.

    Parameters
    ----------
    name : str
        For the progress bar.
    end : int
        The stage is over when so many iterations of the run are done.
    step : callable
        Does one iteration.
    """

    name: str
    end: int
    step: Callable[[], StepReport]


class Display(Protocol):
    """Shows how a training goes on."""

    def update(self, stage: str, info: RunInfo, losses: dict[str, float]) -> None:
        """After every iteration."""

    def saved(self, info: RunInfo, losses: dict[str, float]) -> None:
        """After every checkpoint."""


class Training:
    """One training run, at some iteration.

    Parameters
    ----------
    folder : RunFolder
        Where everything is written.
    config : TrainConfig
    info : RunInfo
        How far the run is, and its limits.
    learner : Learner
    frames : FrameSource
    clock : callable
        Time in seconds, from any origin.
    started : float or None
        Time of the clock when the user began to wait; None: now.
    labels : Labels or None
        What the search found, to be imitated first.
    """

    def __init__(
        self,
        folder: RunFolder,
        config: TrainConfig,
        info: RunInfo,
        learner: Learner,
        frames: FrameSource,
        clock: Callable[[], float] = time.monotonic,
        started: float | None = None,
        labels: Labels | None = None,
    ) -> None:
        self.folder = folder
        self.config = config
        self.info = info
        self.learner = learner
        self._frames = frames
        self._clock = clock
        self._origin = (clock() if started is None else started) - info.seconds
        self._save_seconds = 0.0
        self._saved_at = clock()
        self._saved_iterations = info.iterations
        self._labels = labels
        imitated = min(config.imitation.iterations, info.target_iterations) if labels is not None else 0
        self._stages = [
            Stage("imitation", imitated, self._imitation_step),
            Stage("policy gradient", info.target_iterations, self._policy_gradient_step),
        ]

    def save(self) -> None:
        """Write checkpoint, log, dictionary and progress; what was there before stays whole until it is replaced."""
        began = self._clock()
        self._update_info()
        checkpoint = Checkpoint(
            tensors=self.learner.state_dict(),
            frame_state=self._frames.state(),
            iterations=self.info.iterations,
            seconds=self.info.seconds,
        )
        dictionary = self.learner.separator.dictionary.relative_amplitudes
        with self.folder.writing():
            save_checkpoint(self.folder.checkpoint_path, checkpoint)
            self.folder.write_dictionary(self.config.source_names, dictionary.detach().cpu().numpy())
            self.folder.write_info(self.info)
        self._saved_at = self._clock()
        self._saved_iterations = self.info.iterations
        self._save_seconds = self._saved_at - began

    def run(self, display: Display) -> RunInfo:
        """Train until a limit of the run is reached.

        Returns
        -------
        RunInfo
            As it was saved last.

        Raises
        ------
        KeyboardInterrupt
            After Ctrl-C; the run is saved and can be continued.
        RunError
            If the loss stays not finite, or the disk is full; the last good checkpoint is kept.
        """
        with self.folder.writing():
            return self._run(display)

    def _run(self, display: Display) -> RunInfo:
        losses: dict[str, float] = {}
        with (
            closing(Logbook(self.folder.log_path, self.folder.events_path, self.info.iterations)) as logbook,
            _deferred_interrupt() as interrupted,
        ):
            for stage in self._stages:
                losses = self._run_stage(stage, logbook, display, interrupted) or losses
                if interrupted.is_set() or self._out_of_time(0.0):
                    break
            self.info = replace(self.info, finished=not interrupted.is_set())
            logbook.flush()
            self.save()
            display.saved(self.info, losses)
        if interrupted.is_set():
            raise KeyboardInterrupt
        return self.info

    def _run_stage(
        self, stage: Stage, logbook: Logbook, display: Display, interrupted: threading.Event
    ) -> dict[str, float]:
        losses: dict[str, float] = {}
        dropped_in_a_row = 0
        step_seconds = 0.0
        while self.info.iterations < stage.end and not interrupted.is_set() and not self._out_of_time(step_seconds):
            began = self._clock()
            self.learner.set_progress(self._share_done())
            report = stage.step()
            losses = report.losses
            self._update_info(iterations=self.info.iterations + 1)
            logbook.add(self.info.iterations, self.info.seconds, losses)
            display.update(stage.name, self.info, losses)
            dropped_in_a_row = 0 if report.finite else dropped_in_a_row + 1
            if dropped_in_a_row >= DROPPED_IN_A_ROW:
                raise RunError(
                    f"the loss was not finite in {DROPPED_IN_A_ROW} iterations in a row: the run ends at iteration "
                    f"{self.info.iterations}, {self.folder.checkpoint_path} keeps iteration {self._saved_iterations}; "
                    "train anew with another --seed"
                )
            step_seconds = self._clock() - began
            if self._clock() - self._saved_at > CHECKPOINT_SECONDS and report.finite:
                logbook.flush()
                self.save()
                display.saved(self.info, losses)
        return losses

    def _imitation_step(self) -> StepReport:
        return self.learner.imitate(*self._draw_labelled(self.config.imitation.batch_size))

    def _policy_gradient_step(self) -> StepReport:
        if self._labels is not None:
            return self.learner.step(*self._draw_labelled(self.config.batch_size))
        return self.learner.step(torch.from_numpy(self._frames.draw(self.config.batch_size)))

    def _draw_labelled(self, batch_size: int) -> tuple[torch.Tensor, torch.Tensor]:
        assert self._labels is not None
        frames, f0_bin = self._frames.draw_labelled(self._labels, batch_size, self.config.imitation.level_db)
        return torch.from_numpy(frames), torch.from_numpy(f0_bin)

    def _share_done(self) -> float:
        """Of the run, by whichever of its limits is nearer."""
        by_iterations = self.info.iterations / self.info.target_iterations
        limit = self.info.target_seconds
        return by_iterations if limit is None else max(by_iterations, self.info.seconds / limit)

    def _out_of_time(self, step_seconds: float) -> bool:
        """Whether another step and the last checkpoint would no longer fit."""
        limit = self.info.target_seconds
        return limit is not None and self._clock() - self._origin + step_seconds + self._save_seconds > limit

    def _update_info(self, iterations: int | None = None) -> None:
        self.info = replace(
            self.info,
            iterations=self.info.iterations if iterations is None else iterations,
            seconds=self._clock() - self._origin,
            dropped_steps=self.learner.dropped_steps,
        )


@contextmanager
def _deferred_interrupt() -> Iterator[threading.Event]:
    """Let Ctrl-C wait until the iteration is whole; a second Ctrl-C does not wait."""
    interrupted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield interrupted  # only the main thread may set handlers, and only it gets the signal
        return

    def defer(_number: int, _frame: FrameType | None) -> None:
        interrupted.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    previous = signal.signal(signal.SIGINT, defer)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, previous)
