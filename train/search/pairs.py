"""How well pairs of tones explain frames.

A frame is its list of peaks with moduli m. Tones i, j of amplitudes a, b put the moduli ``X = B + a U_i + b U_j``
on the peaks (B: tones of other sources, that stay as they are). The distance is that of the method, on square roots:
``sum (sqrt(m) - sqrt(X))**2``; a harmonic without a peak costs its own modulus, as it faces 0.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

_ITERATIONS = 4
_EXPONENT = 1.3  # of the multiplicative update: faster than 1, still stable
_LARGEST_FACTOR = 3.0
_TINY = 1e-14
_NEXT_TO_NOTHING = 1e-20
_FRAMES_AT_ONCE = 200
IMPOSSIBLE = 1e3


class PairFit(NamedTuple):
    """Every choice of a tone (or none) for each of two sources.

    Attributes
    ----------
    loss : Tensor, shape (n_frames, 1 + n_candidates, 1 + n_candidates)
        Distance relative to the frame's `level`; index 0: the source is silent.
    first, second : Tensor, shape (n_frames, 1 + n_candidates, 1 + n_candidates)
        Amplitudes of the two tones.
    """

    loss: Tensor
    first: Tensor
    second: Tensor


def fit_pairs(
    moduli: Tensor, level: Tensor, valid: Tensor, first: Tensor, second: Tensor, background: Tensor
) -> PairFit:
    """Best amplitudes and losses of all pairs of tones.

    Parameters
    ----------
    moduli : Tensor, shape (n_frames, n_peaks)
    level : Tensor, shape (n_frames,)
    valid : Tensor, shape (n_frames, n_candidates), bool
    first, second : Tensor, shape (n_frames, n_candidates, n_peaks)
        Moduli that a tone of amplitude 1 of the first or second source puts on the peaks; its harmonics without
        a peak make the sum smaller than 1.
    background : Tensor, shape (n_frames, n_peaks)
        Moduli of all other tones.
    """
    n_frames, n_candidates, _ = first.shape
    size = (n_frames, n_candidates + 1, n_candidates + 1)
    fit = PairFit(*(torch.zeros(size) for _ in range(3)))
    for start in range(0, n_frames, _FRAMES_AT_ONCE):
        part = slice(start, start + _FRAMES_AT_ONCE)
        _fit_part(moduli[part], first[part], second[part], background[part], PairFit(*(entry[part] for entry in fit)))
    impossible = torch.cat([torch.zeros(n_frames, 1, dtype=torch.bool), ~valid], dim=1)
    impossible = impossible[:, :, None] | impossible[:, None, :]
    # Two sources on one and the same pitch cannot be told apart; one of them is enough.
    impossible[:, 1:, 1:] |= torch.eye(n_candidates, dtype=torch.bool)
    return fit._replace(loss=(fit.loss / level[:, None, None]).masked_fill(impossible, IMPOSSIBLE))


def _fit_part(moduli: Tensor, first: Tensor, second: Tensor, background: Tensor, out: PairFit) -> None:
    root = moduli.sqrt()
    nothing = torch.zeros_like(moduli)[:, None]
    tones_1, tones_2 = torch.cat([nothing, first], dim=1), torch.cat([nothing, second], dim=1)
    alone_1, alone_2 = (torch.einsum("tp,tkp->tk", root, tones.sqrt()) ** 2 for tones in (tones_1, tones_2))
    a = 0.5 * alone_1[:, :, None].expand_as(out.first).clone()
    b = 0.5 * alone_2[:, None, :].expand_as(out.second).clone()
    a[:, :, 0] *= 2  # exact without a partner and a background
    b[:, 0, :] *= 2
    # (t, k, l, p): every pair on every peak. Whole passes over few frames, in place: products of matrices, or new
    # tensors in each step, take twice as long.
    tones_1, tones_2, background = tones_1[:, :, None], tones_2[:, None], background[:, None, None]
    root = root[:, None, None]
    for _ in range(_ITERATIONS):
        ratio = _spectrum(a, b, tones_1, tones_2, background).add_(_TINY).rsqrt_().mul_(root)
        gain_a, gain_b = (ratio * tones_1).sum(dim=3), ratio.mul_(tones_2).sum(dim=3)
        a *= gain_a.clamp_max_(_LARGEST_FACTOR).pow_(_EXPONENT)
        b *= gain_b.clamp_max_(_LARGEST_FACTOR).pow_(_EXPONENT)
    # The root of an exact 0 is ten times as slow as others.
    overlap = _spectrum(a, b, tones_1, tones_2, background).add_(_NEXT_TO_NOTHING).sqrt_().mul_(root).sum(dim=3)
    total = moduli.sum(dim=1) + background.sum(dim=3)[:, 0, 0]
    out.loss.copy_(total[:, None, None] + a + b - 2 * overlap)
    out.first.copy_(a)
    out.second.copy_(b)


def _spectrum(a: Tensor, b: Tensor, tones_1: Tensor, tones_2: Tensor, background: Tensor) -> Tensor:
    return torch.addcmul(background, a[..., None], tones_1).addcmul_(b[..., None], tones_2)
