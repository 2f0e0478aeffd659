"""Starts of a search: what it takes the sources to be before it has heard them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from bsep_stream.train.search.decoding import State, silence
from bsep_stream.train.search.envelopes import plain_envelope
from bsep_stream.train.search.hearing import Hearing, Step
from bsep_stream.train.search.together import groups_together


class Start(NamedTuple):
    """Envelopes (and registers, tones) to begin with; in the first `free_sweeps` the registers cost nothing."""

    name: str
    envelopes: list[Tensor]
    registers: list[Tensor] | None
    free_sweeps: int
    state: State | None = None


def find_starts(hearing: Hearing, step: Step) -> list[list[Start]]:
    """Starts for every order that the sources may have, of several kinds."""
    voices, n_sources = hearing.voices, hearing.n_sources
    if len(voices) == 1:
        return [[Start("brightness", _by_brightness(hearing, (0,)), None, 0)]]
    heard = hearing.anybody(step)
    # With chords tones that sound together may have one player.
    together = [] if voices.chords else _by_groups(hearing, heard)
    starts = []
    for order in voices.orders():
        state = _by_pitch(hearing, heard, order)
        observed = hearing.observe(state, hearing.plain)
        envelopes, registers = hearing.envelopes(observed), hearing.registers(observed)
        # Chords take long to be found: they are kept for all starts.
        known = state if voices.chords else None
        kinds = [Start("register", envelopes, registers, 0, known)]
        if n_sources > 1:
            kinds.insert(0, Start("brightness", _by_brightness(hearing, order), None, 0, known))
            kinds.append(Start("register, then timbre", envelopes, None, hearing.settings.free_sweeps, known))
        starts.append(kinds + together)
    return starts


def _by_brightness(hearing: Hearing, order: Sequence[int]) -> list[Tensor]:
    """Envelopes of the sources, the first of the order the darkest."""
    n_sources = hearing.n_sources
    darkest, brightest = hearing.settings.start_decays
    steps = max(1, n_sources - 1)
    decays = [darkest + (brightest - darkest) * place / steps for place in range(n_sources)]
    return [plain_envelope(decays[order.index(source)]) for source in range(n_sources)]


def _by_groups(hearing: Hearing, heard: State) -> list[Start]:
    """Starts from what tones that sound together are made of."""
    settings, plain, starts = hearing.settings, hearing.plain, []
    for group in groups_together(hearing.observe(heard, plain), settings.groups):
        rows = [settings.group_share * row + (1 - settings.group_share) * plain[0] for row in group]
        starts.append(Start("together", rows, None, settings.free_sweeps))
    return starts


def _by_pitch(hearing: Hearing, state: State, order: Sequence[int]) -> State:
    """Frames with a tone for every source, shared out from high to low in an order; the other frames silent."""
    pitch = hearing.pitches.gather(1, (state.choice - 1).clamp_min(0))
    pitch = torch.where(state.choice > 0, pitch, -1.0)
    places = pitch.argsort(dim=1, descending=True)
    choice, amplitude = state.choice.gather(1, places), state.amplitude.gather(1, places)
    shared = silence(*choice.shape)
    count = (state.choice > 0).sum(dim=1)
    for size in range(hearing.n_sources, len(hearing.voices) + 1):
        frames = (count == size).nonzero()
        voices = torch.tensor(hearing.voices.from_above(order, size))
        shared.choice[frames, voices] = choice[frames, torch.arange(size)]
        shared.amplitude[frames, voices] = amplitude[frames, torch.arange(size)]
    return shared
