"""The likeliest tones of all frames, when the envelopes of the sources are given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from bsep_stream.train.search.candidates import Candidates
from bsep_stream.train.search.envelopes import tone_templates
from bsep_stream.train.search.pairs import IMPOSSIBLE, fit_pairs
from bsep_stream.train.search.peaks import SpectralPeaks
from bsep_stream.train.search.tracking import best_path


class FrameEvidence(NamedTuple):
    """What is known of the frames of a session before anything is known of the instruments.

    Attributes
    ----------
    peaks : SpectralPeaks
    candidates : Candidates
    pitches : Tensor, shape (n_frames, n_candidates)
        Of the candidates, in semitones.
    level : Tensor, shape (n_frames,)
        Unit of the losses of a frame.
    transitions : Tensor, shape (n_frames - 1, 1 + n_candidates, 1 + n_candidates)
    """

    peaks: SpectralPeaks
    candidates: Candidates
    pitches: Tensor
    level: Tensor
    transitions: Tensor

    def templates(self, envelopes: Sequence[Tensor]) -> list[Tensor]:
        """What tones of amplitude 1 put on the peaks, of every source (n_frames, n_candidates, n_peaks)."""
        n_peaks = self.peaks.moduli.shape[1]
        return [tone_templates(rows, self.pitches, self.candidates, n_peaks) for rows in envelopes]


class State(NamedTuple):
    """Choice (0: silent, else candidate + 1) and amplitude of every voice in every frame, (n_frames, n_voices)."""

    choice: Tensor
    amplitude: Tensor


def silence(n_frames: int, n_voices: int) -> State:
    """All voices silent."""
    nothing = torch.zeros(n_frames, n_voices)
    return State(nothing.long(), nothing)


def tone_moduli(template: Tensor, choice: Tensor, amplitude: Tensor) -> Tensor:
    """Moduli of one voice's tones on the peaks, shape (n_frames, n_peaks)."""
    rows = template[torch.arange(len(choice)), (choice - 1).clamp_min(0)]
    return torch.where(choice > 0, amplitude, 0.0)[:, None] * rows


def decode(
    evidence: FrameEvidence,
    envelopes: Sequence[Tensor],
    voices: Sequence[int],
    pairs: Sequence[tuple[int, int]],
    tone_costs: Sequence[Tensor],
    state: State,
    on_step: Callable[[], None],
    behind: Tensor | None = None,
) -> tuple[State, float]:
    """Best path of pairs of voices, one pair after the other, the other voices held.

    Parameters
    ----------
    evidence : FrameEvidence
    envelopes : sequence of Tensor, shape (N_SEMITONES, n_harmonics)
        One for each source.
    voices : sequence of int
        Source of every voice.
    pairs : sequence of two int
        Voices that are decoded together; a voice with itself is decoded alone.
    tone_costs : sequence of Tensor, shape (n_frames, n_candidates)
        One for each voice: what a tone costs it beside what it leaves unexplained.
    state : State
        To begin with.
    on_step : callable
        Called after every pair.
    behind : Tensor, shape (n_frames, n_peaks), optional
        Moduli that are explained beforehand.

    Returns
    -------
    state : State
    cost : float
        Mean over the frames.
    """
    peaks = evidence.peaks
    n_frames, n_peaks = peaks.moduli.shape
    of_sources = evidence.templates(envelopes)
    templates = [of_sources[source] for source in voices]
    choice, amplitude = state.choice.clone(), state.amplitude.clone()
    cost = 0.0
    for first, second in pairs:
        others = [voice for voice in range(len(voices)) if voice not in (first, second)]
        background = torch.zeros(n_frames, n_peaks) if behind is None else behind.clone()
        for voice in others:
            background += tone_moduli(templates[voice], choice[:, voice], amplitude[:, voice])
        fit = fit_pairs(
            peaks.moduli, evidence.level, evidence.candidates.valid, templates[first], templates[second], background
        )
        loss = fit.loss
        loss[:, 1:, :] += tone_costs[first][:, :, None]
        if first == second:
            loss[:, :, 1:] = IMPOSSIBLE
        else:
            loss[:, :, 1:] += tone_costs[second][:, None, :]
        for voice in others:
            # A third tone on a candidate that another voice has is no explanation of its own.
            taken = choice[:, voice, None] == torch.arange(loss.shape[1])
            taken[:, 0] = False
            loss.masked_fill_(taken[:, :, None] | taken[:, None, :], IMPOSSIBLE)
        path, total = best_path(loss, evidence.transitions)
        # What the held voices explain is in the loss; what they cost beside it must count as well.
        held = sum(
            _held_cost(evidence, templates[voice], tone_costs[voice], choice[:, voice], amplitude[:, voice])
            for voice in others
        )
        cost = (total + held) / n_frames
        frames = torch.arange(n_frames)
        for voice, column, fitted in ((first, 0, fit.first), (second, 1, fit.second)):
            if column and first == second:
                continue
            choice[:, voice] = path[:, column]
            amplitude[:, voice] = fitted[frames, path[:, 0], path[:, 1]]
        on_step()
    return State(choice, amplitude), cost


def _held_cost(evidence: FrameEvidence, template: Tensor, costs: Tensor, choice: Tensor, amplitude: Tensor) -> float:
    """Of one voice's path: its tones, transitions, and harmonics that have no peak."""
    frames = torch.arange(len(choice))
    tones = costs[frames, (choice - 1).clamp_min(0)]
    missed = (amplitude - tone_moduli(template, choice, amplitude).sum(dim=1)) / evidence.level
    moves = evidence.transitions[frames[:-1], choice[:-1], choice[1:]]
    return float(torch.where(choice > 0, tones + missed, 0.0).sum() + moves.sum())
