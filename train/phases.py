"""The one place that solves for the complex coefficients of harmonics (method section 6).

``min ||P c - v||^2 + ridge ||c||^2`` over complex ``c`` has the normal equations
``(P^T P + ridge) c = P^T v``. ``P`` is real, so real and imaginary part are two right-hand sides of one
symmetric positive definite system. The columns of ``P`` may belong to one tone or to several.
"""

from __future__ import annotations

import torch
from torch import Tensor


def solve_phases(gram: Tensor, projections: Tensor, ridge: float, *, plain_operations: bool = False) -> Tensor:
    """Ridge solution from Gram matrix and projections.

    Parameters
    ----------
    gram : Tensor, shape (batch, m, m)
        ``P^T P``; peaks that are out of range have rows and columns of 0 and get the coefficient 0.
    projections : Tensor, shape (batch, m, 2)
        ``P^T v``, real and imaginary part.
    ridge : float
        Positive.
    plain_operations : bool
        Eliminate with multiplications and additions only, for graphs that have no linear solver (ONNX).

    Returns
    -------
    Tensor, shape (batch, m, 2)
    """
    system = gram + ridge * torch.eye(int(gram.shape[-1]), dtype=gram.dtype, device=gram.device)
    if plain_operations:
        return _eliminate(system, projections)
    # Without the check for singular systems a frame that is not finite stays not finite, and the step is dropped.
    solution: Tensor = torch.linalg.solve_ex(system, projections, check_errors=False).result
    return solution


def _eliminate(system: Tensor, right: Tensor) -> Tensor:
    """Gauss-Jordan without pivoting, which is stable for positive definite systems."""
    size = int(system.shape[-1])
    # Made from plain numbers, so that an exported graph has it as a constant.
    identity = torch.tensor([[float(i == k) for k in range(size)] for i in range(size)], dtype=system.dtype)
    identity = identity.to(system.device)
    table = torch.cat([system, right], dim=-1)
    for step in range(size):
        # Subtracting (pivot - 1) times the scaled row from the pivot's own row leaves the scaled row there, so that
        # all rows can be treated alike. The pivot's column is never read again and is dropped.
        first, table = torch.split(table, [1, size + int(right.shape[-1]) - step - 1], dim=2)
        row = table[:, step : step + 1] / first[:, step : step + 1]
        table = table - (first - identity[:, step : step + 1]) * row
    return table


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
        across = torch.stack([-phases[..., 1], phases[..., 0]], dim=-1)
        slope = across / (largest * modulus).clamp_min(max(floor, 1e-12))
    # d(c/|c|) is the part of dc across c, over |c|. The bracket has the value 0 and the slope 1.
    change = ((coefficients - coefficients.detach()) * slope).sum(dim=-1, keepdim=True)
    return phases + across * change
