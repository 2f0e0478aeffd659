"""What rings on in the frames of a search: no reason to look for another player.

A source has one tone, and a harp has the last four in the air. A search that must explain all the sound gives these
to whoever is free. So what is left of the notes that a sweep found stands behind those that the next one looks for,
where a source rings at all (:mod:`bsep_stream.train.session.ringing`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bsep_stream.train.search.decoding import FrameEvidence, State, tone_moduli
from bsep_stream.train.search.voices import Voices
from bsep_stream.train.session.ringing import ended_notes, frame_decays

_RINGING = 0.88
"""Of a modulus after a frame: a source with less left is taken to end with its notes."""

_LONGEST_FRAMES = 140
_MATCH_BINS = 1.3


class Ringing:
    """What is left of the notes of a state.

    Parameters
    ----------
    evidence : FrameEvidence
        Of all that sounds.
    moduli : ndarray, shape (n_frames, n_bins)
        What its peaks were picked from.
    voices : Voices
    cuts : ndarray, shape (n_frames,), bool
        True where a frame does not continue the one before.
    """

    def __init__(
        self, evidence: FrameEvidence, moduli: NDArray[np.float32], voices: Voices, cuts: NDArray[np.bool_]
    ) -> None:
        self._evidence, self._moduli, self._voices, self._cuts = evidence, moduli, voices, cuts
        self._peak_bins, self._peak_moduli = evidence.peaks.bins.numpy(), evidence.peaks.moduli.numpy()

    def behind(self, state: State, envelopes: Sequence[Tensor]) -> Tensor | None:
        """Moduli on the peaks, shape (n_frames, n_peaks); None where no source rings.

        Parameters
        ----------
        state : State
        envelopes : sequence of Tensor, shape (N_SEMITONES, n_harmonics)
            One for each source.
        """
        sources = self._voices.sources
        chosen = self._evidence.candidates.f0_bin.gather(1, (state.choice - 1).clamp_min(0))
        f0_bin = torch.where(state.choice > 0, chosen, 0.0).T.numpy()
        notes = ended_notes(f0_bin, sources, self._cuts, _LONGEST_FRAMES)
        left = frame_decays(self._moduli, f0_bin, sources, notes)
        if left.max(initial=0.0) < _RINGING:
            return None
        behind = np.zeros_like(self._peak_moduli)
        for voice, source in enumerate(sources):
            if left[source] < _RINGING:
                continue
            template = self._evidence.templates([envelopes[source]])[0]
            levels = tone_moduli(template, state.choice[:, voice], state.amplitude[:, voice]).numpy()
            levels = np.minimum(levels, self._peak_moduli)
            for note in notes:
                if note.voice == voice:
                    self._add(behind, note.last, note.end, note.until, levels[note.last], left[source])
        return torch.from_numpy(np.minimum(behind, self._peak_moduli))

    def _add(
        self, behind: NDArray[np.float32], last: int, end: int, until: int, levels: NDArray[np.float32], left: float
    ) -> None:
        """What is left of one note, on the peaks at the places of its harmonics."""
        loud = np.flatnonzero(levels > 0)
        bins, levels = self._peak_bins[last, loud], levels[loud]
        distance = np.abs(self._peak_bins[end:until, None, :] - bins[:, None])
        index = distance.argmin(axis=2)
        near = np.take_along_axis(distance, index[..., None], axis=2)[..., 0] < _MATCH_BINS
        passed = np.arange(end, until)[:, None] - last
        rung = np.where(near, levels * left**passed, 0.0).astype(np.float32)
        frames = np.broadcast_to(np.arange(end, until)[:, None], index.shape)
        np.maximum.at(behind, (frames, index), rung)
