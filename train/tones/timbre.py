"""Timbre: how every source fills the spectrum at each of its pitches, and how much of a frame is whose.

A dictionary row of 25 peaks is too coarse for masks: the body of an instrument weighs the harmonics of low and high
notes differently, and breath and bow sound between them. So after the search, which knows the pitches of a whole
session, one spectrum per source and semitone is fitted to it: harmonics and noise in bands, both in proportion to the
tone's amplitude. It is non-negative matrix factorisation of the modulus spectrogram with the pitches given (Lee and
Seung 2001, Kullback-Leibler divergence, multiplicative updates; Ewert and Müller 2012 for the pitches).
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from bsep_stream.train.config.policy_config import pitch_range
from bsep_stream.train.config.trainconfig import TrainConfig
from bsep_stream.train.tones.harmonics import LocalPeaks, harmonic_bins
from bsep_stream.train.tones.moduli import modulus
from bsep_stream.train.tones.tonefit import RADIUS_WIDTHS, WIDTH_RANGE, fitted_moduli, unexplained, updated

FIT_ROUNDS = 10
AMPLITUDE_UPDATES = 4  # between two looks at the shared spectra
PITCH_KERNEL_SEMITONES = 1.0
MEAN_SHARE = 0.005
"""Weight of a source's mean row at every pitch, as a share of the weight of all its frames."""
N_BANDS = 32
LOWEST_BAND_BIN = 8.0
_START_DECAY = 0.8
_START_NOISE = 1e-4
_SMALLEST_ROW = 1e-4
_TINY = 1e-9


class Timbre(nn.Module):
    """The spectra of all sources, and the amplitudes that explain a frame best.

    Parameters
    ----------
    config : TrainConfig

    Attributes
    ----------
    harmonics : Tensor, shape (n_sources, n_pitches, n_harmonics)
        Relative heights of the peaks at every semitone above the lowest pitch; rows of sum 1.
    noise : Tensor, shape (n_sources, n_bins)
        Modulus between the peaks, for a tone whose heights have the sum 1.
    decay_seconds : Tensor, shape (n_sources,)
        In which what is left of a tone falls by 60 dB (:mod:`bsep_stream.train.session.ringing`); 0: not known.
    """

    harmonics: Tensor
    noise: Tensor
    decay_seconds: Tensor

    def __init__(self, config: TrainConfig) -> None:
        super().__init__()
        lowest, end = pitch_range(config.policy, config.geometry.n_bins)
        self.lowest_bin = float(max(lowest, 1))
        self.n_pitches = 1 + math.ceil(12 * math.log2((end + 1) / self.lowest_bin))
        row = _START_DECAY ** torch.arange(float(config.n_harmonics))
        shape = (config.n_sources, self.n_pitches, config.n_harmonics)
        self.register_buffer("harmonics", (row / row.sum()).expand(shape).clone())
        self.register_buffer("noise", torch.zeros(config.n_sources, config.geometry.n_bins))
        self.register_buffer("decay_seconds", torch.zeros(config.n_sources))
        self.tone_sources = config.tone_sources
        self.updates = config.timbre_updates
        self.sigma_bins = config.geometry.sigma_bins
        self.radius = math.ceil(RADIUS_WIDTHS * WIDTH_RANGE[1] * self.sigma_bins)

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *args: Any) -> None:
        """Runs that were made before what rings on was kept go on without."""
        state.setdefault(f"{prefix}decay_seconds", torch.zeros_like(self.decay_seconds))
        super()._load_from_state_dict(state, prefix, *args)

    @property
    def decays(self) -> tuple[float, ...]:
        """`decay_seconds` as a model has them: empty if they are not known."""
        return tuple(round(value, 3) for value in self.decay_seconds.tolist()) if self.decay_seconds.all() else ()

    def row_numbers(self, f0_bin: Tensor) -> Tensor:
        """Nearest semitone of every pitch in bins, int64, same shape."""
        semitones = 12.0 / math.log(2.0) * torch.log(f0_bin.clamp_min(_TINY) / self.lowest_bin)
        return torch.round(semitones).clamp(0, self.n_pitches - 1).long()

    def moduli(
        self, frames: Tensor, f0_bin: Tensor, inharmonicity: Tensor, width_bins: Tensor, weight: Tensor
    ) -> Tensor:
        """Moduli of the sources in frames, as their tones and the timbre say: whose every bin is.

        Parameters
        ----------
        frames : Tensor, shape (batch, 2, n_bins)
            Mixture.
        f0_bin, inharmonicity, width_bins : Tensor, shape (batch, n_tones, n)
            Pitches that each tone may have; they and the widths are made finer in the frame.
        weight : Tensor, shape (batch, n_tones, n)
            Of their amplitudes in the beginning; 0: no tone.

        Returns
        -------
        Tensor, shape (batch, n_sources, n_bins)
        """
        n_sources, n_bins = (int(size) for size in self.noise.shape)
        n = int(f0_bin.shape[2])
        source = torch.tensor(self.tone_sources, device=f0_bin.device)
        rows = (self.row_numbers(f0_bin) + self.n_pitches * source[:, None]).flatten()
        heights = self.harmonics.flatten(0, 1).index_select(0, rows)
        noise = self.noise[source][:, None].expand(-1, n, -1).flatten(0, 1)
        by_tone = fitted_moduli(
            modulus(frames, keepdim=True),
            f0_bin.flatten(1),
            inharmonicity.flatten(1),
            width_bins.flatten(1),
            weight.flatten(1),
            heights,
            noise,
            self.sigma_bins,
            self.radius,
            self.updates,
        )
        by_tone = by_tone.reshape(-1, len(source), n, n_bins).sum(dim=2)
        if len(source) == n_sources:
            return by_tone
        own = functional.one_hot(source, n_sources).T.to(by_tone.dtype)
        return torch.matmul(own, by_tone)

    @torch.no_grad()
    def fit(self, moduli: Tensor, f0_bin: Tensor) -> None:
        """Learn the tables from frames whose pitches are known.

        Parameters
        ----------
        moduli : Tensor, shape (n_frames, n_bins)
            Modulus spectra, of a level near 1.
        f0_bin : Tensor, shape (n_frames, n_tones)
            0: no tone.
        """
        known = (f0_bin > 0).any(dim=1)
        if not bool(known.any()):
            return
        moduli, f0_bin = moduli[known], f0_bin[known]
        n_frames, n_tones = f0_bin.shape
        source = torch.tensor(self.tone_sources)
        n_harmonics = int(self.harmonics.shape[2])
        n_bins = int(moduli.shape[1])
        centres = harmonic_bins(f0_bin.flatten(), torch.zeros(f0_bin.numel()), n_harmonics)
        peaks = LocalPeaks.at(centres, torch.full_like(centres, self.sigma_bins), n_bins, self.radius)
        on = (f0_bin > 0).to(moduli.dtype)
        peaks = peaks.switched(on.flatten())
        index = peaks.index.reshape(n_frames, -1)
        area = peaks.weight.sum(dim=2).reshape(n_frames, n_tones, n_harmonics)
        bands = frequency_bands(n_bins)
        band_size = bands.sum(dim=1)
        rows = self.row_numbers(f0_bin)
        noise = torch.full((len(self.noise), len(bands)), _START_NOISE)
        amplitude = on * moduli.sum(dim=1, keepdim=True) / n_harmonics
        mixture = moduli[:, None]
        for _ in range(FIT_ROUNDS):
            heights = self.harmonics[source, rows]
            unit = peaks.render_heights(heights.flatten(0, 1)).reshape(n_frames, n_tones, n_bins)
            unit = unit + on[:, :, None] * (noise @ bands)[source]
            size = unit.sum(dim=2, keepdim=True).clamp_min(_TINY)
            level, shape = amplitude[:, :, None] * size, unit / size
            for _ in range(AMPLITUDE_UPDATES):
                level = updated(level, shape, mixture)
            amplitude = (level / size).squeeze(2)
            ratio = unexplained(level, shape, mixture).squeeze(1)
            seen = ratio.gather(1, index).reshape(peaks.weight.shape)
            scale = (peaks.weight * seen).sum(dim=2).reshape(area.shape) / area.clamp_min(_TINY)
            observed = amplitude[:, :, None] * heights * scale
            self.harmonics.copy_(self._pooled(observed, amplitude, rows))
            banded = self._by_source((amplitude[:, :, None] * (ratio @ bands.T)[:, None]).sum(dim=0))
            total = self._by_source(amplitude.sum(dim=0))
            noise = noise * banded / (total[:, None] * band_size).clamp_min(_TINY)
        self.noise.copy_(noise @ bands)

    def _by_source(self, by_tone: Tensor) -> Tensor:
        """Sums over the tones of every source: (n_tones, ...) to (n_sources, ...)."""
        total = torch.zeros(len(self.noise), *by_tone.shape[1:])
        return total.index_add_(0, torch.tensor(self.tone_sources), by_tone)

    def _pooled(self, observed: Tensor, amplitude: Tensor, rows: Tensor) -> Tensor:
        """Rows of sum 1 from the observed heights of all frames, smoothed over pitch."""
        pitch = torch.arange(float(self.n_pitches))
        kernel = torch.exp(-0.5 * ((pitch[:, None] - pitch) / PITCH_KERNEL_SEMITONES).square())
        pooled = torch.empty_like(self.harmonics)
        tone_sources = torch.tensor(self.tone_sources)
        for number in range(len(pooled)):
            own = tone_sources == number
            place = rows[:, own].flatten()
            heights = torch.zeros(self.n_pitches, observed.shape[2])
            heights.index_add_(0, place, observed[:, own].flatten(0, 1))
            weight = torch.zeros(self.n_pitches).index_add_(0, place, amplitude[:, own].flatten())
            everything = weight.sum()
            mean = heights.sum(dim=0) / everything.clamp_min(_TINY)
            prior = MEAN_SHARE * everything
            pooled[number] = (kernel @ heights + prior * mean) / (kernel @ weight + prior)[:, None].clamp_min(_TINY)
        pooled += _SMALLEST_ROW
        return pooled / pooled.sum(dim=2, keepdim=True)


def frequency_bands(n_bins: int) -> Tensor:
    """Overlapping triangles of equal width in octaves that sum to 1 in between, shape (N_BANDS, n_bins)."""
    lowest = min(LOWEST_BAND_BIN, n_bins / 8)
    edges = torch.logspace(math.log10(lowest), math.log10(1.1 * n_bins), N_BANDS + 2)
    bins = torch.arange(float(n_bins))
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    return torch.minimum(rising, falling).clamp_min(0.0)
