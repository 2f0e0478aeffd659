"""The search and its masks on a recording with true stems, without any network: where all judges of it begin."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bsep_stream.report.measures import Evaluation, evaluate
from bsep_stream.train.benchmark.items import Item
from bsep_stream.train.benchmark.resynthesis import overlap_add
from bsep_stream.train.config.policy_config import pitch_range
from bsep_stream.train.config.presets import preset_config
from bsep_stream.train.config.trainconfig import TrainConfig
from bsep_stream.train.search.explanation import Explanation, Played
from bsep_stream.train.search.session import SessionSearch
from bsep_stream.train.search.settings import SearchSettings
from bsep_stream.train.search.whoplays import Given
from bsep_stream.train.session.labels import frames_at
from bsep_stream.train.session.recording import load_session
from bsep_stream.train.session.ringing import decay_seconds
from bsep_stream.train.session.sides import Sides, sides_of
from bsep_stream.train.tones.spectra import as_channels
from bsep_stream.train.tones.timbre import Timbre
from bsep_stream.train.tones.unexplained import source_moduli, unexplained_share

_TINY = 1e-20


class Listened(NamedTuple):
    """A mixture as the search hears it.

    Attributes
    ----------
    config : TrainConfig
    frames : ndarray, shape (n_frames, n_bins), complex64
    n_samples : int
    truth : list of ndarray
        True stems in mono, each (1, n_samples).
    names : tuple of str
    sides : Sides or None
        Of a mixture in stereo.
    """

    config: TrainConfig
    frames: NDArray[np.complex64]
    n_samples: int
    truth: list[NDArray[np.float32]]
    names: tuple[str, ...]
    sides: Sides | None

    def evaluated(self, f0_bin: Tensor) -> Evaluation:
        """Measures of the masks of given pitches, see :func:`masked_stems`."""
        stems = masked_stems(self.frames, f0_bin, self.config, self.n_samples)
        return evaluate(self.truth, [stem[None] for stem in stems], self.names)


def listen(item: Item) -> Listened:
    """Frames of an item's mixture at the rate of the default preset, and what is known of it."""
    config = preset_config("fast", item.names, item.polyphony)
    session = load_session([item.mixture], config.geometry.sample_rate)
    samples = session.takes[0].samples
    centres = np.arange(0, len(samples), config.geometry.hop_length)
    frames = frames_at(samples, centres, config.geometry)
    truth = [stem.mean(axis=0, keepdims=True) for stem in item.true_stems()]
    sides = sides_of(session, [(0, centres)], config.geometry)
    return Listened(config, frames, len(samples), truth, item.names, sides)


def search_of(heard: Listened, settings: SearchSettings, polyphony: Sequence[int]) -> SessionSearch:
    """The search as a training of the default preset makes it."""
    first, end = pitch_range(heard.config.policy, heard.config.geometry.n_bins)
    cuts = torch.zeros(len(heard.frames), dtype=torch.bool)
    moduli = torch.from_numpy(np.abs(heard.frames))
    return SessionSearch(moduli, len(heard.names), first, end - 1, cuts, settings, polyphony)


def explanations(heard: Listened, settings: SearchSettings, polyphony: Sequence[int]) -> list[Explanation]:
    """What labels are made of, whose players are decided by notes; then what the starts end in, the cheapest first."""
    search = search_of(heard, settings, polyphony)
    found = search.explain()
    labels = played_by(heard, search, found).explanation
    return [labels._replace(start=f"by notes, from {labels.start}"), *found]


def played_by(
    heard: Listened, search: SessionSearch, found: Sequence[Explanation], given: Given | None = None
) -> Played:
    """Who plays what was found, as a training of the default preset decides it."""
    geometry = heard.config.geometry
    seconds = geometry.hop_length / geometry.sample_rate
    unexplained = partial(unexplained_share, heard.config, search.moduli)
    return search.played(geometry.sigma_bins, found, given, seconds, unexplained, sides=heard.sides)


def masked_stems(
    frames: NDArray[np.complex64], f0_bin: Tensor, config: TrainConfig, length: int
) -> list[NDArray[np.float32]]:
    """Stems by the masks of a timbre that is fitted to given pitches (n_tones, n_frames); 0: no tone."""
    mixture, pitches = torch.from_numpy(frames), f0_bin.T.contiguous()
    timbre = Timbre(config)
    timbre.fit(mixture.abs(), pitches)
    moduli = source_moduli(timbre, as_channels(mixture), pitches, config.geometry.sigma_bins)
    powers = moduli.square().numpy()  # (n_frames, n_sources, n_bins)
    frame_seconds = config.geometry.hop_length / config.geometry.sample_rate
    cuts = np.zeros(len(frames), dtype=bool)
    decays = decay_seconds(np.abs(frames), f0_bin.numpy(), config.tone_sources, cuts, frame_seconds)
    left = np.power(10.0, -6.0 * frame_seconds / decays).astype(np.float32)[:, None]
    for before, now in pairwise(powers):  # what rings on, as in the stream
        np.maximum(now, left * before, out=now)
    masks = powers / (powers.sum(axis=1, keepdims=True) + _TINY)
    return [overlap_add(masks[:, source] * frames, config.geometry, length) for source in range(config.n_sources)]
