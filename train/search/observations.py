"""What the tones that were decoded say about the harmonics of their sources."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from bsep_stream.train.search.decoding import FrameEvidence, State, tone_moduli
from bsep_stream.train.search.envelopes import ToneObservations
from bsep_stream.train.search.voices import Voices

_TINY = 1e-12
_SMALLEST_SHARE = 0.02


def observe(
    evidence: FrameEvidence,
    envelopes: Sequence[Tensor],
    voices: Voices,
    state: State,
    largest: float,
    behind: Tensor | None = None,
) -> list[ToneObservations]:
    """Share every peak among the tones that meet on it, and read off each tone's harmonics.

    Parameters
    ----------
    evidence : FrameEvidence
    envelopes : sequence of Tensor, shape (N_SEMITONES, n_harmonics)
        One for each source, that the peaks are shared by.
    voices : Voices
    state : State
    largest : float
        Modulus of a harmonic relative to the tone's amplitude.
    behind : Tensor, shape (n_frames, n_peaks), optional
        Moduli that are no tone's.

    Returns
    -------
    list of ToneObservations
        One for each source: those of its voices, one after the other.
    """
    peaks, candidates, level = evidence.peaks, evidence.candidates, evidence.level
    n_frames = len(level)
    frames = torch.arange(n_frames)
    templates = evidence.templates(envelopes)
    parts = [
        tone_moduli(templates[source], state.choice[:, voice], state.amplitude[:, voice])
        for voice, source in enumerate(voices.sources)
    ]
    total = torch.stack(parts).sum(dim=0) + 1e-2 * _TINY
    if behind is not None:
        total += behind
    nothing = torch.zeros(n_frames, 1)
    observed = []
    for voice, part in enumerate(parts):
        chosen = (state.choice[:, voice] - 1).clamp_min(0)
        index = candidates.peak_index[frames, chosen]
        share = part / total
        moduli = torch.cat([peaks.moduli * share, nothing], dim=1).gather(1, index)
        # A harmonic without a peak is surely weak; one that another tone covers is hardly known.
        trust = torch.cat([share, nothing + 1], dim=1).gather(1, index).clamp_min(_SMALLEST_SHARE)
        amplitude = state.amplitude[:, voice]
        root = (moduli / amplitude[:, None].clamp_min(_TINY)).clamp_max(largest).sqrt()
        loudness = torch.where(state.choice[:, voice] > 0, (amplitude / level).clamp_min(0).sqrt(), 0.0)
        weight = loudness[:, None] * trust * candidates.in_range[frames, chosen]
        observed.append(ToneObservations(evidence.pitches[frames, chosen], root, weight))
    grouped = ([observed[voice] for voice in voices.of(source)] for source in range(len(voices.limits)))
    return [ToneObservations(*(torch.cat(values) for values in zip(*group, strict=True))) for group in grouped]
