"""How well a network explains its session, frame by frame, by what can be known from the mixture alone.

The tones are those of :mod:`bsep_stream.train.network.prediction`: what the exported model will do. Two questions are
asked of them. *How much is explained?* The direct tones answer, as the stems are made of them; but their amplitudes are
free, so they fit wherever their pitches lie on something, whichever instrument plays. *Is it explained by the right
instruments?* The dictionary tones answer: each source has one spectrum for the whole session, and a note given to the
wrong one fits badly. So runs are compared by the dictionary tones, and by how often a tone changes its source on the
way; see :attr:`Assessment.mixture_cost`.

What the cost cannot tell: between two explanations that differ from the start it may be wrong, as one spectrum for all
high notes and one for all low ones may fit better than one for each instrument. A cost of mixed registers would mend
that where instruments keep to theirs, and break it where they cross. The seeds of a race share one explanation, that of
the search.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bsep_stream.train.learning.losses import absolute_distance
from bsep_stream.train.network.prediction import predict
from bsep_stream.train.network.separator import Separator
from bsep_stream.train.session.frames import Overview
from bsep_stream.train.tones.moduli import modulus
from bsep_stream.train.tones.spectra import as_channels

FRAMES_AT_ONCE = 64

SOUNDING_SHARE = 1e-2
"""A source sounds in a frame if its tone has so much of the frame's energy,"""

AUDIBLE_SHARE = 1e-4
"""and the frame so much of the mean frame's (-40 dB)."""

SAME_PITCH = 2 ** (50 / 1200)
"""Half a semitone."""

SWAP_WEIGHT = 0.5
"""Of the share of lasting tones that change their source, beside the relative misfit."""

_TINY = 1e-12


@dataclass(frozen=True)
class Assessment:
    """Numbers of frames in the order of the session.

    Parameters
    ----------
    take, seconds : ndarray, shape (n_frames,)
        Where the frames lie.
    energy : ndarray, shape (n_frames,)
        Of the mixture.
    unexplained : ndarray, shape (n_frames,)
        Energy of the mixture minus all direct tones.
    source_energy : ndarray, shape (n_frames, n_sources)
        Of the direct tones.
    f0_bin : ndarray, shape (n_frames, n_tones)
        0: no tone, or its source is not heard.
    tone_sources : ndarray, shape (n_tones,), int64
        Source of every tone.
    misfit, size : ndarray, shape (n_frames,)
        Distance of the lifted moduli of the mixture to the dictionary tones, and to silence.
    """

    take: NDArray[np.int64]
    seconds: NDArray[np.float64]
    energy: NDArray[np.float64]
    unexplained: NDArray[np.float64]
    source_energy: NDArray[np.float64]
    f0_bin: NDArray[np.float64]
    tone_sources: NDArray[np.int64]
    misfit: NDArray[np.float64]
    size: NDArray[np.float64]

    @property
    def explained_share(self) -> float:
        """Of the energy: 1 is all."""
        return max(0.0, 1.0 - float(self.unexplained.sum() / (self.energy.sum() + _TINY)))

    @property
    def source_shares(self) -> NDArray[np.float64]:
        """The explained share, divided among the sources by the energy of their tones; shape (n_sources,)."""
        by_source = self.source_energy.sum(axis=0)
        shares: NDArray[np.float64] = self.explained_share * by_source / (by_source.sum() + _TINY)
        return shares

    @property
    def swap_share(self) -> float:
        """Of the tones that last from one frame to the next: the share that goes on in another source."""
        before, after = self.f0_bin[:-1], self.f0_bin[1:]
        same_take = self.take[:-1] == self.take[1:]
        same = _same_pitch(before[:, :, None], after[:, None, :]) & same_take[:, None, None]
        own = self.tone_sources[:, None] == self.tone_sources
        goes_on = same & own
        stays, stayed = goes_on.any(axis=2), goes_on.any(axis=1)
        swaps = same & ~own & ~stays[:, :, None] & ~stayed[:, None, :]
        return float(swaps.any(axis=2).sum() / max(1, (stays | swaps.any(axis=2)).sum()))

    @property
    def mixture_cost(self) -> float:
        """Lower is better; what runs of one session are compared by.

        Relative distance of the mixture's lifted moduli to the sum of the dictionary tones (0: all is explained by
        the learned spectra; 1: as bad as silence), plus the weighted share of swaps.
        """
        misfit = float(self.misfit.sum() / (self.size.sum() + _TINY))
        return misfit + SWAP_WEIGHT * self.swap_share

    def pitches_of(self, source: int) -> NDArray[np.float64]:
        """f0 of a source's tones, shape (n_frames, n); 0: no tone."""
        return self.f0_bin[:, self.tone_sources == source]


@torch.no_grad()
def assess(separator: Separator, overview: Overview) -> Assessment:
    """Predict the frames of an overview and compare; seconds for some hundred frames.

    Parameters
    ----------
    separator : Separator
    overview : Overview
        Frames of the session, see :meth:`bsep_stream.train.session.frames.FrameSource.overview`.
    """
    device = next(separator.parameters()).device
    parts = [
        _measure(separator, as_channels(torch.from_numpy(part).to(device)))
        for part in np.array_split(overview.frames, -(-len(overview.frames) // FRAMES_AT_ONCE))
    ]
    energy, unexplained, source_energy, f0_bin, misfit, size = (
        torch.cat(values).cpu().double().numpy() for values in zip(*parts, strict=True)
    )
    tone_sources = np.array(separator.config.tone_sources)
    audible = energy > AUDIBLE_SHARE * energy.mean()
    heard = (source_energy > SOUNDING_SHARE * energy[:, None]) & audible[:, None]
    return Assessment(
        overview.take,
        overview.seconds,
        energy,
        unexplained,
        source_energy,
        np.where(heard[:, tone_sources], f0_bin, 0.0),
        tone_sources,
        misfit,
        size,
    )


def _measure(separator: Separator, frames: Tensor) -> tuple[Tensor, ...]:
    found = predict(separator, frames, masks=False)
    delta = separator.config.loss.delta
    dictionary = found.dictionary.sum(dim=1)
    return (
        _energy(frames),
        _energy(frames - found.direct.sum(dim=1)),
        _energy(found.direct),
        found.f0_bin * found.on,
        absolute_distance(frames, dictionary, delta),
        absolute_distance(frames, torch.zeros_like(dictionary), delta),
    )


def _energy(spectra: Tensor) -> Tensor:
    return modulus(spectra).square().sum(dim=-1)


def _same_pitch(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Both sound, less than half a semitone apart."""
    both = (one > 0) & (other > 0)
    ratio = np.where(both, one, 1.0) / np.where(both, other, 1.0)
    near: NDArray[np.bool_] = both & (np.abs(np.log2(ratio)) < np.log2(SAME_PITCH))
    return near
