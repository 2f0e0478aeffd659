"""Beginnings: dictionaries to begin with, of which the mixture chooses one.

A pretrained network knows what a tone is, but not which sounds belong together: that it reads from the dictionary. The
published start says that the first source is brighter, by a lot, and that harmonics fall so fast that many tones are
heard as octaves. Where a recording's instruments are otherwise, a run has to unlearn that, and mostly does not. So
several are tried before the first iteration, and the one by which the network explains the mixture at the lowest
:attr:`~bsep_stream.train.learning.assessment.Assessment.mixture_cost` is begun with: a race of length 0.
"""

from __future__ import annotations

from collections.abc import Sequence

from bsep_stream.train.learning.assessment import assess
from bsep_stream.train.network.separator import Separator
from bsep_stream.train.session.frames import Overview


def choose_beginning(separator: Separator, overview: Overview, decays: Sequence[tuple[float, float]]) -> list[float]:
    """Give a separator the dictionary of lowest mixture cost.

    Parameters
    ----------
    separator : Separator
    overview : Overview
        Frames of the session.
    decays : sequence of (float, float)
        See :meth:`bsep_stream.train.tones.dictionary.HarmonicDictionary.start_with_decays`.

    Returns
    -------
    list of float
        Cost of each; of equal ones the first is taken.
    """
    costs = []
    for pair in decays:
        separator.dictionary.start_with_decays(*pair)
        costs.append(assess(separator, overview).mixture_cost)
    separator.dictionary.start_with_decays(*decays[costs.index(min(costs))])
    return costs
