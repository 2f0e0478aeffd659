"""Prediction: the tones of a frame without chance (method section 10). What the ONNX step computes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from bsep_stream.train.config.trainconfig import TrainConfig
from bsep_stream.train.network.frame_state import FrameState
from bsep_stream.train.network.hypotheses import Hypotheses, hypotheses
from bsep_stream.train.network.policy import choice_logits, gamma_mode, gamma_parameters, on_logit, split_choice
from bsep_stream.train.network.separator import Maps, Separator
from bsep_stream.train.tones.harmonics import Peaks, join_peaks
from bsep_stream.train.tones.moduli import modulus
from bsep_stream.train.tones.phases import PlainSolver, solve_phases
from bsep_stream.train.tones.spectra import as_channels


class Prediction(NamedTuple):
    """Tones of frames, ordered by source; all but the margins are outputs of the ONNX step (docs/internals.md).

    Of a source that may have several tones, those that were found come first, then the one that says there are no more
    (off), then zeros.

    Attributes
    ----------
    direct : Tensor, shape (batch, n_sources, 2, n_bins)
        Spectra of the sources, ``P c``; tones that are off are 0 if the policy gates, else as if on.
    dictionary : Tensor, shape (batch, n_sources, 2, n_bins)
        Spectra of the dictionary tones; likewise.
    f0_bin, inharmonicity, width_bins, amplitude, on : Tensor, shape (batch, n_tones)
    coefficients : Tensor, shape (batch, n_tones, n_harmonics, 2)
        Of the direct tones; likewise.
    timbre : Tensor, shape (batch, n_sources, n_bins)
        Moduli of the sources for masks: by the timbre, or of the dictionary tones where there is none.
    margin : Tensor, shape (batch,)
        Smallest lead of a chosen logit over the next in a pass. Near 0 the choice is arbitrary.
    on_margin : Tensor, shape (batch,)
        Smallest modulus of a logit of being on. Near 0 it is arbitrary whether the tone is on.
    """

    direct: Tensor
    dictionary: Tensor
    f0_bin: Tensor
    inharmonicity: Tensor
    width_bins: Tensor
    amplitude: Tensor
    on: Tensor
    coefficients: Tensor
    timbre: Tensor
    margin: Tensor
    on_margin: Tensor


def predict(separator: Separator, frames: Tensor, *, masks: bool = True) -> Prediction:
    """Tones of frames: the likeliest choice of every pass, modes of the rest.

    Everything in here must exist in ONNX: see :mod:`bsep_stream.export`.

    Parameters
    ----------
    separator : Separator
    frames : Tensor, shape (batch, n_bins), complex64, or (batch, 2, n_bins), float32
        Gained mixture.
    masks : bool
        False: the timbre, which takes longest and changes nothing else, is left out, as if there were none.

    Returns
    -------
    Prediction
    """
    frames = as_channels(frames)
    timbre_model = separator.timbre if masks else None
    config, policy = separator.config, separator.config.policy
    n_bins = config.geometry.n_bins
    alone, jointly = plain_solvers(config)
    state = FrameState.start(frames, config.polyphony)
    by_pass: list[tuple[Tensor, ...]] = []
    values: list[Tensor] = []
    all_peaks: list[Peaks] = []
    sources: list[Tensor] = []
    places: list[Tensor] = []
    margins: list[Tensor] = []
    on_margins: list[Tensor] = []
    for _ in range(config.n_tones):
        maps = _by_register(separator, separator.maps(state))
        is_open = state.open
        best, choices = choice_logits(maps.logit, state.used, policy).topk(2, dim=1)
        margins.append(torch.where(is_open, best[:, 0] - best[:, 1], torch.inf))
        source, bin_index = split_choice(choices[:, :1], n_bins, policy)
        sources.append(functional.one_hot(source[:, 0], config.n_sources) * is_open[:, None])
        places.append(_place(config, source, state.left) & is_open[:, None])
        if timbre_model is not None:
            found, parameters, margin, on_margin = hypotheses(separator, maps, source, bin_index)
            margins.append(torch.where(is_open, margin, torch.inf))
            on_margins.append(torch.where(is_open, on_margin, torch.inf))
        else:
            parameters = maps.read(source, bin_index)
            f0_bin, width_bins = separator.pitch_and_width(bin_index.flatten(), parameters)
            inharmonicity = gamma_mode(*gamma_parameters(parameters[:, 3], parameters[:, 4], policy))
            found = Hypotheses.chosen(f0_bin, inharmonicity, width_bins)
        f0_bin, inharmonicity, width_bins = found.f0_bin[:, 0], found.inharmonicity[:, 0], found.width_bins[:, 0]
        tones = separator.tones(
            maps, source, bin_index, parameters, inharmonicity, place=(f0_bin, width_bins), plain=alone
        )
        switch = on_logit(parameters[:, 5], policy)
        on = ((switch > 0) & is_open).to(frames.dtype)
        on_margins.append(torch.where(is_open, switch.abs(), torch.inf))
        state = state.with_tone(*separator.heard(tones, on))
        peaks, coefficients = tones.peaks, tones.coefficients
        if policy.gate_direct:
            peaks, coefficients = peaks.switched(on), coefficients * on[:, None, None]
        all_peaks.append(peaks)
        by_pass.append((tones.amplitude, coefficients))
        values.append(torch.cat([*found, on[:, None]], dim=1))
    place = torch.stack(places, dim=2).to(frames.dtype)
    amplitude, coefficients = (torch.stack(each, dim=1) for each in zip(*by_pass, strict=True))
    direct = state.direct
    if config.joint_ridge is not None:
        coefficients, spectra = joint_tones(frames, all_peaks, config.joint_ridge, jointly)
        direct = _placed(torch.stack(sources, dim=2).to(frames.dtype), spectra)
    n = int(found.weight.shape[1])
    placed = torch.matmul(place, torch.stack(values, dim=1))  # all in one product
    f0_bin, inharmonicity, width_bins, weight, on = torch.split(placed, [n, n, n, n, 1], dim=2)
    if timbre_model is None:
        timbre = modulus(state.dictionary)
    else:
        timbre = timbre_model.moduli(frames, f0_bin, inharmonicity, width_bins, weight)
    return Prediction(
        direct,
        state.dictionary,
        f0_bin[:, :, 0],
        inharmonicity[:, :, 0],
        width_bins[:, :, 0],
        _placed(place, amplitude),
        on[:, :, 0],
        _placed(place, coefficients),
        timbre,
        torch.stack(margins, dim=1).amin(dim=1),
        torch.stack(on_margins, dim=1).amin(dim=1),
    )


def _place(config: TrainConfig, source: Tensor, left: Tensor) -> Tensor:
    """Where the next tone of a source (batch, 1) stands among all tones, shape (batch, n_tones), bool."""
    ends = torch.tensor(config.polyphony, device=source.device).cumsum(dim=0)
    return ends[source] - left.gather(1, source) == torch.arange(config.n_tones, device=source.device)


def _placed(place: Tensor, by_pass: Tensor) -> Tensor:
    """What passes found, (batch, n_passes, ...), at its place (batch, n_places, n_passes); 0 where nothing belongs."""
    n_places, n_passes = (int(size) for size in place.shape[1:])
    shape = [int(size) for size in by_pass.shape[2:]]
    return torch.matmul(place, by_pass.reshape(-1, n_passes, math.prod(shape))).reshape(-1, n_places, *shape)


def _by_register(separator: Separator, maps: Maps) -> Maps:
    """Logits with the odds of the registers; nats count as much as those of the labels in the imitation."""
    if separator.registers is None:
        return maps
    odds = separator.registers.log_odds[:, : int(maps.logit.shape[2])]
    return replace(maps, logit=maps.logit + odds / separator.config.imitation.inverse_temperature)


def joint_tones(
    frames: Tensor, all_peaks: Sequence[Peaks], ridge: float, solver: PlainSolver | None = None
) -> tuple[Tensor, Tensor]:
    """Coefficients and spectra of all tones of a frame from one ridge solve of the frame itself.

    Solved one by one, two tones both take what lies where their harmonics meet; solved together they share it. The
    ridge decides where nothing else does: harmonics at the same place get equal parts.

    Parameters
    ----------
    frames : Tensor, shape (batch, 2, n_bins)
    all_peaks : sequence of Peaks
        Of every tone. Peaks that are 0 (out of the frame, switched off) take no part and get the coefficient 0.
    ridge : float
    solver : PlainSolver or None
        See :func:`bsep_stream.train.tones.phases.solve_phases`.

    Returns
    -------
    Tensor, shape (batch, n_tones, n_harmonics, 2)
        Coefficients.
    Tensor, shape (batch, n_tones, 2, n_bins)
        Spectra.
    """
    joint = join_peaks(*all_peaks)
    solution = solve_phases(joint.gram(), joint.project(frames), ridge, plain=solver)
    by_tone = solution.chunk(len(all_peaks), dim=1)
    spectra = [peaks.render(coefficients) for peaks, coefficients in zip(all_peaks, by_tone, strict=True)]
    return torch.stack(by_tone, dim=1), torch.stack(spectra, dim=1)


def plain_solvers(config: TrainConfig) -> tuple[PlainSolver, PlainSolver]:
    """Solvers for one tone and for all tones of a frame that are exact for whatever tones the policy may choose.

    By Gershgorin: neighbours among the peaks of a tone are at least as far apart as the lowest f0, and inharmonicity
    moves them further; so if the widest peaks hardly overlap there, the Gram matrix is near a diagonal one. Where the
    policy sets no such limits, and between tones, peaks may lie on each other and the ridge is all that there is.
    """
    policy, n_harmonics = config.policy, config.n_harmonics
    if policy.highest_width is None:
        return PlainSolver(1, 0), PlainSolver(1, 0)
    width = config.geometry.sigma_bins * policy.highest_width
    energy = math.sqrt(math.pi) * width
    spacing = max(policy.lowest_bin - policy.offset_bins, 0.0)
    overlap = 2.0 * sum(math.exp(-((order * spacing / (2.0 * width)) ** 2)) for order in range(1, n_harmonics))
    largest = energy * (1.0 + overlap)
    smallest = max(energy * (1.0 - overlap), 0.0)
    alone = PlainSolver.for_condition(n_harmonics, (largest + config.ridge) / (smallest + config.ridge))
    joint_ridge = config.joint_ridge or config.ridge
    return alone, PlainSolver.for_condition(n_harmonics, (largest + joint_ridge) / joint_ridge)
