"""Constants of the learning: losses, optimisers, imitation."""

from __future__ import annotations

from dataclasses import dataclass

from bsep_stream.errors import ConfigError


@dataclass(frozen=True)
class LossConfig:
    """Weights of the loss terms (method section 7).

    Parameters
    ----------
    dictionary_weight, direct_weight, agreement_weight, policy_weight : float
        Of the distance of frame and dictionary tones, of frame and direct tones, of direct and dictionary
        tones of one source, and of the score-function term.
    off_discount : float
        The dictionary term is multiplied by this once for every tone that is off,
    discount_all : bool
        and so are the others (published: no). Where a tone that is off is silent in all of them (`gate_direct`), none
        would ever be off else: whatever is on explains a little.
    delta : float
        Offset inside the lifting root.
    scale : float
        Factor on all that is differentiated (not on what is reported): the epsilon of AdaMax must be negligible.
    credit : {"joint", "tone"}
        What samples are compared with. Joint (published): every choice of a rollout with the mean of its frame. Tone:
        every tone with its siblings. Candidates in place of samples need neither.
    timbre_weight : float
        Of the distance of frame and timbre (:mod:`bsep_stream.train.learning.timbrereturn`), for the choices alone;
        published: 0.
    entropy : float
        Loss that a nat of the policy's entropy is worth; published: 0.
    """

    dictionary_weight: float = 10.0
    direct_weight: float = 10.0
    agreement_weight: float = 1.0
    policy_weight: float = 0.1
    off_discount: float = 0.9
    discount_all: bool = False
    delta: float = 1e-7
    scale: float = 1.0
    credit: str = "joint"
    timbre_weight: float = 0.0
    entropy: float = 0.0

    def __post_init__(self) -> None:
        if self.credit not in ("joint", "tone"):
            raise ConfigError(f"credit must be joint or tone, got {self.credit!r}")


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
    sure_share : float
        The anchor holds in frames whose labels the network, which sees that one frame, finds at least so likely. In the
        others the search decided by what came before and after, or was wrong: there the policy gradient decides alone.
        0: everywhere.
    drawn_per_frame : int
        The policy gradient takes the frame whose labels are least likely out of so many.
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
    sure_share: float = 0.0
    drawn_per_frame: int = 1
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
        if not 0.0 <= self.sure_share < 1.0 or self.drawn_per_frame < 1:
            raise ConfigError(
                f"sure_share must be 0 to 1 and drawn_per_frame at least 1, got {self.sure_share} and "
                f"{self.drawn_per_frame}"
            )
        if not (0.0 <= self.transposed_share <= 1.0 and 0.0 <= self.transposed_semitones <= 12.0):
            raise ConfigError(
                "transposed_share must be 0 to 1 and transposed_semitones 0 to 12, got "
                f"{self.transposed_share} and {self.transposed_semitones}"
            )
