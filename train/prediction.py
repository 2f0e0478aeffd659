"""Prediction: the tones of a frame without chance (method section 10). What the ONNX step computes."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from bsep_stream.train.policy import choice_logits, gamma_mode, gamma_parameters, on_logit, split_choice
from bsep_stream.train.separator import FrameState, Separator
from bsep_stream.train.spectra import as_channels


class Prediction(NamedTuple):
    """Tones of frames, ordered by source; the first seven are the outputs of the ONNX step (docs/design.md).

    Attributes
    ----------
    direct : Tensor, shape (batch, n_sources, 2, n_bins)
        Spectra of the sources, ``P c``.
    f0_bin, inharmonicity, width_bins, amplitude, on : Tensor, shape (batch, n_tones)
    coefficients : Tensor, shape (batch, n_tones, n_harmonics, 2)
    dictionary : Tensor, shape (batch, n_sources, 2, n_bins)
        Spectra of the dictionary tones; those that are off are 0 if the policy gates, else as if on.
    margin : Tensor, shape (batch,)
        Smallest lead of a chosen logit over the second best in a pass. Near 0 the choice is arbitrary.
    """

    direct: Tensor
    f0_bin: Tensor
    inharmonicity: Tensor
    width_bins: Tensor
    amplitude: Tensor
    on: Tensor
    coefficients: Tensor
    dictionary: Tensor
    margin: Tensor


def predict(separator: Separator, frames: Tensor) -> Prediction:
    """Tones of frames: the likeliest choice of every pass, modes of the rest.

    Everything in here must exist in ONNX: see :mod:`bsep_stream.export`.

    Parameters
    ----------
    separator : Separator
    frames : Tensor, shape (batch, n_bins), complex64, or (batch, 2, n_bins), float32
        Gained mixture.

    Returns
    -------
    Prediction
    """
    frames = as_channels(frames)
    policy = separator.config.policy
    n_sources, n_bins = separator.config.n_sources, separator.config.geometry.n_bins
    state = FrameState.start(frames, n_sources)
    by_pass: list[tuple[Tensor, ...]] = []
    order: list[Tensor] = []
    margins: list[Tensor] = []
    for _ in range(n_sources):
        maps = separator.maps(state)
        best, choices = choice_logits(maps.logit, state.used, policy).topk(2, dim=1)
        margins.append(best[:, 0] - best[:, 1])
        source, bin_index = split_choice(choices[:, :1], n_bins, policy)
        parameters = maps.read(source, bin_index)
        inharmonicity = gamma_mode(*gamma_parameters(parameters[:, 3], parameters[:, 4], policy))
        tones = separator.tones(maps, source, bin_index, parameters, inharmonicity, plain_operations=True)
        on = (on_logit(parameters[:, 5], policy) > 0).to(frames.dtype)
        state = state.with_tone(*separator.heard(tones, on))
        order.append(tones.source)
        by_pass.append((tones.f0_bin, tones.inharmonicity, tones.width_bins, tones.amplitude, on, tones.coefficients))
    # Every source occurs in exactly one pass: place[s] is the pass of source s.
    place = torch.stack(order, dim=1).argsort(dim=1)
    f0_bin, inharmonicity, width_bins, amplitude, on, coefficients = (
        torch.stack(values, dim=1) for values in zip(*by_pass, strict=True)
    )
    return Prediction(
        state.direct,
        f0_bin.gather(1, place),
        inharmonicity.gather(1, place),
        width_bins.gather(1, place),
        amplitude.gather(1, place),
        on.gather(1, place),
        coefficients.gather(1, place[:, :, None, None].expand_as(coefficients)),
        state.dictionary,
        torch.stack(margins, dim=1).amin(dim=1),
    )
