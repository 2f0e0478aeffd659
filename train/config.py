"""Every constant of a training run, as frozen dataclasses that go to JSON and back.

The defaults are the published method (Schulze, Leuschner, King 2021) for two sources;
:mod:`bsep_stream.train.presets` holds the named configurations.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any, TypeVar

from bsep_stream.errors import ConfigError
from bsep_stream.geometry import FrameGeometry
from bsep_stream.train.hints import Hints
from bsep_stream.train.network_config import MAP_NAMES as MAP_NAMES
from bsep_stream.train.network_config import NetworkConfig as NetworkConfig
from bsep_stream.train.policy_config import PolicyConfig as PolicyConfig

MAX_SOURCES = 4
MAX_POLYPHONY = 4

_Config = TypeVar("_Config")


def _from_dict(kind: type[_Config], values: dict[str, Any]) -> _Config:
    """Dataclass from plain values; lists become tuples; unknown or missing keys are an error."""
    names = {entry.name for entry in fields(kind)}  # type: ignore[arg-type]
    if set(values) != names:
        wrong = sorted(set(values) ^ names)
        raise ConfigError(
            f"{kind.__name__} has the keys {sorted(names)}; unknown or missing: {wrong}; "
            "the file was written by another version"
        )
    return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})


@dataclass(frozen=True)
class LossConfig:
    """Weights of the loss terms (method section 7).

    Parameters
    ----------
    dictionary_weight, direct_weight, agreement_weight, policy_weight : float
        Of the distance of frame and dictionary tones, of frame and direct tones, of direct and dictionary
        tones of one source, and of the score-function term.
    off_discount : float
        The dictionary term is multiplied by this once for every tone that is off.
    delta : float
        Offset inside the lifting root.
    scale : float
        Factor on all that is differentiated (not on what is reported): the epsilon of AdaMax must be negligible.
    """

    dictionary_weight: float = 10.0
    direct_weight: float = 10.0
    agreement_weight: float = 1.0
    policy_weight: float = 0.1
    off_discount: float = 0.9
    delta: float = 1e-7
    scale: float = 1.0


@dataclass(frozen=True)
class OptimiserConfig:
    """AdaMax for the network and for the dictionary.

    Parameters
    ----------
    step_size, dictionary_step_size : float
        Largest change of a parameter in one iteration.
    betas : tuple of two floats
        Decay of the mean of the gradients and of their largest modulus.
    epsilon : float
        Added to the denominator.
    micro_batches : int
        A batch is worked off in so many parts, to save memory; their gradients are added.
    final_step_share : float
        The step sizes fall to this share of their first value, geometrically, over the last part of the run.
        Published: 1.
    constant_share : float
        Part of the run's iterations before the step sizes begin to fall.
    dictionary_floor : float or None
        Smallest relative amplitude after a step; None: not limited (published).
    """

    step_size: float = 1e-3
    dictionary_step_size: float = 1e-4
    betas: tuple[float, ...] = (0.99, 0.999)
    epsilon: float = 1e-7
    micro_batches: int = 1
    final_step_share: float = 1.0
    constant_share: float = 0.5
    dictionary_floor: float | None = None


@dataclass(frozen=True)
class ImitationConfig:
    """The beginning of a training, when the network learns what the search found (not in the published method).

    Parameters
    ----------
    iterations : int
        0: no search and no imitation, as published.
    batch_size : int
        Frames in one iteration.
    inverse_temperature : float
        The labels' log-probabilities are those of the policy at this inverse temperature: the scale of the logits is
        made for exploration, and at 1 a single wrong frame would outweigh the batch.
    spectra_weight : float
        Of the method's loss beside the labels' log-probabilities.
    anchor : float
        Weight of the labels' terms beside the policy gradient afterwards. Without it the policy unlearns within
        minutes which source is which and when one is silent: the method's loss hardly knows.
    level_db : float
        Every frame is played louder or softer by up to so much.
    transposed_share, transposed_semitones : float
        So many of the frames are transposed, up or down by up to so much (12 at most), so that the network does not
        learn the session's pitches by heart.
    longest_seconds : float
        Of a session, no more than this is searched, in excerpts spread evenly over it.
    """

    iterations: int = 0
    batch_size: int = 24
    inverse_temperature: float = 0.1
    spectra_weight: float = 100.0
    anchor: float = 400.0
    level_db: float = 6.0
    transposed_share: float = 0.0
    transposed_semitones: float = 4.0
    longest_seconds: float = 120.0

    def __post_init__(self) -> None:
        if self.iterations < 0 or self.batch_size < 1 or not self.longest_seconds > 0:
            raise ConfigError(
                "imitation needs iterations of at least 0, a batch_size of at least 1 and longest_seconds above 0, "
                f"got {self.iterations}, {self.batch_size} and {self.longest_seconds}"
            )
        if not (0.0 <= self.transposed_share <= 1.0 and 0.0 <= self.transposed_semitones <= 12.0):
            raise ConfigError(
                "transposed_share must be 0 to 1 and transposed_semitones 0 to 12, got "
                f"{self.transposed_share} and {self.transposed_semitones}"
            )


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
        Last updates of the amplitudes of the timbre (:mod:`bsep_stream.train.tonefit`), from which masks are made; 0:
        no timbre, masks are made from the dictionary tones.
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
        """Samples a frame: leaves of the tree, which branches at as many tones as there are sources."""
        return int(len(self.policy.inverse_temperatures) ** self.n_sources)

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
        nested: dict[str, Any] = {
            "network": NetworkConfig,
            "policy": PolicyConfig,
            "loss": LossConfig,
            "optimiser": OptimiserConfig,
            "imitation": ImitationConfig,
        }
        # Runs of before there were several tones per source, or hints, do not have them.
        converted = {"tones_at_once": (), "hints": {"solos": (), "notes": ()}, **values}
        for key, kind in nested.items():
            if isinstance(converted.get(key), dict):
                converted[key] = _from_dict(kind, converted[key])
        if isinstance(converted.get("geometry"), dict):
            converted["geometry"] = FrameGeometry.from_dict(converted["geometry"])
        if isinstance(converted["hints"], dict):
            rows = {key: tuple(tuple(row) for row in entries) for key, entries in converted["hints"].items()}
            converted["hints"] = _from_dict(Hints, rows)
        return _from_dict(cls, converted)
