"""Heard again: tones whose players are decided say what each of these is made of, and that says what he plays."""

from __future__ import annotations

import torch
from torch import Tensor

from bsep_stream.train.search.decoding import State
from bsep_stream.train.search.envelopes import ToneObservations
from bsep_stream.train.search.explanation import Explanation, mean_envelopes
from bsep_stream.train.search.hearing import Hearing, Step, Swept
from bsep_stream.train.search.pairs import IMPOSSIBLE
from bsep_stream.train.search.subharmonics import raised
from bsep_stream.train.search.tails import around_path


def heard_again(
    hearing: Hearing, f0_bin: Tensor, amplitude: Tensor, held: bool, by_register: bool, step: Step
) -> Explanation:
    """Tones of sources that are told apart, searched once more with what each of them is made of.

    Parameters
    ----------
    hearing : Hearing
    f0_bin, amplitude : Tensor, shape (n_voices, n_frames)
        Candidates of their frames; 0: silent.
    held : bool
        Whether no source may have a note that only another has.
    by_register : bool
        Whether tones cost more where another source has its register.
    step : callable
    """
    state = _state_of(hearing, f0_bin, amplitude)
    observed, envelopes = _learned(hearing, state)
    forbidden = _of_others(hearing, state) if held else None
    for sweep in range(hearing.settings.sweeps_again):
        used, registers = envelopes, hearing.registers(observed) if by_register else None
        costs = hearing.tone_costs(registers)
        if forbidden is not None:
            costs = [cost.masked_fill(places, IMPOSSIBLE) for cost, places in zip(costs, forbidden, strict=True)]
        behind = hearing.behind(state, used)
        state, cost = hearing.decode_by(costs, used, step, state, sweep, behind)
        observed = hearing.observe(state, used, behind)
        envelopes = [raised(rows) for rows in hearing.envelopes(observed)]
    return hearing.explanation(Swept(state, cost, observed, used, registers), "again", step)


def _of_others(hearing: Hearing, state: State) -> list[Tensor]:
    """Where every source would have a note that only another has, each of shape (n_frames, n_candidates), bool."""
    paths = [around_path(hearing.pitches, choice) for choice in state.choice.T]
    voices_of = [hearing.voices.of(source) for source in range(hearing.n_sources)]
    has = [torch.stack([paths[voice] for voice in own]).any(dim=0) for own in voices_of]
    anybody = torch.stack(has).any(dim=0)
    return [anybody & ~own for own in has]


def envelopes_of(hearing: Hearing, f0_bin: Tensor, amplitude: Tensor) -> Tensor:
    """Mean envelopes of sources by their tones; (n_sources, n_harmonics). Parameters as for :func:`heard_again`."""
    return mean_envelopes(_learned(hearing, _state_of(hearing, f0_bin, amplitude))[0])


def _state_of(hearing: Hearing, f0_bin: Tensor, amplitude: Tensor) -> State:
    distance = (hearing.evidence.candidates.f0_bin[:, None] - f0_bin.T[:, :, None]).abs()
    return State(torch.where(f0_bin.T > 0, distance.argmin(dim=2) + 1, 0), amplitude.T.contiguous())


def _learned(hearing: Hearing, state: State) -> tuple[list[ToneObservations], list[Tensor]]:
    """What tones say of the envelopes, when nothing was known of them before."""
    envelopes = hearing.plain
    for _ in range(2):
        observed = hearing.observe(state, envelopes)
        envelopes = hearing.envelopes(observed)
    return observed, envelopes
