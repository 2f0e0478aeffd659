"""How tones are wrong: against the notes that were played, and the true pitches in the stems.

Counted are pairs (instrument, frame). A pair is *sounding* if a note of the instrument is on and its stem is heard,
*silent* if there is no note and the stem is not heard. What lies within ``MARGIN_SIGMAS`` standard deviations of the
window of a beginning or an end is neither (the window hears both sides), nor is the tail of a note.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bsep_stream.model.geometry import FrameGeometry
from bsep_stream.model.separation_model import SeparationModel
from bsep_stream.train.benchmark.ceilings import solve_tones
from bsep_stream.train.benchmark.items import Item, Notes
from bsep_stream.train.benchmark.truth import TrueTones, frame_centres
from bsep_stream.train.session.labels import frames_at

MARGIN_SIGMAS = 2.0
"""Less than 2.3 % of the window then lie on the other side of a beginning or an end."""

RIGHT_CENTS = 50.0
INAUDIBLE_DB = -50.0
"""A tone so far below the loud ones of its source is none (the published method has no other way to be silent)."""

_HIGHEST_RATIO = 6
_RIDGE = 1e-3

ERRORS = ("right", "wrong_instrument", "octave", "harmonic", "other", "missed")
"""Of sounding pairs; their shares sum to 1. ``harmonic``: 3 to 6 times the true f0, or a part of it."""


@dataclass(frozen=True)
class ToneErrors:
    """Shares of (instrument, frame) pairs; None where there is no such pair.

    Parameters
    ----------
    right : float or None
        Of the sounding pairs: f0 within 50 cents.
    wrong_instrument : float or None
        Not right, but another source has this f0.
    octave, harmonic, other : float or None
        Twice or half the f0; 3 to 6 times or a third to a sixth; anything else.
    missed : float or None
        No tone at all.
    false_tones : float or None
        Of the silent pairs: a tone.
    n_sounding, n_silent : int
    """

    right: float | None
    wrong_instrument: float | None
    octave: float | None
    harmonic: float | None
    other: float | None
    missed: float | None
    false_tones: float | None
    n_sounding: int
    n_silent: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def tone_errors(
    found: NDArray[np.float32], true: NDArray[np.float32], sounding: NDArray[np.bool_], silent: NDArray[np.bool_]
) -> ToneErrors:
    """Compare tones with the truth.

    Parameters
    ----------
    found, true : ndarray, shape (n_sources, n_frames)
        f0 in bins, 0: no tone; row j of `found` is the source that was assigned to true stem j.
    sounding, silent : ndarray, shape (n_sources, n_frames), bool
    """
    cents = _cents(found, true)
    right = np.abs(cents) <= RIGHT_CENTS
    elsewhere = np.zeros_like(right)
    for shift in range(1, len(found)):
        elsewhere |= np.abs(_cents(np.roll(found, shift, axis=0), true)) <= RIGHT_CENTS
    near = np.zeros((_HIGHEST_RATIO + 1, *right.shape), bool)
    for ratio in range(2, _HIGHEST_RATIO + 1):
        near[ratio] = np.abs(np.abs(cents) - 1200 * np.log2(ratio)) <= RIGHT_CENTS
    # The first that holds counts.
    kinds = (right, elsewhere, near[2], near[3:].any(axis=0), found > 0, np.ones_like(right))
    kind = np.select(kinds, np.arange(len(kinds)))
    shares = [_share(kind[sounding] == number) for number in range(len(kinds))]
    right_share, wrong, octave, harmonic, other, missed = shares
    return ToneErrors(
        right=right_share,
        wrong_instrument=wrong,
        octave=octave,
        harmonic=harmonic,
        other=other,
        missed=missed,
        false_tones=_share(found[silent] > 0),
        n_sounding=int(sounding.sum()),
        n_silent=int(silent.sum()),
    )


def _share(holds: NDArray[np.bool_]) -> float | None:
    return float(holds.mean()) if holds.size else None


def best_order(found: NDArray[np.float32], true: NDArray[np.float32], sounding: NDArray[np.bool_]) -> list[int]:
    """Row of `found` for every true stem, such that most sounding pairs are right; parameters as above."""
    n_sources = len(true)
    right = np.array(
        [
            [(np.abs(_cents(row, own)) <= RIGHT_CENTS)[heard].sum() for row in found]
            for own, heard in zip(true, sounding, strict=True)
        ]
    )
    orders = permutations(range(n_sources))
    return list(max(orders, key=lambda order: sum(int(right[stem, row]) for stem, row in enumerate(order))))


def _cents(found: NDArray[np.float32], true: NDArray[np.float32]) -> NDArray[np.float64]:
    """Interval from the truth; infinite where one of them is silent."""
    both = (found > 0) & (true > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(both, 1200 * np.log2(found.astype(np.float64) / true), np.inf)


def played(
    item: Item, true: NDArray[np.float32], geometry: FrameGeometry
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Sounding and silent pairs, see the head of the module; both (n_sources, n_frames).

    Parameters
    ----------
    item : Item
    true : ndarray, shape (n_sources, n_frames)
        True f0 in bins. Where there are no notes, its own beginnings, ends and leaps count.
    geometry : FrameGeometry
        Of the frames.
    """
    margin = MARGIN_SIGMAS * geometry.sigma_samples / geometry.sample_rate
    time = np.arange(true.shape[1]) * geometry.hop_length / geometry.sample_rate
    reach = int(np.ceil(margin * geometry.sample_rate / geometry.hop_length))
    pairs = [
        _steady(row, reach) if notes is None else _by_notes(notes, row, time, margin)
        for row, notes in zip(true, item.notes, strict=True)
    ]
    return np.stack([sounding for sounding, _ in pairs]), np.stack([silent for _, silent in pairs])


def _by_notes(
    notes: Notes, f0_bin: NDArray[np.float32], time: NDArray[np.float64], margin: float
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    inside, near = np.zeros(time.size, bool), np.zeros(time.size, bool)
    for onset, end in zip(notes.onset_seconds, notes.end_seconds, strict=True):
        inside |= (time >= onset + margin) & (time <= end - margin)
        near |= (time >= onset - margin) & (time <= end + margin)
    edges = np.concatenate([notes.onset_seconds, notes.end_seconds])
    at_an_edge = (np.abs(time[:, None] - edges) < margin).any(axis=1)  # also those of a note that overlaps
    return inside & ~at_an_edge & (f0_bin > 0), ~near & (f0_bin == 0)


def _steady(f0_bin: NDArray[np.float32], reach: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    padded = np.pad(f0_bin, reach, mode="edge")
    around = np.stack([padded[shift : shift + f0_bin.size] for shift in range(2 * reach + 1)])
    leap = np.abs(np.diff(np.log2(np.maximum(around, 1e-3)), axis=0)).max(axis=0, initial=0.0) * 1200 > RIGHT_CENTS
    return (around > 0).all(axis=0) & ~leap, (around == 0).all(axis=0)


def model_tones(model: SeparationModel, mixture: NDArray[np.float32]) -> NDArray[np.float32]:
    """f0 in bins of every source of a model in all frames of a mixture (mono, at its rate); 0: no tone.

    Returns
    -------
    ndarray, shape (n_sources, n_frames), float32
    """
    frames = frames_at(mixture, frame_centres(mixture.size, model.geometry), model.geometry) * np.float32(model.gain)
    n_sources = model.n_sources
    f0_bin, amplitude = (np.zeros((n_sources, len(frames)), np.float32) for _ in range(2))
    for number, frame in enumerate(frames):
        tones = model.step(np.stack([frame.real, frame.imag]).astype(np.float32))
        for source, f0, size, on in zip(model.tone_sources, tones.f0_bin, tones.amplitude, tones.on, strict=True):
            if on and size > amplitude[source, number]:  # of several tones of a source the loudest
                f0_bin[source, number], amplitude[source, number] = f0, size
    loud = np.percentile(amplitude, 95, axis=1, keepdims=True)
    return np.where(amplitude > loud * 10 ** (INAUDIBLE_DB / 20), f0_bin, 0.0).astype(np.float32)


def true_dictionary(
    stems: Sequence[NDArray[np.float32]], tones: TrueTones, geometry: FrameGeometry
) -> NDArray[np.float32]:
    """Relative amplitudes of the harmonics of true stems (mono), shape (n_sources, N_HARMONICS), largest entry 1.

    The row D that, times one amplitude a frame, comes nearest to the moduli of all harmonics in all frames (least
    squares): their first right singular vector.
    """
    rows = []
    for source, stem in enumerate(stems):
        frames = frames_at(stem, frame_centres(stem.size, geometry), geometry)
        own = TrueTones(*(values[source : source + 1] for values in tones))
        _, coefficients = solve_tones(frames, own, _RIDGE, geometry)
        moduli = coefficients[0].square().sum(dim=-1).sqrt().numpy()
        row = np.abs(np.linalg.svd(moduli, full_matrices=False)[2][0])
        rows.append(row / max(row.max(), 1e-12))
    return np.stack(rows).astype(np.float32)


def similarity(learned: NDArray[np.float32], true: NDArray[np.float32]) -> list[float]:
    """Cosine between rows of two dictionaries, over the harmonics that both have."""
    n = min(learned.shape[1], true.shape[1])
    products = (learned[:, :n] * true[:, :n]).sum(axis=1)
    sizes = np.linalg.norm(learned[:, :n], axis=1) * np.linalg.norm(true[:, :n], axis=1)
    return [float(value) for value in products / np.maximum(sizes, 1e-12)]
