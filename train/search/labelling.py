"""Labels of a session, found by the search."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from bsep_stream.train.config.policy_config import pitch_range
from bsep_stream.train.config.trainconfig import SMALLEST_AMPLITUDE, TrainConfig
from bsep_stream.train.search.session import SessionSearch
from bsep_stream.train.session.labels import Labels, frames_at, from_high_to_low, label_positions
from bsep_stream.train.session.recording import Session


def search_labels(session: Session, config: TrainConfig, on_step: Callable[[], None] | None = None) -> Labels:
    """Search a session for the tones of all sources; those of one limit are ordered from the highest to the lowest.

    Parameters
    ----------
    session : Session
    config : TrainConfig
    on_step : callable, optional
        Called now and then, for a sign of life.
    """
    geometry = config.geometry
    pieces = label_positions(session, geometry.hop_length, config.imitation.longest_seconds)
    moduli = [np.abs(frames_at(session.takes[take].samples, centres, geometry)) for take, centres in pieces]
    cuts = np.concatenate([np.arange(len(centres)) == 0 for _, centres in pieces])
    first, end = pitch_range(config.policy, geometry.n_bins)
    search = SessionSearch(
        torch.from_numpy(np.concatenate(moduli)),
        config.n_sources,
        first,
        end - 1,
        torch.from_numpy(cuts),
        limits=config.polyphony,
    )
    best = search.explain(on_step)[0]
    order = from_high_to_low(best.f0_bin, config.polyphony)
    tones = torch.split(best.f0_bin, list(config.polyphony))
    envelopes = np.full((config.n_sources, config.n_harmonics), SMALLEST_AMPLITUDE, np.float32)
    known = min(config.n_harmonics, best.envelope.shape[1])
    envelopes[:, :known] = np.maximum(best.envelope[order, :known].numpy(), SMALLEST_AMPLITUDE)
    return Labels(
        take=np.concatenate([np.full(len(centres), take) for take, centres in pieces]),
        centre=np.concatenate([centres for _, centres in pieces]),
        f0_bin=torch.cat([tones[source] for source in order]).T.numpy().astype(np.float32),
        envelopes=envelopes,
        hop_length=geometry.hop_length,
    )
