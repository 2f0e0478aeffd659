"""What masks and tones could reach if the pitches, or the stems themselves, were known: ceilings, not separations.

Section by section of the signal path: what the masks cost, what 25 steady harmonics cost, what sharing the mixture
among known tones costs, and what the masks made of these tones give back.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bsep_stream.files.atomic import whole_file
from bsep_stream.model.geometry import FrameGeometry
from bsep_stream.train.benchmark.items import PARTS, Item, judge
from bsep_stream.train.benchmark.resynthesis import overlap_add
from bsep_stream.train.benchmark.truth import N_HARMONICS, TrueTones, frame_centres, kept_tones
from bsep_stream.train.session.labels import frames_at
from bsep_stream.train.tones.harmonics import LocalPeaks, harmonic_bins, join_peaks
from bsep_stream.train.tones.phases import solve_phases
from bsep_stream.train.tones.spectra import as_channels, as_complex

CEILINGS = ("ideal mask", "own peaks", "joint peaks", "joint peaks, ridge 0.03", "mask of joint peaks")
"""Wiener mask from the true stems; (b), (c), (c') and (e) of the method's section 14."""

CEILING_GEOMETRY = FrameGeometry(n_fft=8_192, n_bins=4_097, hop_length=1_024)
"""The frames of the preset `fast`, up to the highest bin."""

_NARROW_RIDGE, _WIDE_RIDGE = 1e-3, 0.03
_PEAK_SIGMAS = 7.0
_FRAMES_AT_ONCE = 64
_TINY = np.float32(1e-30)  # keeps 0 / 0 at 0

_Spectra = NDArray[np.complex64]


def kept_ceilings(item: Item, output: Path) -> dict[str, Any]:
    """:func:`ceilings` with the item's name, from a file in `output` if they were computed before."""
    path = output / "ceilings" / f"{item.folder.name}.json"
    if path.exists():
        kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return kept
    tones = kept_tones(item, CEILING_GEOMETRY, output / "truth")
    result = {"item": item.folder.name, "measures": ceilings(item, tones, CEILING_GEOMETRY)}
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return result


def ceilings(item: Item, tones: TrueTones, geometry: FrameGeometry) -> dict[str, dict[str, Any]]:
    """Measures of every ceiling against the true stems: by part of the item and name, as ``Evaluation.to_dict()``.

    Parameters
    ----------
    item : Item
    tones : TrueTones
        Of the item in the geometry; all channels have the same tones.
    geometry : FrameGeometry
    """
    stems = item.stems_at(geometry.sample_rate)
    channels, length = stems[0].shape
    made = {name: np.zeros((len(stems), channels, length), np.float32) for name in CEILINGS}
    for channel in range(channels):
        by_name = _channel_spectra([stem[channel] for stem in stems], tones, geometry)
        for name, spectra in by_name.items():
            for source, own in enumerate(spectra):
                made[name][source, channel] = overlap_add(own, geometry, length)
    return {part: {name: judge(item.names, stems, audio, part) for name, audio in made.items()} for part in PARTS}


def _channel_spectra(
    stems: Sequence[NDArray[np.float32]], tones: TrueTones, geometry: FrameGeometry
) -> dict[str, _Spectra]:
    """Spectra (n_sources, n_frames, n_bins) of every ceiling, from one channel of the stems."""
    true = np.stack([frames_at(stem, frame_centres(stem.size, geometry), geometry) for stem in stems])
    mixture = true.sum(axis=0)
    own = [
        solved_tones(spectra, TrueTones(*(rows[source : source + 1] for rows in tones)), _NARROW_RIDGE, geometry)[0]
        for source, spectra in enumerate(true)
    ]
    wide = solved_tones(mixture, tones, _WIDE_RIDGE, geometry)
    values = (
        wiener_masks(true) * mixture,
        np.stack(own),
        solved_tones(mixture, tones, _NARROW_RIDGE, geometry),
        wide,
        wiener_masks(wide) * mixture,
    )
    return dict(zip(CEILINGS, values, strict=True))


def wiener_masks(spectra: _Spectra) -> NDArray[np.float32]:
    """Shares of the power, over the first axis; 0 where nobody has any."""
    power = spectra.real**2 + spectra.imag**2
    masks: NDArray[np.float32] = power / (power.sum(axis=0) + _TINY)
    return masks


def solved_tones(frames: _Spectra, tones: TrueTones, ridge: float, geometry: FrameGeometry) -> _Spectra:
    """Tones at known places that explain frames best together, shape (n_sources, n_frames, n_bins)."""
    spectra = np.zeros((len(tones.f0_bin), *frames.shape), np.complex64)
    for start in range(0, len(frames), _FRAMES_AT_ONCE):
        part = slice(start, start + _FRAMES_AT_ONCE)
        own, coefficients = solve_tones(frames[part], TrueTones(*(rows[:, part] for rows in tones)), ridge, geometry)
        for source, peaks in enumerate(own):
            spectra[source, part] = as_complex(peaks.render(coefficients[source])).numpy()
    return spectra


def solve_tones(
    frames: _Spectra, tones: TrueTones, ridge: float, geometry: FrameGeometry
) -> tuple[list[LocalPeaks], torch.Tensor]:
    """Peaks of every tone, and their coefficients (n_sources, n_frames, N_HARMONICS, 2) from one ridge solve."""
    radius = int(np.ceil(_PEAK_SIGMAS * geometry.sigma_bins))
    peaks = []
    for row, stretch in zip(*tones, strict=True):
        f0_bin = torch.from_numpy(np.ascontiguousarray(row))
        inharmonicity = torch.from_numpy(np.ascontiguousarray(stretch))
        centres = harmonic_bins(f0_bin.clamp_min(1.0), inharmonicity, N_HARMONICS)
        local = LocalPeaks.at(centres, torch.full_like(centres, geometry.sigma_bins), frames.shape[1], radius)
        peaks.append(local.switched((f0_bin > 0).to(centres.dtype)))
    joint = join_peaks(*peaks)
    solution = solve_phases(joint.gram(), joint.project(as_channels(torch.from_numpy(frames))), ridge)
    return peaks, torch.stack(solution.chunk(len(peaks), dim=1))
