"""Constants of the policy: how network outputs become tones, and how they are explored."""

from __future__ import annotations

from dataclasses import dataclass

from bsep_stream.errors import ConfigError


@dataclass(frozen=True)
class PolicyConfig:
    """How network outputs become tones, and how they are explored.

    Parameters
    ----------
    inverse_temperatures : tuple of float
        Exponents on the probabilities of a tone's choices; one sample each.
    sampling : {"crossed", "tree"}
        Crossed (published): a pass for all samples of the first tone, a pass per sample for later ones. Tree:
        every node draws one child per inverse temperature. Same number of leaves, fewer passes.
    candidates : tuple of int
        So many of the likeliest choices of every pass are gone through, all of them, in place of samples; passes beyond
        have one. Empty: samples, as published. Needs `gate_direct`.
    lowest_bin, highest_bin : int, int or None
        The first and the last bin that a tone may start from; None: the last bin of the frame.
    offset_bins : float
        Largest distance of f0 from the chosen bin, in bins.
    inharmonicity_rate : float
        Rate of the Gamma distribution of the inharmonicity at network output 0.
    gamma_clip : float
        Clip of the logarithms of shape and (relative) rate.
    inharmonicity_floor : float
        Smallest inharmonicity that is sampled: its logarithm must stay finite.
    on_offset : float
        Added to the on/off logit.
    lowest_width, highest_width : float, float or None
        Limits of a peak's width relative to that of a stationary sinusoid, below and above 1; None: no limits
        (published). Local peaks need them: below about 0.7 the closed form of the Gram matrix fails, above a
        quarter of the radius the peak is cut.
    phase_floor : float
        Gradients of phases are divided by at least this modulus; 0: as published.
    gate_direct : bool
        A tone that is off is silent in everything, also in the audio. Published: no, it is off in the dictionary
        term of the loss only.
    """

    inverse_temperatures: tuple[float, ...] = (1.0, 0.1, 0.01)
    sampling: str = "crossed"
    candidates: tuple[int, ...] = ()
    lowest_bin: int = 0
    highest_bin: int | None = None
    offset_bins: float = 5.0
    inharmonicity_rate: float = 1_000.0
    gamma_clip: float = 30.0
    inharmonicity_floor: float = 1e-30
    on_offset: float = 500.0
    lowest_width: float = 0.0
    highest_width: float | None = None
    phase_floor: float = 0.0
    gate_direct: bool = False

    def __post_init__(self) -> None:
        if self.sampling not in ("crossed", "tree"):
            raise ConfigError(f"sampling must be crossed or tree, got {self.sampling!r}")
        if not self.inverse_temperatures or not min(self.inverse_temperatures) > 0:
            raise ConfigError(f"inverse_temperatures must be positive, got {self.inverse_temperatures}")
        if self.candidates and not (min(self.candidates) > 0 and self.gate_direct):
            raise ConfigError(f"candidates must be positive and need gate_direct = true, got {self.candidates}")
        if self.highest_width is not None and not 0 <= self.lowest_width < 1 < self.highest_width:
            raise ConfigError(f"the width's limits must enclose 1, got {self.lowest_width}, {self.highest_width}")
        if not self.inharmonicity_floor > 0:
            raise ConfigError(f"inharmonicity_floor must be positive, got {self.inharmonicity_floor}")


def pitch_range(policy: PolicyConfig, n_bins: int) -> tuple[int, int]:
    """First bin that a tone may start from, and the one after the last."""
    last = n_bins - 1 if policy.highest_bin is None else min(policy.highest_bin, n_bins - 1)
    return policy.lowest_bin, last + 1
