"""Constants of the search."""

from __future__ import annotations

from dataclasses import dataclass, field

from bsep_stream.train.search.envelopes import EnvelopePrior
from bsep_stream.train.search.tracking import TransitionCosts


@dataclass(frozen=True)
class SearchSettings:
    """Constants of the search, in units of the relative loss of a frame (0 to 1) where they are costs.

    Parameters
    ----------
    tone_cost : float
        Of every tone: what it must at least explain. For two voices; the more of them share the level, the less
        one tone explains of it, so with n voices it is ``(2 / n)**2`` of this.
    register_weight : float
        See :func:`bsep_stream.train.search.registers.register_costs`.
    quiet_share : float
        Part of the session's mean level that is added to a frame's level: quiet frames weigh less.
    sweeps : int
        Decoding and learning in turns, at most so often.
    free_sweeps : int
        Sweeps by timbre alone that come first in one of the starts.
    sweeps_again : int
        Of a melody and its chords, after their notes have players.
    trial_sweeps : int
        After which it is decided which source is the higher or the darker one, where limits tell sources apart.
    plain_decay : float
        Envelope of a tone that nothing is known about.
    start_decays : tuple of two floats
        Envelopes of the darkest and the brightest source, for the start from brightness.
    groups : int
        Starts from tones that sound together, at most.
    group_share : float
        Of what such a tone is made of, in the envelope of its source to begin with; the rest is the plain one.
    """

    tone_cost: float = 0.02
    register_weight: float = 0.02
    quiet_share: float = 0.03
    sweeps: int = 5
    free_sweeps: int = 3
    sweeps_again: int = 3
    trial_sweeps: int = 2
    plain_decay: float = 0.7
    start_decays: tuple[float, float] = (0.5, 0.8)
    groups: int = 2
    group_share: float = 0.8
    transitions: TransitionCosts = field(default_factory=TransitionCosts)
    envelopes: EnvelopePrior = field(default_factory=EnvelopePrior)
