"""AdaMax, also with one denominator per row (method section 9)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from bsep_stream.errors import RunError


class AdaMax:
    """Adam with the infinity norm (Kingma, Ba, arXiv:1412.6980, algorithm 2).

    Parameters
    ----------
    parameters : iterable of Tensor
        Changed in place by :meth:`step`.
    step_size : float
    betas : tuple of two floats
        Decay of the mean of the gradients and of their largest modulus.
    epsilon : float
        Added to the denominator.
    shared_rows : bool
        Every row of a matrix (all but the first dimension) has one denominator, the largest of its entries, so
        that a step keeps the direction over the row.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        step_size: float,
        betas: tuple[float, ...],
        epsilon: float,
        *,
        shared_rows: bool = False,
    ) -> None:
        self.parameters = [parameter.detach() for parameter in parameters]  # the same memory, no graph
        self.step_size = step_size
        self.betas = betas
        self.epsilon = epsilon
        self.shared_rows = shared_rows
        self.n_steps = 0
        self.means = [torch.zeros_like(parameter) for parameter in self.parameters]
        self.maxima = [
            torch.zeros_like(parameter[..., :1] if shared_rows else parameter) for parameter in self.parameters
        ]

    @torch.no_grad()
    def step(self, gradients: list[Tensor]) -> None:
        """One step against the gradients, in the order of the parameters."""
        self.n_steps += 1
        moduli = list(torch._foreach_abs(gradients))
        if self.shared_rows:
            moduli = [modulus.amax(dim=-1, keepdim=True) for modulus in moduli]
        torch._foreach_lerp_(self.means, gradients, 1.0 - self.betas[0])
        torch._foreach_mul_(self.maxima, self.betas[1])
        torch._foreach_maximum_(self.maxima, moduli)
        # The mean starts at 0 and is too small at first by this factor.
        rate = self.step_size / (1.0 - self.betas[0] ** self.n_steps)
        denominators = torch._foreach_add(self.maxima, self.epsilon)
        torch._foreach_addcdiv_(
            self.parameters, self.means, [d.expand_as(m) for d, m in zip(denominators, self.means, strict=True)], -rate
        )

    def state_dict(self) -> dict[str, Tensor]:
        """Flat dictionary of tensors."""
        state = {"n_steps": torch.tensor(self.n_steps, dtype=torch.int64)}
        for number, (mean, maximum) in enumerate(zip(self.means, self.maxima, strict=True)):
            state[f"mean.{number}"] = mean
            state[f"maximum.{number}"] = maximum
        return state

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Inverse of :meth:`state_dict`."""
        own = self.state_dict()
        if set(state) != set(own) or any(state[key].shape != own[key].shape for key in own):
            raise RunError("the state of an optimiser in the checkpoint does not fit this configuration")
        self.n_steps = int(state["n_steps"])
        for number in range(len(self.means)):
            self.means[number].copy_(state[f"mean.{number}"])
            self.maxima[number].copy_(state[f"maximum.{number}"])
