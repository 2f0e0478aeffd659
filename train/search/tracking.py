"""The likeliest way of two sources through the candidates of all frames."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class TransitionCosts:
    """What a change from one frame to the next costs, in units of the relative loss of one frame.

    Parameters
    ----------
    new_note : float
        Another pitch.
    semitone : float
        More for every semitone between the two, up to two octaves.
    on_off : float
        Beginning or end of a tone.
    glide : float
        Per semitone of change within a tone, which moves by less than `same_semitones`.
    same_semitones : float
    """

    new_note: float = 0.15
    semitone: float = 0.004
    on_off: float = 0.15
    glide: float = 0.05
    same_semitones: float = 0.6

    def between(self, f0_bin: Tensor, cuts: Tensor) -> Tensor:
        """Costs between neighbouring frames.

        Parameters
        ----------
        f0_bin : Tensor, shape (n_frames, n_candidates)
        cuts : Tensor, shape (n_frames,), bool
            True where a frame does not continue the one before (the beginning of another take).

        Returns
        -------
        Tensor, shape (n_frames - 1, 1 + n_candidates, 1 + n_candidates)
            Index 0: silent.
        """
        pitch = 12 * f0_bin.clamp_min(1e-3).log2()
        step = (pitch[1:, None, :] - pitch[:-1, :, None]).abs()
        moved = self.new_note + self.semitone * step.clamp_max(24)
        n_frames, n_candidates = f0_bin.shape
        costs = torch.full((n_frames - 1, n_candidates + 1, n_candidates + 1), self.on_off)
        costs[:, 0, 0] = 0
        costs[:, 1:, 1:] = torch.where(step < self.same_semitones, self.glide * step, moved)
        costs[cuts[1:]] = 0
        return costs


def best_path(losses: Tensor, transitions: Tensor) -> tuple[Tensor, float]:
    """Path of least cost through pairs of states (Viterbi); both sources have the same transition costs.

    Parameters
    ----------
    losses : Tensor, shape (n_frames, n_states, n_states)
        Of the states of the first and of the second source.
    transitions : Tensor, shape (n_frames - 1, n_states, n_states)
        From one state to another, for one source.

    Returns
    -------
    path : Tensor, shape (n_frames, 2), int64
    cost : float
        Sum along the path.
    """
    n_states = losses.shape[1]
    value = losses[0]
    origins: list[tuple[Tensor, Tensor]] = []
    for loss, costs in zip(losses[1:], transitions, strict=True):
        # One source after the other: n**3 steps in place of n**4.
        moved, from_first = (value[:, None, :] + costs[:, :, None]).min(dim=0)
        value, from_second = (moved[:, :, None] + costs[None]).min(dim=1)
        value = value + loss
        origins.append((from_first, from_second))
    last = int(value.argmin())
    first, second = last // n_states, last % n_states
    path = [(first, second)]
    for from_first, from_second in reversed(origins):
        second = int(from_second[first, second])
        first = int(from_first[first, second])
        path.append((first, second))
    return torch.tensor(path[::-1]), float(value.min())
