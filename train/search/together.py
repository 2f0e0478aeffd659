"""Tones that sound together: they have different players, so each such group is a start for the search.

Starts from registers and from brightness end in the same wrong explanation where instruments share a register. What a
group of tones that sound at once is made of says what the instruments may be made of, whoever plays them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations, pairwise

import torch
from torch import Tensor

from bsep_stream.train.search.envelopes import ToneObservations

SHORTEST_FRAMES = 8
"""That all tones of a group sound together: shorter ones say little about what they are made of."""
_LONG_ENOUGH_FRAMES = 25  # from here on a group says no more
_SAME_SEMITONES = 0.6  # within a tone, from frame to frame
_SILENT = -1
_TINY = 1e-12


def groups_together(observed: Sequence[ToneObservations], most: int) -> list[list[Tensor]]:
    """What the tones of a group are made of, for the groups whose tones differ most; every tone is in one group only.

    Parameters
    ----------
    observed : sequence of ToneObservations
        One for every voice that may sound, whoever it belongs to.
    most : int
        Groups.

    Returns
    -------
    list of lists of Tensor, shape (n_harmonics,)
        For every group an envelope of sum 1 for every voice.
    """
    numbers = [_tone_numbers(entry) for entry in observed]
    together = Counter(group for group in zip(*(row.tolist() for row in numbers), strict=True) if _SILENT not in group)
    found = []
    for group, n_frames in together.items():
        if n_frames >= SHORTEST_FRAMES:
            members = list(zip(observed, numbers, group, strict=True))
            envelopes = [_envelope(entry, row == number) for entry, row, number in members]
            roots = [envelope.sqrt() for envelope in envelopes]
            apart = min(float((one - other).norm()) for one, other in combinations(roots, 2))
            found.append((apart * min(n_frames, _LONG_ENOUGH_FRAMES) ** 0.5, group, envelopes))
    found.sort(key=lambda entry: -entry[0])
    chosen: list[list[Tensor]] = []
    used: list[set[int]] = [set() for _ in observed]
    for _, group, envelopes in found:
        if len(chosen) < most and not any(tone in tones for tone, tones in zip(group, used, strict=True)):
            chosen.append(envelopes)
            for tone, tones in zip(group, used, strict=True):
                tones.add(tone)
    return chosen


def _tone_numbers(observed: ToneObservations) -> Tensor:
    """Which tone of a voice sounds in every frame, shape (n_frames,), int64; one ends where the pitch jumps."""
    sounding = observed.weight.amax(dim=1) > 0
    pitch = torch.where(sounding, observed.pitch, -torch.inf).tolist()
    begins = [True, *(not abs(later - earlier) < _SAME_SEMITONES for earlier, later in pairwise(pitch))]
    numbers = torch.tensor(begins).long().cumsum(dim=0)
    return torch.where(sounding, numbers, _SILENT)


def _envelope(observed: ToneObservations, frames: Tensor) -> Tensor:
    weight, root = observed.weight[frames], observed.root[frames]
    moduli = ((weight * root).sum(dim=0) / weight.sum(dim=0).clamp_min(_TINY)).square()
    return moduli / moduli.sum().clamp_min(_TINY)
