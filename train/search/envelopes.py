"""Harmonic envelopes of the sources: how strong each harmonic is, at each pitch.

An instrument's dictionary row holds for all its pitches on the average; its body makes the harmonics of low tones
differ from those of high ones. So the search keeps one envelope per semitone, drawn towards a source-filter model.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from bsep_stream.train.search.bodies import SourceFilter
from bsep_stream.train.search.candidates import N_HARMONICS, Candidates

N_SEMITONES = 90
_TINY = 1e-14


class PitchScale(NamedTuple):
    """Semitones above a lowest bin."""

    lowest_bin: float

    def semitones(self, f0_bin: Tensor) -> Tensor:
        """Position on the scale, within 0 to ``N_SEMITONES - 1``; same shape."""
        position = 12 * (f0_bin.clamp_min(_TINY).log2() - math.log2(self.lowest_bin))
        return position.clamp(0, N_SEMITONES - 1.001)


class EnvelopePrior(NamedTuple):
    """How envelopes are pooled.

    Attributes
    ----------
    semitones : float
        Standard deviation of the kernel over pitch.
    weight : float
        Weight of the source-filter model, in frames.
    body_weight : float
        Weight of a flat body in every third of an octave, in frames.
    rounds : int
        Of backfitting the source-filter model.
    largest : float
        Largest modulus of a harmonic relative to the tone's amplitude.
    """

    semitones: float = 3.0
    weight: float = 100.0
    body_weight: float = 30.0
    rounds: int = 6
    largest: float = 3.0


def plain_envelope(decay: float) -> Tensor:
    """The same geometric envelope at all pitches, shape (N_SEMITONES, n_harmonics), rows of sum 1."""
    row = decay ** torch.arange(float(N_HARMONICS))
    return (row / row.sum()).expand(N_SEMITONES, N_HARMONICS).clone()


def tone_templates(envelopes: Tensor, pitches: Tensor, candidates: Candidates, n_peaks: int) -> Tensor:
    """Moduli that tones of amplitude 1 put on the peaks of their frames.

    Parameters
    ----------
    envelopes : Tensor, shape (N_SEMITONES, n_harmonics)
    pitches : Tensor, shape (n_frames, n_candidates)
        In semitones of the scale.
    candidates : Candidates
    n_peaks : int

    Returns
    -------
    Tensor, shape (n_frames, n_candidates, n_peaks)
        Rows sum to at most 1; what is missing falls on harmonics without a peak.
    """
    lower = pitches.floor().long()
    share = (pitches - lower)[..., None]
    moduli = (envelopes[lower] * (1 - share) + envelopes[lower + 1] * share) * candidates.in_range
    moduli = moduli / moduli.sum(dim=-1, keepdim=True).clamp_min(_TINY)
    templates = torch.zeros(*pitches.shape, n_peaks + 1)
    return templates.scatter_add_(2, candidates.peak_index, moduli)[..., :n_peaks]


class ToneObservations(NamedTuple):
    """What the frames say about the harmonics of one source's tones.

    Attributes
    ----------
    pitch : Tensor, shape (n_frames,)
        In semitones of the scale.
    root : Tensor, shape (n_frames, n_harmonics)
        Square roots of moduli relative to the tone's amplitude.
    weight : Tensor, shape (n_frames, n_harmonics)
        How far each is to be believed; 0 where the source is silent.
    """

    pitch: Tensor
    root: Tensor
    weight: Tensor


def envelopes_from(observed: ToneObservations, prior: EnvelopePrior) -> Tensor:
    """Envelope of a source at every semitone: its source-filter model, corrected by a kernel average over pitch.

    In the domain of square roots.

    Returns
    -------
    Tensor, shape (N_SEMITONES, n_harmonics)
        Rows of sum 1.
    """
    grid = torch.arange(float(N_SEMITONES))
    kernel = torch.exp(-0.5 * ((observed.pitch[None] - grid[:, None]) / prior.semitones) ** 2)
    model = SourceFilter(observed.pitch, observed.root, observed.weight, prior.body_weight, prior.rounds)
    known = kernel @ (observed.weight * observed.root)
    local = (known + prior.weight * model.roots(grid)) / (kernel @ observed.weight + prior.weight)
    moduli = local.square()
    return (moduli / moduli.sum(dim=1, keepdim=True)).clamp_min(1e-5)
