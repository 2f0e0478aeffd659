"""The timbre of a session, from its labels."""

from __future__ import annotations

import numpy as np
import torch

from bsep_stream.train.config.trainconfig import TrainConfig
from bsep_stream.train.session.labels import Labels, frames_at
from bsep_stream.train.session.noise import without_noise
from bsep_stream.train.session.recording import Session
from bsep_stream.train.session.ringing import decay_seconds
from bsep_stream.train.tones.timbre import Timbre


def fit_timbre(labels: Labels, session: Session, config: TrainConfig) -> Timbre:
    """The timbre of the sources, from all labelled frames of a session, without what is noise in each take."""
    timbre = Timbre(config)
    moduli = np.empty((len(labels.centre), config.geometry.n_bins), np.float32)
    for take in np.unique(labels.take):
        place = labels.take == take
        take_moduli = np.abs(frames_at(session.takes[take].samples, labels.centre[place], config.geometry))
        moduli[place] = without_noise(take_moduli, config.geometry)
    timbre.fit(torch.from_numpy(moduli), torch.from_numpy(labels.f0_bin))
    cuts = np.ones(len(labels.centre), dtype=bool)
    cuts[1:] = (np.diff(labels.centre) != labels.hop_length) | (np.diff(labels.take) != 0)
    frame_seconds = labels.hop_length / config.geometry.sample_rate
    decays = decay_seconds(moduli, labels.f0_bin.T, config.tone_sources, cuts, frame_seconds)
    timbre.decay_seconds.copy_(torch.from_numpy(decays))
    return timbre
