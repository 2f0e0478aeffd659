"""One iteration of each stage: frames are drawn, and learned from."""

from __future__ import annotations

import torch

from bsep_stream.train.config.trainconfig import TrainConfig
from bsep_stream.train.learning.learner import Learner, StepReport
from bsep_stream.train.session.frames import FrameSource, Transposition
from bsep_stream.train.session.labels import Labels


class Steps:
    """The steps of a run.

    Parameters
    ----------
    config : TrainConfig
    learner : Learner
    frames : FrameSource
    labels : Labels or None
        What the search found; without it there is no imitation.
    """

    def __init__(self, config: TrainConfig, learner: Learner, frames: FrameSource, labels: Labels | None) -> None:
        self._config = config
        self._learner = learner
        self._frames = frames
        self._labels = labels
        self._transposition = Transposition.of(config)

    def imitation(self) -> StepReport:
        """The labels of a batch are imitated."""
        return self._learner.imitate(*self._draw_labelled(self._config.imitation.batch_size))

    def policy_gradient(self) -> StepReport:
        """Tones are sampled and judged, in frames that are drawn by their labels if there are any."""
        if self._labels is not None:
            drawn = self._config.batch_size * self._config.imitation.drawn_per_frame
            return self._learner.step(*self._draw_labelled(drawn))
        return self._learner.step(torch.from_numpy(self._frames.draw(self._config.batch_size)))

    def _draw_labelled(self, batch_size: int) -> tuple[torch.Tensor, torch.Tensor]:
        assert self._labels is not None
        level_db = self._config.imitation.level_db
        frames, f0_bin = self._frames.draw_labelled(self._labels, batch_size, level_db, self._transposition)
        return torch.from_numpy(frames), torch.from_numpy(f0_bin)
