"""Learning from synthetic sessions: the imitation of a training, with new instruments at every step."""

from __future__ import annotations

import torch
from torch import Tensor

from bsep_stream.train.config.trainconfig import TrainConfig
from bsep_stream.train.learning.imitation import imitation_loss, imitation_terms, label_loss
from bsep_stream.train.learning.learner import Learner
from bsep_stream.train.network.separator import Separator
from bsep_stream.train.pretraining.sessions import Synthesiser

SESSIONS_PER_STEP = 4
FRAMES_PER_SESSION = 6
"""Few: a network that sees one session at a time learns its instruments, not what all have in common."""


class Pretraining:
    """A network on its way.

    Parameters
    ----------
    config : TrainConfig
        Its optimiser and the weights of its imitation are used.
    seed : int
        Of the network's start and of all sessions.
    """

    def __init__(self, config: TrainConfig, seed: int) -> None:
        self._learner = Learner(config, seed)
        self._synthesiser = Synthesiser(config, seed)

    @property
    def separator(self) -> Separator:
        """What has been learned; its dictionary is that of the last session."""
        return self._learner.separator

    def step(self, share_done: float) -> dict[str, float]:
        """One step on some new sessions.

        Parameters
        ----------
        share_done : float
            Part of the pretraining that is over, 0 to 1; the step size follows it.

        Returns
        -------
        dict of str to float
            Losses: `imitation`, what the labels' log-probabilities and pitches miss; `spectra`, the method's.
        """
        self._learner.set_progress(share_done)
        weight = self._learner.config.imitation.spectra_weight
        gradients: list[Tensor] = []
        losses = torch.zeros(2)
        for _ in range(SESSIONS_PER_STEP):
            session = self._synthesiser.session(FRAMES_PER_SESSION)
            self.separator.dictionary.start_from(session.dictionary)
            terms = imitation_terms(self.separator, session.frames, session.f0_bin, session.dictionary)
            loss = imitation_loss(terms, weight) / SESSIONS_PER_STEP
            part = torch.autograd.grad(loss, self.separator.network_parameters(), materialize_grads=True)
            if gradients:
                torch._foreach_add_(gradients, part)
            else:
                gradients = list(part)
            losses += torch.stack([label_loss(terms).detach(), terms.spectra.total.detach()]) / SESSIONS_PER_STEP
        self._learner.apply_gradients(gradients, None, losses)
        imitation, spectra = losses.tolist()
        return {"imitation": imitation, "spectra": spectra}
