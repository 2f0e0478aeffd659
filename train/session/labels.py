"""Labels: the tones that the search found in a session, as the network's first teacher."""

from __future__ import annotations

import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bsep_stream.errors import RunError
from bsep_stream.files.atomic import whole_file
from bsep_stream.model.geometry import FrameGeometry
from bsep_stream.train.session.recording import Session
from bsep_stream.trust.arrays import read_npz
from bsep_stream.trust.textfiles import Fail

EXCERPT_SECONDS = 10.0
"""A long session is searched in excerpts of this length: long enough for phrases, short enough to be many."""

_FRAMES_AT_ONCE = 64


@dataclass(frozen=True)
class Labels:
    """Tones of all sources in frames of a session.

    Parameters
    ----------
    take : ndarray, shape (n_frames,), int64
        Take that a frame is cut from.
    centre : ndarray, shape (n_frames,), int64
        Sample of the take in the middle of the frame.
    f0_bin : ndarray, shape (n_frames, n_tones), float32
        Tones of a source next to each other; 0: no tone.
    envelopes : ndarray, shape (n_sources, n_harmonics), float32
        Relative amplitudes of the harmonics, largest 1.
    hop_length : int
        Samples between neighbouring labels.
    margin : ndarray, shape (n_frames,), float32
        How sure it is who plays: what the evidence loses, in nats, if the least sure note of a frame goes to the next
        likely player; inf where that cannot be. Of no frames in labels that were made before this was kept.
    """

    take: NDArray[np.int64]
    centre: NDArray[np.int64]
    f0_bin: NDArray[np.float32]
    envelopes: NDArray[np.float32]
    hop_length: int
    margin: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))

    def save(self, path: Path) -> None:
        """Write to a file; OSError if that fails."""
        content = io.BytesIO()
        np.savez(content, **vars(self))
        with whole_file(path) as temporary:
            temporary.write_bytes(content.getbuffer())

    @classmethod
    def load(cls, path: Path) -> Labels:
        """Inverse of :meth:`save`; RunError if the file is missing or damaged."""
        if not path.is_file():
            raise RunError(f"{path} is missing or damaged: train anew into another folder")
        fail = Fail(RunError, f"{path} is missing or damaged: it", "; train anew into another folder")
        parts = {
            "take": ("int64", (None,)),
            "centre": ("int64", (None,)),
            "f0_bin": ("float32", (None, None)),
            "envelopes": ("float32", (None, None)),
            "hop_length": ("int64", ()),
            "margin": ("float32", (None,)),
        }
        found: dict[str, Any] = read_npz(path, parts, fail, added=("margin",))
        if not (np.isfinite(found["envelopes"]).all() and (found["envelopes"] >= 0).all() and found["hop_length"] > 0):
            raise fail("holds envelopes or a hop that make no sense")
        return cls(**found | {"hop_length": int(found["hop_length"])})

    def refuse_other_shape(self, path: Path, take_lengths: Sequence[int], n_tones: int) -> None:
        """RunError if the labels, read from `path`, cannot be those of a session and its sources."""
        n_frames = len(self.centre)
        lengths = np.asarray(take_lengths)
        fits = (
            n_frames > 0
            and self.take.shape == self.centre.shape == (n_frames,)
            and self.f0_bin.shape == (n_frames, n_tones)
            and self.margin.shape in ((0,), (n_frames,))
            and not bool(np.isnan(self.margin).any())
            and bool((np.isfinite(self.f0_bin) & (self.f0_bin >= 0)).all())
            and 0 <= int(self.take.min()) <= int(self.take.max()) < len(lengths)
            and bool(((self.centre >= 0) & (self.centre < lengths[self.take])).all())
        )
        if not fits:
            raise RunError(f"{path} does not belong to this run: train anew into another folder")


def label_positions(session: Session, hop_length: int, longest_seconds: float) -> list[tuple[int, NDArray[np.int64]]]:
    """Frames to be searched: pairs of a take and the centres of frames that follow one another.

    Sessions up to `longest_seconds` whole; longer ones in excerpts spread evenly over all takes.
    """
    whole = [(number, np.arange(0, take.samples.size, hop_length)) for number, take in enumerate(session.takes)]
    n_frames = sum(len(centres) for _, centres in whole)
    most = int(longest_seconds * session.sample_rate / hop_length)
    if n_frames <= most:
        return whole
    length = max(1, int(EXCERPT_SECONDS * session.sample_rate / hop_length))
    pieces = [
        (number, part)
        for number, centres in whole
        for part in np.array_split(centres, max(1, round(len(centres) / length)))
    ]
    kept = np.linspace(0, len(pieces) - 1, max(1, most // length)).round().astype(int)
    return [pieces[index] for index in sorted(set(kept.tolist()))]


def frames_at(
    samples: NDArray[np.float32], centres: NDArray[np.int64], geometry: FrameGeometry
) -> NDArray[np.complex64]:
    """Frames of a take around some of its samples, shape (n_frames, n_bins)."""
    half = geometry.n_fft // 2
    padded = np.pad(samples, (half, half))
    parts = np.array_split(centres, -(-len(centres) // _FRAMES_AT_ONCE))
    cut = (np.stack([padded[centre : centre + geometry.n_fft] for centre in part]) for part in parts)
    return np.concatenate([geometry.analyse(segments)[:, : geometry.n_bins] for segments in cut])


def from_high_to_low(f0_bin: Tensor, limits: Sequence[int], known: Collection[int] = ()) -> Tensor:
    """Order of the sources by their mean pitch, the highest first; those that never sound come last.

    Nothing in a mixture says what an instrument is called. Its register is what a musician can tell beforehand, and how
    many tones it plays at once: so only sources of the same limit change places.

    Parameters
    ----------
    f0_bin : Tensor, shape (n_tones, n_frames)
        Tones of a source next to each other; 0: no tone.
    limits : sequence of int
        How many tones every source has.
    known : collection of int
        Sources that keep their places, as their names are known by other means.

    Returns
    -------
    Tensor, shape (n_sources,), int64
    """
    pitches = torch.stack([_mean_pitch(tones) for tones in torch.split(f0_bin, list(limits))])
    order = torch.arange(len(limits))
    for limit in set(limits):
        free = [source for source, most in enumerate(limits) if most == limit and source not in known]
        places = torch.tensor(free, dtype=torch.long)
        order[places] = places[pitches[places].argsort(descending=True, stable=True)]
    return order


def _mean_pitch(f0_bin: Tensor) -> Tensor:
    """In octaves; least of all where nothing sounds."""
    sounding = f0_bin > 0
    total = torch.where(sounding, f0_bin.clamp_min(1e-9).log2(), 0.0).sum()
    return torch.where(sounding.any(), total / sounding.sum().clamp_min(1), -torch.inf)
