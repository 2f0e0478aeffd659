"""Separator: the network, the scales of its maps, the dictionary; one pass over one state of a frame."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from bsep_stream.train.config.policy_config import pitch_range
from bsep_stream.train.config.trainconfig import MAP_NAMES, TrainConfig
from bsep_stream.train.network.frame_state import FrameState, sum_of_sources
from bsep_stream.train.network.policy import relative_width
from bsep_stream.train.network.salience import Salience
from bsep_stream.train.network.unet import UNet
from bsep_stream.train.tones.dictionary import HarmonicDictionary
from bsep_stream.train.tones.harmonics import DensePeaks, LocalPeaks, Peaks, harmonic_bins
from bsep_stream.train.tones.moduli import lift, modulus
from bsep_stream.train.tones.phases import PlainSolver, solve_phases, unit_phases
from bsep_stream.train.tones.registers import Registers
from bsep_stream.train.tones.timbre import Timbre

_N_PARAMETERS = MAP_NAMES.index("direct_real") - 1  # without the logit
_SMALLEST_ROW = 1e-12


@dataclass(frozen=True)
class Maps:
    """Outputs of one pass, scaled.

    Attributes
    ----------
    logit : Tensor, shape (batch, n_sources, n_out)
        Of all bins, or of those up to the highest pitch.
    parameters : Tensor, shape (batch, n_sources, 6, n_out)
        amplitude, width, offset, gamma shape, gamma rate, on.
    direct : Tensor, shape (batch, n_sources, 2, n_bins) or (batch, 1, 2, n_bins)
        What direct tones are fitted to; one for all sources where the network does not say it.
    """

    logit: Tensor
    parameters: Tensor
    direct: Tensor

    def read(self, source: Tensor, bin_index: Tensor) -> Tensor:
        """Parameters at chosen places.

        Parameters
        ----------
        source, bin_index : Tensor, shape (batch, n_children), int64

        Returns
        -------
        Tensor, shape (batch * n_children, 6)
        """
        n_parameters, n_bins = (int(size) for size in self.parameters.shape[2:])  # constants for an exported graph
        order = torch.arange(n_parameters, device=source.device)
        place = (source[..., None] * n_parameters + order) * n_bins + bin_index[..., None]
        return self.parameters.flatten(1).gather(1, place.flatten(1)).reshape(-1, n_parameters)

    def direct_of(self, source: Tensor) -> Tensor:
        """Direct maps of chosen sources: `source` (batch, n_children) to (batch * n_children, 2, n_bins)."""
        n_maps, channels, n_bins = (int(size) for size in self.direct.shape[1:])
        if n_maps == source.shape[1] == 1:
            return self.direct[:, 0]
        row = torch.arange(source.shape[0], device=source.device)[:, None] * n_maps + source.clamp_max(n_maps - 1)
        by_row = self.direct.reshape(-1, channels, n_bins)
        return by_row.index_select(0, row.flatten())


@dataclass(frozen=True)
class Tones:
    """One tone for every element of a batch.

    Attributes
    ----------
    source : Tensor, shape (batch,), int64
    f0_bin, inharmonicity, width_bins, amplitude : Tensor, shape (batch,)
    peaks : Peaks
    coefficients : Tensor, shape (batch, n_harmonics, 2)
        Of the direct tone.
    phases : Tensor, shape (batch, n_harmonics, 2)
        Coefficients of modulus 1.
    """

    source: Tensor
    f0_bin: Tensor
    inharmonicity: Tensor
    width_bins: Tensor
    amplitude: Tensor
    peaks: Peaks
    coefficients: Tensor
    phases: Tensor

    def switched(self, on: Tensor) -> Tones:
        """Tones times a switch of shape (batch,), 1 or 0: the spectra of those switched off are 0."""
        return replace(self, amplitude=self.amplitude * on, coefficients=self.coefficients * on[:, None, None])

    def direct(self) -> Tensor:
        """Direct spectra ``P c``, shape (batch, 2, n_bins)."""
        return self.peaks.render(self.coefficients)

    def dictionary(self, relative_amplitudes: Tensor) -> Tensor:
        """Dictionary spectra: `relative_amplitudes` (batch, n_harmonics) to (batch, 2, n_bins)."""
        return self.peaks.render((self.amplitude[:, None] * relative_amplitudes)[..., None] * self.phases)


class Separator(nn.Module):
    """Everything that is learned.

    Parameters
    ----------
    config : TrainConfig
    generator : torch.Generator, optional
        For the initial weights; without it they follow from seed 0.
    """

    def __init__(self, config: TrainConfig, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.config = config
        n_sources, n_bins = config.n_sources, config.geometry.n_bins
        n_extra = n_sources if config.network.salience else 0
        n_maps = config.network.n_maps * n_sources
        n_out = None if config.network.direct_maps else pitch_range(config.policy, n_bins)[1]
        self.network = UNet(config.network, 6 + 4 * n_sources, n_extra, n_maps, n_bins, n_out)
        self.network.initialise(generator or torch.Generator().manual_seed(0))
        self.log_scales = nn.Parameter(torch.tensor(config.network.initial_scales).log())
        self.dictionary = HarmonicDictionary(n_sources, config.n_harmonics)
        self.timbre = Timbre(config) if config.timbre_updates else None
        self.registers = Registers(config) if config.timbre_updates else None
        self.salience: Salience | None = None
        if config.network.salience:
            last = pitch_range(config.policy, n_bins)[1] - 1
            self.salience = Salience(n_bins, config.n_harmonics, last)

    def network_parameters(self) -> list[nn.Parameter]:
        """Parameters of the network and the scales of its maps: all but the dictionary."""
        return [*self.network.parameters(), self.log_scales]

    def maps(self, state: FrameState) -> Maps:
        """One pass of the network."""
        n_sources, n_maps = self.config.n_sources, self.config.network.n_maps
        delta = self.config.loss.delta
        channels: list[Tensor] = []
        dictionary, direct = sum_of_sources(state.dictionary), sum_of_sources(state.direct)
        for spectra, total in ((state.dictionary, dictionary), (state.direct, direct)):
            residual = state.frame - total
            size = modulus(residual, keepdim=True)
            if self.config.network.lifted_modulus:
                size = lift(size, delta)
            channels += [residual, size, spectra.flatten(1, 2)]
        extra = None
        if self.salience is not None:
            # Moduli are subtracted, as phases mean little at first; of both predictions the louder, which is the one
            # that has learned to speak.
            found = torch.maximum(modulus(dictionary, keepdim=True), modulus(direct, keepdim=True))
            unexplained = (modulus(state.frame, keepdim=True) - found).clamp_min(0.0).detach()
            extra = self.salience(lift(unexplained, delta), self.dictionary.relative_amplitudes.detach())
        scales = self.log_scales.exp()
        outputs = self.network(channels, extra, scales[:n_maps].repeat(n_sources))
        by_source = outputs.reshape(-1, n_sources, n_maps, self.network.n_out)
        logit, parameters, direct_maps = by_source.split((1, _N_PARAMETERS, n_maps - 1 - _N_PARAMETERS), dim=2)
        logit = logit[:, :, 0]
        if extra is not None and self.config.network.salience_logit:
            logit = logit + scales[0] * self.config.network.salience_logit * extra[..., : self.network.n_out]
        left = (state.frame - direct)[:, None]
        if not self.config.network.direct_maps:
            direct_maps = left
        elif self.config.network.start_from_frame:
            direct_maps = direct_maps + left
        return Maps(logit, parameters, direct_maps)

    def peaks(self, f0_bin: Tensor, inharmonicity: Tensor, width_bins: Tensor) -> Peaks:
        """Peaks of tones, parameters of shape (batch,)."""
        centres = harmonic_bins(f0_bin, inharmonicity, self.config.n_harmonics)
        widths = width_bins[:, None].expand_as(centres)
        n_bins = self.config.geometry.n_bins
        if self.config.rendering == "dense":
            return DensePeaks.at(centres, widths, n_bins)
        return LocalPeaks.at(centres, widths, n_bins, self.config.peak_radius_bins)

    def tones(
        self,
        maps: Maps,
        source: Tensor,
        bin_index: Tensor,
        parameters: Tensor,
        inharmonicity: Tensor,
        *,
        place: tuple[Tensor, Tensor] | None = None,
        plain: PlainSolver | None = None,
    ) -> Tones:
        """Tones at chosen places (method sections 5 and 6).

        Parameters
        ----------
        maps : Maps
        source, bin_index : Tensor, shape (batch, n_children), int64
        parameters : Tensor, shape (batch * n_children, 6)
            ``maps.read(source, bin_index)``.
        inharmonicity : Tensor, shape (batch * n_children,)
        place : (Tensor, Tensor) or None
            ``pitch_and_width`` of the parameters, where it is known already.
        plain : PlainSolver or None
            See :func:`bsep_stream.train.tones.phases.solve_phases`.

        Returns
        -------
        Tones
            ``batch * n_children`` of them.
        """
        policy = self.config.policy
        f0_bin, width = place or self.pitch_and_width(bin_index.flatten(), parameters)
        peaks = self.peaks(f0_bin, inharmonicity, width)
        coefficients = solve_phases(peaks.gram(), peaks.project(maps.direct_of(source)), self.config.ridge, plain=plain)
        phases = unit_phases(coefficients, policy.phase_floor)
        amplitude = parameters[:, 0]
        if self.config.network.start_from_frame:
            amplitude = amplitude + self._fitted_amplitude(coefficients.detach(), source.flatten())
        amplitude = amplitude.abs()
        return Tones(source.flatten(), f0_bin, inharmonicity, width, amplitude, peaks, coefficients, phases)

    def pitch_and_width(self, bin_index: Tensor, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """f0 and width of the peaks in bins, (n,) each, of the tones at bins (n,) with parameters (n, 6)."""
        policy = self.config.policy
        f0_bin = bin_index.to(parameters.dtype) + policy.offset_bins * torch.tanh(parameters[:, 2])
        return f0_bin, self.config.geometry.sigma_bins * relative_width(parameters[:, 1], policy)

    def _fitted_amplitude(self, coefficients: Tensor, source: Tensor) -> Tensor:
        """Least-squares amplitude of dictionary rows for the moduli of direct tones, shape (batch,)."""
        moduli = coefficients.square().sum(dim=-1).sqrt()
        rows = self.harmonics_of(source) * (moduli > 0)  # harmonics beyond the frame have coefficients of 0
        return (rows * moduli).sum(dim=1) / rows.square().sum(dim=1).clamp_min(_SMALLEST_ROW)

    def heard(self, tones: Tones, on: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Source, switch, dictionary spectrum and direct spectrum of tones, as the state of a frame takes them up.

        Parameters
        ----------
        tones : Tones
        on : Tensor, shape (batch,)
            1 or 0; gates the spectra only if the policy does.
        """
        if self.config.policy.gate_direct:
            tones = tones.switched(on)
        return tones.source, on, tones.dictionary(self.harmonics_of(tones.source)), tones.direct()

    def harmonics_of(self, source: Tensor) -> Tensor:
        """Rows of the dictionary, without a gradient: (batch,) to (batch, n_harmonics)."""
        return self.dictionary.relative_amplitudes.detach().index_select(0, source)
