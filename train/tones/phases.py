"""The one place that solves for the complex coefficients of harmonics (method section 6).

``min ||P c - v||^2 + ridge ||c||^2`` over complex ``c`` has the normal equations
``(P^T P + ridge) c = P^T v``. ``P`` is real, so real and imaginary part are two right-hand sides of one
symmetric positive definite system. The columns of ``P`` may belong to one tone or to several.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

# Little beside the rounding of what is solved; the worst case is met by no tone that anybody plays.
_INVERSE_TOLERANCE = 1e-6
# Beyond this condition number rounding in float32 spoils the iteration long before elimination.
_LARGEST_CONDITION = 1e3


@dataclass(frozen=True)
class PlainSolver:
    """Solving with elementary operations only, for graphs without a linear solver (ONNX).

    Parameters
    ----------
    block : int
        Peaks that are eliminated together: all of one tone, or 1.
    rounds : int
        Of the iteration that inverts a block; each squares the relative error. Not used for blocks of 1.
    """

    block: int
    rounds: int

    @classmethod
    def for_condition(cls, block: int, condition: float) -> PlainSolver:
        """A solver for systems whose largest row sum is at most `condition` times their smallest eigenvalue.

        The first relative error is then ``1 - 1 / condition``, and `rounds` squarings bring it below
        ``_INVERSE_TOLERANCE``.
        """
        if condition > _LARGEST_CONDITION:
            return cls(1, 0)
        if condition <= 1.0:
            return cls(block, 0)
        return cls(block, math.ceil(math.log2(math.log(_INVERSE_TOLERANCE) / math.log1p(-1.0 / condition))))

    def solve(self, system: Tensor, right: Tensor) -> Tensor:
        """Solution of symmetric positive definite systems: (batch, m, m) and (batch, m, n) to (batch, m, n).

        Gauss-Jordan elimination block by block without pivoting, which is stable for such systems. Peak by peak
        it takes seven operations for each of them, whose overhead is then most of the time of a step.
        """
        size = int(system.shape[-1])
        if size <= self.block:
            return self._inverse(system) @ right
        identity = _identity_like(system)
        table = torch.cat([system, right], dim=-1)
        for begin in range(0, size, self.block):
            end = min(begin + self.block, size)
            # The columns of the pivot are never read again and are dropped.
            first, table = torch.split(table, [end - begin, table.shape[-1] - (end - begin)], dim=2)
            row = self._inverse(first[:, begin:end]) @ table[:, begin:end]
            # Subtracting (pivot - 1) times the solved row from the pivot's own row leaves the solved row there, so
            # that all rows can be treated alike.
            table = table - (first - identity[:, begin:end]) @ row
        return table

    def _inverse(self, block: Tensor) -> Tensor:
        """Inverse of symmetric positive definite matrices by Newton's iteration (Schulz 1933)."""
        if block.shape[-1] == 1:
            return 1.0 / block
        twice = 2.0 * _identity_like(block)
        # No eigenvalue is above the largest row sum, so all errors start between 0 and 1.
        inverse = 0.5 * twice / block.abs().sum(dim=2, keepdim=True).amax(dim=1, keepdim=True)
        for _ in range(self.rounds):
            inverse = inverse @ (twice - block @ inverse)
        return inverse


def solve_phases(gram: Tensor, projections: Tensor, ridge: float, *, plain: PlainSolver | None = None) -> Tensor:
    """Ridge solution from Gram matrix and projections.

    Parameters
    ----------
    gram : Tensor, shape (batch, m, m)
        ``P^T P``; peaks that are out of range have rows and columns of 0 and get the coefficient 0.
    projections : Tensor, shape (batch, m, 2)
        ``P^T v``, real and imaginary part.
    ridge : float
        Positive.
    plain : PlainSolver or None
        Instead of the library's solver.

    Returns
    -------
    Tensor, shape (batch, m, 2)
    """
    system = gram + ridge * _identity_like(gram)
    if plain is not None:
        return plain.solve(system, projections)
    # Without the check for singular systems a frame that is not finite stays not finite, and the step is dropped.
    solution: Tensor = torch.linalg.solve_ex(system, projections, check_errors=False).result
    return solution


def _identity_like(matrices: Tensor) -> Tensor:
    return torch.eye(int(matrices.shape[-1]), dtype=matrices.dtype, device=matrices.device)


def unit_phases(coefficients: Tensor, floor: float) -> Tensor:
    """Coefficients divided by their moduli; 0 becomes 1.

    Parameters
    ----------
    coefficients : Tensor, shape (..., 2)
    floor : float
        The gradient is that of a modulus of at least this: phases of nothing must not dominate an update.

    Returns
    -------
    Tensor, shape (..., 2)
    """
    with torch.no_grad():
        largest = coefficients.abs().amax(dim=-1, keepdim=True)
        # Scaling first keeps the squares of tiny coefficients from underflowing.
        scaled = torch.where(largest > 0, coefficients / largest.clamp_min(torch.finfo(coefficients.dtype).tiny), 0.0)
        modulus = scaled.square().sum(dim=-1, keepdim=True).sqrt()
        one = torch.tensor([1.0, 0.0], dtype=coefficients.dtype, device=coefficients.device)
        phases = torch.where(modulus > 0, scaled / modulus.clamp_min(0.5), one)
    if not torch.is_grad_enabled():
        return phases
    with torch.no_grad():
        across = torch.stack([-phases[..., 1], phases[..., 0]], dim=-1)
        slope = across / (largest * modulus).clamp_min(max(floor, 1e-12))
    # d(c/|c|) is the part of dc across c, over |c|. The bracket has the value 0 and the slope 1.
    change = ((coefficients - coefficients.detach()) * slope).sum(dim=-1, keepdim=True)
    return phases + across * change
