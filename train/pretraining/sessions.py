"""Synthetic sessions: frames of random tones with what a search would say about them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bsep_stream.model.geometry import FrameGeometry
from bsep_stream.train.config.policy_config import pitch_range
from bsep_stream.train.config.trainconfig import SMALLEST_AMPLITUDE, TrainConfig
from bsep_stream.train.pretraining.instruments import Instruments, uniform
from bsep_stream.train.pretraining.notes import Notes
from bsep_stream.train.tones.spectra import as_channels

QUIETEST_SHARE_DB = -27.0
"""A tone so far below all tones of its frame is called silent."""

QUIETEST_TONE_DB = -35.0
"""So is one that is so far below the loudest held notes of the session."""

HIGHEST_SHARE = 0.98
"""Of the highest frequency that the frames hold: nothing is folded back."""

INAUDIBLE = 3e-4
"""Partials of such an amplitude (of a session of level 1) are not made."""


@dataclass(frozen=True)
class SyntheticSession:
    """Frames of a session that never was.

    Attributes
    ----------
    frames : Tensor, shape (n_frames, 2, n_bins)
    f0_bin : Tensor, shape (n_frames, n_sources)
        0: the source is silent.
    dictionary : Tensor, shape (n_sources, n_harmonics)
    """

    frames: Tensor
    f0_bin: Tensor
    dictionary: Tensor


class Synthesiser:
    """Makes sessions.

    Parameters
    ----------
    config : TrainConfig
        Geometry, range of pitches, number of sources and harmonics, changes of level.
    seed : int
    """

    def __init__(self, config: TrainConfig, seed: int) -> None:
        self._config = config
        self._generator = torch.Generator().manual_seed(seed)
        whole = config.geometry
        # The lowest sample rate that holds the bins: the same frames from fewer samples.
        ratio = max(1, whole.n_fft // (2 * whole.n_bins))
        self._geometry = FrameGeometry(
            whole.sample_rate // ratio, whole.n_fft // ratio, whole.n_bins, 1, whole.sigma_samples / ratio
        )
        n_fft = self._geometry.n_fft
        self._time = (torch.arange(n_fft) - n_fft // 2) / self._geometry.sample_rate
        self._window = torch.from_numpy(self._geometry.window.astype(np.float32))
        self._highest_hz = HIGHEST_SHARE * whole.n_bins * whole.bin_hz
        first, end = pitch_range(config.policy, whole.n_bins)
        self._pitches_hz = (first + 0.5) * whole.bin_hz, (end - 1.5) * whole.bin_hz

    def session(self, n_frames: int) -> SyntheticSession:
        """Frames of one new session."""
        generator, n_sources = self._generator, self._config.n_sources
        instruments = Instruments.draw(n_sources, generator)
        notes = Notes.draw(instruments, n_frames, *self._pitches_hz, generator)
        envelopes = notes.envelopes(self._time) * notes.gain[..., None]
        f0_bin = self._labels(notes, envelopes)
        samples = self._tones(instruments, notes, envelopes)
        samples = samples + self._breath(envelopes) + self._noise(n_frames)
        samples = samples / (samples.square() @ self._window).mean().sqrt().clamp_min(1e-6)
        reach = self._config.imitation.level_db
        samples = samples * 10 ** (uniform(generator, -reach, reach, n_frames, 1) / 20)
        spectra = self._geometry.analyse(samples.numpy())[:, : self._geometry.n_bins]
        rows = instruments.dictionary(self._config.n_harmonics, self._highest_hz, SMALLEST_AMPLITUDE, generator)
        return SyntheticSession(as_channels(torch.from_numpy(spectra)), f0_bin, rows)

    def _labels(self, notes: Notes, envelopes: Tensor) -> Tensor:
        """f0 of the louder note of every source as the window hears it, 0 where even that is hardly heard."""
        heard = envelopes.square() * self._window.square()
        energy = heard.sum(dim=-1)
        detuning = (heard * notes.detuning(self._time)).sum(dim=-1) / energy.clamp_min(1e-20)
        f0_bin = notes.f0_hz * (1.0 + detuning) / self._config.geometry.bin_hz
        loudest, which = energy.max(dim=-1)
        whole_note = self._window.square().sum()
        floor = whole_note * notes.gain.amax().square() * 10 ** (QUIETEST_TONE_DB / 10)
        share = energy.sum(dim=(1, 2))[:, None] * 10 ** (QUIETEST_SHARE_DB / 10)
        sounding = loudest > torch.maximum(share, floor)
        return f0_bin.gather(-1, which[..., None])[..., 0] * sounding

    def _tones(self, instruments: Instruments, notes: Notes, envelopes: Tensor) -> Tensor:
        """Sum of all partials of all notes, shape (n_frames, n_samples)."""
        n_frames, n_sources, n_notes = notes.gain.shape
        source = torch.arange(n_sources)[:, None].expand(n_frames, n_sources, n_notes).flatten()
        ratios, amplitudes = instruments.partials(source, notes.f0_hz.flatten(), self._highest_hz)
        # No two notes are alike, and a room colours each.
        amplitudes = amplitudes * 10 ** (2.0 * torch.randn(amplitudes.shape, generator=self._generator) / 20)
        amplitudes = math.sqrt(2.0) * amplitudes
        phases = uniform(self._generator, 0.0, 2.0 * math.pi, *amplitudes.shape)
        angles = 2.0 * math.pi * notes.cycles(self._time).flatten(0, 2)
        audible = amplitudes * (envelopes * self._window).amax(dim=-1).flatten()[:, None] / self._window.amax()
        samples = torch.zeros(n_frames, len(self._time))
        by_note = envelopes.flatten(0, 2)
        for note in range(len(source)):
            kept = audible[note] > INAUDIBLE
            if not bool(kept.any()):
                continue
            waves = torch.outer(ratios[note, kept], angles[note]).add_(phases[note, kept, None]).cos_()
            samples[note // (n_sources * n_notes)] += by_note[note] * (amplitudes[note, kept] @ waves)
        return samples

    def _breath(self, envelopes: Tensor) -> Tensor:
        """Noise of breath, bow and hammer, which comes and goes with the notes; shape (n_frames, n_samples)."""
        n_frames, n_sources = envelopes.shape[:2]
        level_db = uniform(self._generator, -60.0, -18.0, n_sources, 1)
        centre = uniform(self._generator, 8.5, 12.5, n_sources, 1)
        octave = self._octaves()
        shape_db = level_db - 6.0 * (octave - centre).abs()
        return (self._shaped_noise(n_frames, shape_db) * envelopes.sum(dim=2)).sum(dim=1)

    def _noise(self, n_frames: int) -> Tensor:
        """Noise of the room, shape (n_frames, n_samples)."""
        level_db = uniform(self._generator, -80.0, -25.0)
        slope = uniform(self._generator, 0.0, 9.0)
        shape_db = level_db - slope * (self._octaves()[None] - 10.0).clamp_min(-4.0)
        return self._shaped_noise(n_frames, shape_db)[:, 0]

    def _octaves(self) -> Tensor:
        """log2 Hz of the bins of half a spectrum."""
        n_fft = self._geometry.n_fft
        return (torch.arange(1, n_fft // 2 + 2) * self._geometry.bin_hz).log2()

    def _shaped_noise(self, n_frames: int, shape_db: Tensor) -> Tensor:
        """Noise of given spectra: (n, n_fft / 2 + 1) to (n_frames, n, n_samples)."""
        white = torch.randn(n_frames, shape_db.shape[0], len(self._time), generator=self._generator)
        shaped: Tensor = torch.fft.irfft(torch.fft.rfft(white) * 10 ** (shape_db / 20), n=len(self._time))
        return shaped
