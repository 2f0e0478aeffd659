"""The training loop: stages, checkpoints, limits, interruption."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import asdict, replace
from typing import Protocol

from bsep_stream.errors import RunError
from bsep_stream.train.config.trainconfig import TrainConfig
from bsep_stream.train.learning.assessment import FRAMES_AT_ONCE, assess
from bsep_stream.train.learning.checkpoint import Checkpoint, save_checkpoint
from bsep_stream.train.learning.doubts import doubt_sentences
from bsep_stream.train.learning.interruption import deferred_interrupt
from bsep_stream.train.learning.learner import Learner
from bsep_stream.train.learning.logbook import Logbook
from bsep_stream.train.learning.owntones import OWN_FRAMES, fit_own_timbre
from bsep_stream.train.learning.run_folder import RunFolder
from bsep_stream.train.learning.runinfo import RunInfo
from bsep_stream.train.learning.stages import Stage, begun, gain_sentences, gone_on, judged
from bsep_stream.train.learning.steps import Steps
from bsep_stream.train.learning.stopping import CHECK_FRAMES, EarlyStop
from bsep_stream.train.learning.verdict import Verdict, reach_verdict
from bsep_stream.train.session.frames import FrameSource
from bsep_stream.train.session.labels import Labels

OVERVIEW_FRAMES = 512
"""What the verdict in the end is based on: a frame every tenth of a second in a minute of music, in seconds."""

CHECKPOINT_SECONDS = 60.0
"""What a crash may cost at most."""

DROPPED_IN_A_ROW = 20
"""A single overflow happens; so many in a row mean that the weights, not the frames, are the cause."""


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
    mixture_costs : iterable of (iteration, cost)
        Assessments before an interruption.
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
        mixture_costs: Iterable[Iterable[float]] = (),
    ) -> None:
        self.folder = folder
        self.config = config
        self.info = info
        self.learner = learner
        self._frames = frames
        self._clock = clock
        self._origin = (clock() if started is None else started) - info.seconds
        self._save_seconds = 0.0
        self._verdict_seconds = 0.0
        self.on_assessed: Callable[[int, float], object] | None = None
        """Called with the iterations and the share of the sound that is explained, wherever the run is assessed."""
        begin = info.stages[-1].begin if info.stages else 0
        self._stop = EarlyStop(info.target_iterations - begin, mixture_costs, begin)
        self._checked = frames.overview(CHECK_FRAMES)
        self._pause: tuple[int, float] | None = None
        self._stop_asked: Callable[[], bool] | None = None
        self._stopped = False
        self.explained_share: float | None = None
        """Of the energy of the mixture, when it was looked at last."""
        self._saved_at = clock()
        self._saved_iterations = info.iterations
        self._labels = labels
        self.remarks: tuple[str, ...] = ()
        """What the time of the run was too short for before this."""
        steps = Steps(config, learner, frames, labels)
        imitated = min(config.imitation.iterations, info.target_iterations) if labels is not None else 0
        self._stages = [
            Stage("imitation", imitated, imitated / info.target_iterations, steps.imitation),
            Stage("policy gradient", info.target_iterations, 1.0, steps.policy_gradient),
        ]

    def save(self) -> None:
        """Write checkpoint, log, dictionary and progress; what was there before stays whole until it is replaced."""
        began = self._clock()
        if self.config.own_timbre and self.info.iterations:
            fit_own_timbre(self.learner.separator, self._frames.overview(OWN_FRAMES))
        self._update_info()
        checkpoint = Checkpoint(
            tensors=self.learner.state_dict(),
            frame_state=self._frames.state(),
            iterations=self.info.iterations,
            seconds=self.info.seconds,
            mixture_costs=[list(entry) for entry in self._stop.costs],
            stages=[asdict(stage) for stage in self.info.stages],
        )
        dictionary = self.learner.separator.dictionary.relative_amplitudes
        with self.folder.writing():
            save_checkpoint(self.folder.checkpoint_path, checkpoint)
            self.folder.write_dictionary(self.config.source_names, dictionary.detach().cpu().numpy())
            self.folder.write_info(self.info)
        self._saved_at = self._clock()
        self._saved_iterations = self.info.iterations
        self._save_seconds = self._saved_at - began

    def assess(self) -> Verdict:
        """How well the mixture is explained by now, in numbers and in words."""
        separator = self.learner.separator
        rows = separator.dictionary.relative_amplitudes.detach().cpu().numpy()
        names = [recording.name for recording in self.info.recordings]
        assessment = assess(separator, self._frames.overview(OVERVIEW_FRAMES))
        doubts = doubt_sentences(self._labels, self.config.geometry.sample_rate, names)
        told = (*doubts, *gain_sentences(self.info.stages))
        return reach_verdict(assessment, rows, self.config.source_names, names, told)

    def run(
        self, display: Display, pause: tuple[int, float] | None = None, *, stop: Callable[[], bool] | None = None
    ) -> RunInfo:
        """Train until a limit of the run is reached, or nothing improves any more.

        Parameters
        ----------
        display : Display
        pause : tuple of int and float, optional
            Iterations and seconds of the run, whichever comes first, at which it is saved and left unfinished.
        stop : callable, optional
            Asked before every iteration; once it answers true, the same happens.

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
        self._pause = pause
        self._stop_asked, self._stopped = stop, False
        with self.folder.writing():
            return self._run(display)

    def _run(self, display: Display) -> RunInfo:
        losses: dict[str, float] = {}
        if self.info.target_seconds is not None:
            self._verdict_seconds = self._estimate_verdict_seconds()
        with (
            closing(Logbook(self.folder.log_path, self.folder.events_path, self.info.iterations)) as logbook,
            deferred_interrupt() as interrupted,
        ):
            for number, stage in enumerate(self._stages):
                so_far = [gain.name for gain in self.info.stages]
                later = {each.name for each in self._stages[number + 1 :]}
                if later & set(so_far) or self.info.iterations >= stage.end:
                    continue  # the next one has begun, or there is nothing to do
                if stage.name not in so_far:
                    self._begin_stage(stage)
                losses = self._run_stage(stage, logbook, display, interrupted) or losses
                if interrupted.is_set() or self._over(0.0):
                    break
            finished = not interrupted.is_set() and not self._paused()
            self.info = replace(self.info, finished=finished, stopped_early=finished and self._exhausted())
            logbook.flush()
            self.save()
            if finished:
                self._conclude()
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
        while not (self._stage_over(stage) or interrupted.is_set() or self._over(step_seconds)):
            began = self._clock()
            self.learner.set_progress(self._share_done())
            report = stage.step()
            losses = report.losses
            self._update_info(iterations=self.info.iterations + 1)
            logbook.add(self.info.iterations, self.info.seconds, losses, self._check_if_due())
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
        self.info = judged(self.info, assess(self.learner.separator, self._checked), self._exhausted())
        return losses

    def _begin_stage(self, stage: Stage) -> None:
        """Note how well the mixture is explained before it."""
        begin = self.info.iterations
        self.info = begun(stage, self.info, assess(self.learner.separator, self._checked))
        self._stop = EarlyStop(self.info.target_iterations - begin, self._stop.costs, begin)
        if begin:
            self._stop.add(begin, self.info.stages[-1].mixture_cost_before)

    def _check_if_due(self) -> float | None:
        """Share of the energy that is explained, where the run is assessed after this iteration."""
        if not self._stop.due(self.info.iterations):
            return None
        assessment = assess(self.learner.separator, self._checked)
        self._stop.add(self.info.iterations, assessment.mixture_cost)
        self.explained_share = assessment.explained_share
        if self.on_assessed is not None:
            self.on_assessed(self.info.iterations, assessment.explained_share)
        return assessment.explained_share

    def _share_done(self) -> float:
        """Of the run, by whichever of its limits is nearer."""
        by_iterations = self.info.iterations / self.info.target_iterations
        limit = self.info.target_seconds
        return by_iterations if limit is None else max(by_iterations, self.info.seconds / limit)

    def _stage_over(self, stage: Stage) -> bool:
        limit = self.info.target_seconds
        late = limit is not None and stage.end_share < 1.0 and self.info.seconds >= stage.end_share * limit
        return late or self.info.iterations >= stage.end or self._exhausted()

    def _over(self, step_seconds: float) -> bool:
        return self._out_of_time(step_seconds) or self._paused()

    def _exhausted(self) -> bool:
        return self._stop.exhausted(self.info.iterations)

    def _paused(self) -> bool:
        self._stopped = self._stopped or (self._stop_asked is not None and self._stop_asked())
        if self._stopped or self._pause is None:
            return self._stopped
        iterations, seconds = self._pause
        return self.info.iterations >= iterations or self.info.seconds >= seconds

    def _out_of_time(self, step_seconds: float) -> bool:
        """Whether another step, the last checkpoint and the verdict would no longer fit."""
        limit = self.info.target_seconds
        rest = step_seconds + self._save_seconds + self._verdict_seconds
        return limit is not None and self._clock() - self._origin + rest > limit

    def _estimate_verdict_seconds(self) -> float:
        began = self._clock()
        assess(self.learner.separator, self._frames.overview(FRAMES_AT_ONCE))
        return (self._clock() - began) * (OVERVIEW_FRAMES + CHECK_FRAMES) / FRAMES_AT_ONCE

    def _conclude(self) -> None:
        """Say in the folder what was learned; the checkpoint is safe before this begins."""
        verdict = self.assess()
        self.info = replace(self.info, mixture_cost=verdict.mixture_cost, seconds=self._clock() - self._origin)
        self.folder.write_verdict(verdict)
        self.folder.write_info(self.info)

    def _update_info(self, iterations: int | None = None) -> None:
        done = self.info.iterations if iterations is None else iterations
        info = gone_on(self.info, done, self._clock() - self._origin)
        self.info = replace(info, dropped_steps=self.learner.dropped_steps)
