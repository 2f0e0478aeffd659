"""The likeliest way of two sources through the candidates of all frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
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
    loss, costs = losses.numpy(), transitions.numpy()
    n_frames, n_states, _ = loss.shape
    # Small steps, of which numpy does several in the time of one of torch. One source after the other: n**3 steps in
    # place of n**4.
    value, moved = np.empty_like(loss), np.empty((n_frames, n_states, n_states), loss.dtype)
    sums = np.empty((n_states, n_states, n_states), loss.dtype)
    value[0] = loss[0]
    for frame in range(1, n_frames):
        step = costs[frame - 1]
        np.add(value[frame - 1][:, None, :], step[:, :, None], out=sums).min(axis=0, out=moved[frame])
        np.add(moved[frame][:, :, None], step[None], out=sums).min(axis=1, out=value[frame])
        value[frame] += loss[frame]
    first, second = divmod(int(value[-1].argmin()), n_states)
    path = [(first, second)]
    for frame in range(n_frames - 1, 0, -1):
        step = costs[frame - 1]
        second = int((moved[frame][first] + step[:, second]).argmin())
        first = int((value[frame - 1][:, second] + step[:, first]).argmin())
        path.append((first, second))
    return torch.tensor(path[::-1]), float(value[-1].min())
