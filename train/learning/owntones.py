"""The timbre of a session from the network's own tones, where there was no search to find them.

Masks need a timbre (:mod:`bsep_stream.train.tones.timbre`), and that needs pitches. A run that learns by the policy
gradient alone has no labels, but what it has learned names a pitch for every source in every frame: these are taken for
the labels of the fit. No gradient goes through it, and nothing of it comes back to network or dictionary.
"""

from __future__ import annotations

import numpy as np
import torch

from bsep_stream.train.learning.assessment import AUDIBLE_SHARE, FRAMES_AT_ONCE, SOUNDING_SHARE
from bsep_stream.train.network.prediction import predict
from bsep_stream.train.network.separator import Separator
from bsep_stream.train.session.frames import Overview
from bsep_stream.train.session.noise import without_noise
from bsep_stream.train.tones.moduli import modulus
from bsep_stream.train.tones.spectra import as_channels
from bsep_stream.train.tones.timbre import Timbre

OWN_FRAMES = 2_000
"""Frames that the timbre is fitted to: those of 43 s, or so many, spread evenly."""


@torch.no_grad()
def fit_own_timbre(separator: Separator, overview: Overview) -> None:
    """Fit the timbre of a separator to its own tones.

    Parameters
    ----------
    separator : Separator
        One with a timbre.
    overview : Overview
        Frames of the session.
    """
    assert separator.timbre is not None
    config = separator.config
    device = next(separator.parameters()).device
    tone_sources = torch.tensor(config.tone_sources)
    energy = np.square(np.abs(overview.frames)).sum(axis=1)
    audible = torch.from_numpy(energy > AUDIBLE_SHARE * energy.mean())
    pitches = []
    for part in np.array_split(overview.frames, -(-len(overview.frames) // FRAMES_AT_ONCE)):
        found = predict(separator, as_channels(torch.from_numpy(part).to(device)), masks=False)
        by_source = modulus(found.direct).square().sum(dim=-1).cpu()
        # A policy says "on" where it need not: what is hardly there would be fitted to the sound of others.
        heard = by_source > SOUNDING_SHARE * torch.from_numpy(np.square(np.abs(part)).sum(axis=1))[:, None]
        pitches.append((found.f0_bin * found.on).cpu() * heard[:, tone_sources])
    f0_bin = torch.cat(pitches) * audible[:, None]
    moduli = np.abs(overview.frames)
    for take in np.unique(overview.take):
        place = overview.take == take
        moduli[place] = without_noise(moduli[place], config.geometry)
    timbre = Timbre(config)  # what was fitted before is no part of it, so that a continued run equals a whole one
    timbre.fit(torch.from_numpy(moduli), f0_bin)
    separator.timbre.load_state_dict(timbre.state_dict())
