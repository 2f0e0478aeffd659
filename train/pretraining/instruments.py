"""Random instruments: registers and timbres that no recording was needed for.

The level of a partial is the sum of what its order says (how a string or a reed excites it) and of what its frequency
says (the body, the bell, the vowel). Then low and high notes of an instrument differ as they do in life, and one row
of harmonics describes it only on average.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

N_PARTIALS = 40
"""More than a dictionary knows: what lies above its last harmonic sounds, too."""

_N_FORMANTS = 5
_EVEN_FADE = 8.0
_REFERENCE_NOTES = 24
_SILENCE_DB = -200.0


def uniform(generator: torch.Generator, low: float, high: float, *shape: int) -> Tensor:
    """Uniformly distributed numbers."""
    return low + (high - low) * torch.rand(shape, generator=generator)


def chance(generator: torch.Generator, probability: float, *shape: int) -> Tensor:
    """True with a probability."""
    return torch.rand(shape, generator=generator) < probability


@dataclass(frozen=True)
class Instruments:
    """Instruments of one session, from the highest to the lowest register.

    Attributes
    ----------
    register : Tensor, shape (n_sources,)
        Mean pitch, base-2 logarithm of Hz.
    span : Tensor, shape (n_sources,)
        Standard deviation of the pitches, octaves.
    order_db : Tensor, shape (n_sources, N_PARTIALS)
        Level of a partial by its order.
    formant_db, formant_octave, formant_width : Tensor, shape (n_sources, 5)
        Bumps of the level over frequency: height, centre (log2 Hz), standard deviation (octaves).
    corner, slope : Tensor, shape (n_sources,)
        Above the corner (log2 Hz) the level falls by so many dB an octave.
    inharmonicity : Tensor, shape (n_sources,)
    decay_seconds : Tensor, shape (n_sources,)
        Time constant of a held note; very long for what is bowed or blown.
    """

    register: Tensor
    span: Tensor
    order_db: Tensor
    formant_db: Tensor
    formant_octave: Tensor
    formant_width: Tensor
    corner: Tensor
    slope: Tensor
    inharmonicity: Tensor
    decay_seconds: Tensor

    @classmethod
    def draw(cls, n_sources: int, generator: torch.Generator) -> Instruments:
        """Random instruments."""
        centre = uniform(generator, 7.4, 9.6)  # 170 to 780 Hz: the middle of the ensemble
        distance = uniform(generator, 0.0, 2.2)
        places = torch.linspace(0.5, -0.5, n_sources) if n_sources > 1 else torch.zeros(1)
        register = centre + distance * (places + 0.1 * torch.randn(n_sources, generator=generator))
        order = torch.arange(1, N_PARTIALS + 1, dtype=torch.float32)
        order_db = -uniform(generator, 0.0, 10.0, n_sources, 1) * order.log2()
        order_db = order_db + 3.0 * torch.randn(n_sources, N_PARTIALS, generator=generator)
        even = (order % 2 == 0) * torch.exp(-(order - 2) / _EVEN_FADE)
        hollow = chance(generator, 0.25, n_sources, 1) * uniform(generator, 6.0, 25.0, n_sources, 1)
        struck = chance(generator, 0.2, n_sources)
        stiff = chance(generator, 0.3, n_sources)
        return cls(
            register=register.sort(descending=True).values,
            span=uniform(generator, 0.15, 0.6, n_sources),
            order_db=order_db - hollow * even,
            formant_db=8.0 * torch.randn(n_sources, _N_FORMANTS, generator=generator),
            formant_octave=uniform(generator, 7.0, 13.0, n_sources, _N_FORMANTS),
            formant_width=uniform(generator, 0.15, 0.8, n_sources, _N_FORMANTS),
            corner=uniform(generator, 9.5, 12.0, n_sources),
            slope=uniform(generator, 3.0, 24.0, n_sources),
            inharmonicity=stiff * 10 ** uniform(generator, -5.0, -3.5, n_sources),
            decay_seconds=torch.where(struck, 10 ** uniform(generator, -1.0, 0.0, n_sources), 1e3),
        )

    def partials(self, source: Tensor, f0_hz: Tensor, highest_hz: float) -> tuple[Tensor, Tensor]:
        """Partials of notes.

        Parameters
        ----------
        source, f0_hz : Tensor, shape (n_notes,)
        highest_hz : float
            Partials above this are silent.

        Returns
        -------
        ratios : Tensor, shape (n_notes, N_PARTIALS)
            Frequencies in units of f0.
        amplitudes : Tensor, shape (n_notes, N_PARTIALS)
            Sum of the squares 1.
        """
        order = torch.arange(1, N_PARTIALS + 1, dtype=torch.float32)
        ratios = order * torch.sqrt(1.0 + self.inharmonicity[source, None] * order.square())
        hz = f0_hz[:, None] * ratios
        octave = hz.log2()
        distance = (octave[..., None] - self.formant_octave[source, None]) / self.formant_width[source, None]
        body = (self.formant_db[source, None] * torch.exp(-0.5 * distance.square())).sum(dim=-1)
        fall = self.slope[source, None] * (octave - self.corner[source, None]).clamp_min(0.0)
        levels = (self.order_db[source] + body - fall).masked_fill(hz > highest_hz, _SILENCE_DB)
        amplitudes = 10 ** (levels / 20)
        return ratios, amplitudes / amplitudes.norm(dim=1, keepdim=True)

    def dictionary(self, n_harmonics: int, highest_hz: float, floor: float, generator: torch.Generator) -> Tensor:
        """What a search would have learned: mean harmonics of some notes, with errors, the largest of a row 1.

        Returns
        -------
        Tensor, shape (n_sources, n_harmonics)
            At least `floor`.
        """
        n_sources = len(self.register)
        source = torch.arange(n_sources).repeat_interleave(_REFERENCE_NOTES)
        octave = self.register[source] + self.span[source] * torch.randn(len(source), generator=generator)
        _, amplitudes = self.partials(source, (2**octave).clamp_max(0.5 * highest_hz), highest_hz)
        power = amplitudes.square().reshape(n_sources, _REFERENCE_NOTES, N_PARTIALS).mean(dim=1)
        rows = power.sqrt()[:, :n_harmonics]
        error_db = uniform(generator, 0.5, 4.0) * torch.randn(rows.shape, generator=generator)
        rows = rows * 10 ** (error_db / 20)
        return (rows / rows.amax(dim=1, keepdim=True)).clamp_min(floor)
