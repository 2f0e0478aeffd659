"""Passages in which the search was not sure who plays, in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bsep_stream.train.learning.verdict import clock_text
from bsep_stream.train.session.labels import Labels

UNSURE_NATS = 4.0
"""Of what the evidence loses if another plays: notes below it are often wrong, others seldom."""

SHORTEST_SECONDS = 0.3
JOINED_SECONDS = 2.0
MOST_PASSAGES = 5


def doubt_sentences(labels: Labels | None, sample_rate: int, recordings: Sequence[str]) -> tuple[str, ...]:
    """At most one sentence, with the longest passages in the order of the session.

    Parameters
    ----------
    labels : Labels or None
    sample_rate : int
        Of the session, in Hz.
    recordings : sequence of str
        Names of the takes.
    """
    if labels is None or not len(labels.margin):
        return ()
    passages = [
        (take, start, end)
        for take in range(len(recordings))
        for start, end in _stretches(labels.centre[(labels.take == take) & (labels.margin < UNSURE_NATS)] / sample_rate)
    ]
    longest = sorted(passages, key=lambda passage: passage[1] - passage[2])[:MOST_PASSAGES]
    if not longest:
        return ()
    places = [
        (f"{recordings[take]} " if len(recordings) > 1 else "") + f"{clock_text(start)} to {clock_text(end)}"
        for take, start, end in passages
        if (take, start, end) in longest
    ]
    return (f"Least sure who plays: {', '.join(places)}; listen there first.",)


def _stretches(seconds: NDArray[np.float64]) -> list[tuple[float, float]]:
    """Beginnings and ends of moments that lie near each other; those that are over at once are left out."""
    if not len(seconds):
        return []
    gaps = np.flatnonzero(np.diff(seconds) > JOINED_SECONDS)
    starts, ends = seconds[np.concatenate([[0], gaps + 1])], seconds[np.concatenate([gaps, [len(seconds) - 1]])]
    pairs = zip(starts.tolist(), ends.tolist(), strict=True)
    return [(start, end) for start, end in pairs if end - start >= SHORTEST_SECONDS]
