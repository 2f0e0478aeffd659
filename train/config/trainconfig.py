"""Every constant of a training run, as frozen dataclasses that go to JSON and back.

The defaults are the published method (Schulze, Leuschner, King 2021) for two sources;
:mod:`bsep_stream.train.config.presets` holds the named configurations.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from bsep_stream.errors import ConfigError
from bsep_stream.model.geometry import FrameGeometry
from bsep_stream.train.config.hints import Hints
from bsep_stream.train.config.learning_config import ImitationConfig as ImitationConfig
from bsep_stream.train.config.learning_config import LossConfig as LossConfig
from bsep_stream.train.config.learning_config import OptimiserConfig as OptimiserConfig
from bsep_stream.train.config.limits import refuse_unreasonable
from bsep_stream.train.config.network_config import MAP_NAMES as MAP_NAMES
from bsep_stream.train.config.network_config import NetworkConfig as NetworkConfig
from bsep_stream.train.config.policy_config import PolicyConfig as PolicyConfig
from bsep_stream.train.config.policy_config import pitch_range
from bsep_stream.trust.records import record

MAX_SOURCES = 4
MAX_POLYPHONY = 4
SMALLEST_AMPLITUDE = 1e-3
"""Of a harmonic in a dictionary that is begun with."""

_ADDED: dict[str, dict[str, Any]] = {
    "run": {"hints": {"solos": (), "notes": ()}, "tones_at_once": (), "own_timbre": False, "start_decays": ()},
    "policy": {"candidates": ()},
    "imitation": {"sure_share": 0.0, "drawn_per_frame": 1},
    "loss": {"discount_all": False, "credit": "joint", "timbre_weight": 0.0, "entropy": 0.0},
}
"""Constants that runs of earlier versions do not have, as these versions had them."""


def _as_tuples(value: Any) -> Any:
    return tuple(_as_tuples(entry) for entry in value) if isinstance(value, list) else value


@dataclass(frozen=True)
class TrainConfig:
    """All of a training run but its recordings and its seed.

    Parameters
    ----------
    preset : str
        Name of the preset that the configuration came from.
    source_names : tuple of str
        One to four names.
    geometry : FrameGeometry
        Frames of training and separation; ``geometry.hop_length`` is that of the separation.
    tones_at_once : tuple of int
        How many tones every source may sound at once, 1 to 4; empty: one each, as published.
    n_harmonics : int
        Harmonics of a tone.
    rendering : {"dense", "local"}
        Peaks over all bins, or only near their centres.
    peak_radius_sigmas : float
        Radius of a local peak in units of ``geometry.sigma_bins``.
    batch_size : int
        Frames in one iteration.
    training_hop_length : int
        Samples between training frames.
    iterations : int
        Length of a full run.
    ridge : float
        Regularisation of the phase solve.
    joint_ridge : float or None
        Ridge of the joint phase solve over the tones of all sources, from which prediction takes the direct tones;
        None: every tone on its own, as published.
    timbre_updates : int
        Last updates of the amplitudes of the timbre (:mod:`bsep_stream.train.tones.tonefit`), from which masks are
        made; 0: no timbre, masks are made from the dictionary tones.
    own_timbre : bool
        The timbre is fitted to the tones that the network itself finds in the session, whenever the run is saved: there
        are no labels.
    start_decays : tuple of pairs of float
        Dictionaries that a run may begin with (:mod:`bsep_stream.train.learning.beginnings`): by which factors the
        harmonics of the first and of the last source fall. Empty: 0.5, 0.25, ... as published.
    frame_noise : float
        Standard deviation of the noise that is added to training frames (per real component).
    pretrained : str or None
        Network of the package that the training starts from (:mod:`bsep_stream.train.pretraining`); None: from random
        weights, or from another run.
    hints : Hints
        What is known of who plays, for the search.
    """

    preset: str
    source_names: tuple[str, ...]
    geometry: FrameGeometry
    tones_at_once: tuple[int, ...] = ()
    n_harmonics: int = 25
    network: NetworkConfig = field(default_factory=NetworkConfig)
    policy: PolicyConfig = field(default_factory=PolicyConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    imitation: ImitationConfig = field(default_factory=ImitationConfig)
    rendering: str = "dense"
    peak_radius_sigmas: float = 8.0
    batch_size: int = 12
    training_hop_length: int = 128
    iterations: int = 70_000
    ridge: float = 1e-3
    joint_ridge: float | None = None
    timbre_updates: int = 0
    own_timbre: bool = False
    start_decays: tuple[tuple[float, float], ...] = ()
    frame_noise: float = 1e-10
    pretrained: str | None = None
    hints: Hints = field(default_factory=Hints)

    def __post_init__(self) -> None:
        if not 1 <= len(self.source_names) <= MAX_SOURCES:
            raise ConfigError(f"1 to {MAX_SOURCES} sources are possible, got {len(self.source_names)}")
        if len(set(self.source_names)) != len(self.source_names) or not all(self.source_names):
            raise ConfigError(f"source names must be different and not empty, got {', '.join(self.source_names)}")
        if len(self.polyphony) != self.n_sources or not all(1 <= most <= MAX_POLYPHONY for most in self.polyphony):
            raise ConfigError(
                f"every source sounds 1 to {MAX_POLYPHONY} tones at once, "
                f"got {self.polyphony} for {self.n_sources} sources"
            )
        if self.n_tones > self.n_sources and not self.policy.gate_direct:
            raise ConfigError("several tones at once need gate_direct: the tone that ends a source must not be heard")
        if self.rendering not in ("dense", "local"):
            raise ConfigError(f"rendering must be dense or local, got {self.rendering!r}")
        if self.rendering == "local" and self.policy.highest_width is None:
            raise ConfigError("local rendering needs a limit on the width of peaks, got highest_width = None")
        first, end = pitch_range(self.policy, self.geometry.n_bins)
        choices = self.n_sources * (end - first + 1)
        if max(self.policy.candidates, default=0) > choices:
            raise ConfigError(f"a pass has {choices} choices, got candidates = {self.policy.candidates}")
        if self.loss.timbre_weight and not (self.timbre_updates and self.n_tones == self.n_sources):
            raise ConfigError("timbre_weight needs timbre_updates above 0, and one tone for every source")
        if self.own_timbre and not self.timbre_updates:
            raise ConfigError("own_timbre needs a timbre, got timbre_updates = 0")
        if not all(len(pair) == 2 and all(0 < decay < 1 for decay in pair) for pair in self.start_decays):
            raise ConfigError(f"start_decays must be pairs of numbers between 0 and 1, got {self.start_decays}")
        if self.batch_size % self.optimiser.micro_batches:
            parts = self.optimiser.micro_batches
            raise ConfigError(f"batch_size must be a multiple of micro_batches, got {self.batch_size} and {parts}")

    @property
    def n_sources(self) -> int:
        """Number of sources."""
        return len(self.source_names)

    @property
    def polyphony(self) -> tuple[int, ...]:
        """How many tones every source may sound at once."""
        return self.tones_at_once or (1,) * self.n_sources

    @property
    def tone_sources(self) -> tuple[int, ...]:
        """Source of every tone that a frame may have: those of a source stand next to each other."""
        return tuple(source for source, most in enumerate(self.polyphony) for _ in range(most))

    @property
    def n_tones(self) -> int:
        """Tones that a frame may have."""
        return sum(self.polyphony)

    @property
    def n_rollouts(self) -> int:
        """Samples a frame: leaves of the tree, which branches at as many tones as there are sources.

        With candidates: all that are gone through.
        """
        if self.policy.candidates:
            return math.prod(self.candidates_by_pass)
        return int(len(self.policy.inverse_temperatures) ** self.n_sources)

    @property
    def candidates_by_pass(self) -> tuple[int, ...]:
        """Candidates of every tone; empty: tones are sampled."""
        counts = self.policy.candidates
        return (counts + (1,) * self.n_tones)[: self.n_tones] if counts else ()

    @property
    def peak_radius_bins(self) -> int:
        """Radius of a local peak in bins."""
        return int(-(-self.peak_radius_sigmas * self.geometry.sigma_bins // 1))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> TrainConfig:
        """Inverse of :meth:`to_dict`, also after JSON; unknown or missing keys are an error.

        Raises
        ------
        ConfigError
            If keys are unknown or missing, or a value makes no sense.
        """
        converted = {**_ADDED["run"], **values}
        for key, constants in _ADDED.items():
            if isinstance(converted.get(key), dict):
                converted[key] = {**constants, **converted[key]}
        config = record(cls, converted, "the configuration", whole=True)
        refuse_unreasonable(config, converted)
        return config
