"""What a run has learned, in words for a musician: how much is explained, what is not, and what looks wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bsep_stream.train.learning.assessment import AUDIBLE_SHARE, Assessment

PASSAGE_SECONDS = 2.0
MOST_PASSAGES = 3

BAD_PASSAGE_SHARE = 0.1
"""A passage is named if so much of its energy is left over,"""

BAD_PASSAGE_RATIO = 1.3
"""and so many times more than in the whole session."""

SILENT_SHARE = 0.02
"""A source that sounds in fewer frames, or has less of the energy, learned nothing."""

ALIKE = 0.99
"""Cosine between the roots of two rows of the dictionary. Violin and saxophone reach it, too, but not in one range."""

FOREIGN_SHARE = 0.4
"""Of the energy: tones that explain less are none; sessions of instruments that are named come to 80 % and more."""

DOUBLING_SHARE = 0.5
"""Of the frames in which two sources sound together; independent parts meet in a tenth of them."""

DOUBLING_RATIOS = (1.0, 2.0, 3.0)
"""Unison, octave, twelfth: intervals at which one note is easily heard as two."""

DOUBLING_CENTS = 30.0

_TINY = 1e-12


@dataclass(frozen=True)
class Passage:
    """A stretch of a recording that the tones explain badly.

    Parameters
    ----------
    recording : str
    start_seconds, end_seconds : float
    unexplained_share : float
        Of the energy there.
    """

    recording: str
    start_seconds: float
    end_seconds: float
    unexplained_share: float


@dataclass(frozen=True)
class Verdict:
    """What ``verdict.json`` holds.

    Parameters
    ----------
    mixture_cost : float
        See :attr:`bsep_stream.train.learning.assessment.Assessment.mixture_cost`.
    explained_share : float
        Of the session's energy, by all tones.
    source_shares : dict of str to float
        The same by source.
    sounding_shares : dict of str to float
        In how many of the frames a source sounds.
    passages : tuple of Passage
        The worst ones, in the order of the session.
    warnings : tuple of str
        Sentences about what is probably wrong.
    sentences : tuple of str
        All of this in words; the warnings come last.
    """

    mixture_cost: float
    explained_share: float
    source_shares: dict[str, float]
    sounding_shares: dict[str, float]
    passages: tuple[Passage, ...]
    warnings: tuple[str, ...]
    sentences: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Verdict:
        """Inverse of :meth:`to_dict`."""
        passages = tuple(Passage(**passage) for passage in values["passages"])
        texts = {name: tuple(values[name]) for name in ("warnings", "sentences")}
        return cls(**{**values, "passages": passages, **texts})

    def __str__(self) -> str:
        return " ".join(self.sentences)


def reach_verdict(
    assessment: Assessment,
    dictionary: NDArray[np.float32],
    source_names: Sequence[str],
    recordings: Sequence[str],
    told: Sequence[str] = (),
) -> Verdict:
    """Judge a run.

    Parameters
    ----------
    assessment : Assessment
    dictionary : ndarray, shape (n_sources, n_harmonics)
    source_names, recordings : sequence of str
    told : sequence of str
        What the run says of itself besides; it stands before the warnings.
    """
    shares = dict(zip(source_names, assessment.source_shares.tolist(), strict=True))
    sounding = {
        name: float((assessment.pitches_of(source) > 0).any(axis=1).mean()) for source, name in enumerate(source_names)
    }
    passages = bad_passages(assessment, recordings)
    explained = assessment.explained_share
    warnings = (
        *_foreign(explained),
        *_silent_sources(shares, sounding),
        *_twins(assessment, dictionary, source_names, sounding),
    )
    parts = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
    sentences = [f"The tones explain {explained:.0%} of the sound ({parts}); {1 - explained:.0%} is left over."]
    if passages:
        places = ", ".join(_place(passage, len(recordings) > 1) for passage in passages)
        sentences.append(f"Least explained: {places}.")
    else:
        sentences.append("No passage is explained much worse than the rest.")
    if not warnings:
        sentences += _one_kind(dictionary, source_names)
    texts = (*sentences, *told, *warnings)
    return Verdict(assessment.mixture_cost, explained, shares, sounding, passages, warnings, texts)


def bad_passages(assessment: Assessment, recordings: Sequence[str]) -> tuple[Passage, ...]:
    """The worst passages that are neither nearly silent nor as good as the rest, in the order of the session."""
    limit = max(BAD_PASSAGE_SHARE, BAD_PASSAGE_RATIO * (1.0 - assessment.explained_share))
    number = (assessment.seconds / PASSAGE_SECONDS).astype(np.int64)
    found: list[Passage] = []
    for take, name in enumerate(recordings):
        for part in np.unique(number[assessment.take == take]):
            inside = (assessment.take == take) & (number == part)
            if assessment.energy[inside].mean() < 10 * AUDIBLE_SHARE * assessment.energy.mean():
                continue
            share = float(assessment.unexplained[inside].sum() / (assessment.energy[inside].sum() + _TINY))
            if share > limit:
                end = min((part + 1) * PASSAGE_SECONDS, float(assessment.seconds[assessment.take == take].max()))
                found.append(Passage(name, float(part * PASSAGE_SECONDS), end, share))
    worst = sorted(found, key=lambda passage: -passage.unexplained_share)[:MOST_PASSAGES]
    return tuple(passage for passage in found if passage in worst)


def _foreign(explained: float) -> list[str]:
    if explained >= FOREIGN_SHARE:
        return []
    return [
        f"Tones explain only {explained:.0%} of the sound: is this noise, or do others play than were named? Stems of "
        "such a model hold little but chance."
    ]


def _silent_sources(shares: dict[str, float], sounding: dict[str, float]) -> list[str]:
    return [
        f"{name} learned nothing: it is heard in {sounding[name]:.0%} of the recording, with {share:.0%} of the sound. "
        "Does it play there? If so, train again with --seeds 3, or with a recording in which it is louder."
        for name, share in shares.items()
        if min(share, sounding[name]) < SILENT_SHARE
    ]


def _twins(
    assessment: Assessment, dictionary: NDArray[np.float32], names: Sequence[str], sounding: dict[str, float]
) -> list[str]:
    """Sentences about sources that share an instrument or its notes; silent ones are told elsewhere."""
    sentences = []
    for one, other in combinations(range(len(names)), 2):
        if min(sounding[names[one]], sounding[names[other]]) < SILENT_SHARE:
            continue
        pair = f"{names[one]} and {names[other]}"
        first, second = assessment.pitches_of(one), assessment.pitches_of(other)
        # A chord doubles the other's notes by right.
        doubled = doubling_share(first[:, 0], second[:, 0]) if first.shape[1] == second.shape[1] == 1 else 0.0
        if doubled > DOUBLING_SHARE:
            sentences.append(
                f"{pair} are a unison, octave or twelfth apart in {doubled:.0%} of the time that both play: one "
                "may have learned overtones of the other. Train again with --seeds 3, or without one of the names."
            )
        elif likeness(dictionary[one], dictionary[other]) > ALIKE and _ranges_meet(first, second):
            sentences.append(
                f"{pair} learned the same sound in the same range: if these are different instruments, notes are "
                "probably mixed up between them. Train again with --seeds 3, or on more music."
            )
    return sentences


def _one_kind(dictionary: NDArray[np.float32], names: Sequence[str]) -> list[str]:
    """Sentences about sources that sound alike, as one instrument twice: no warning, as each keeps to its range."""
    return [
        f"{names[one]} and {names[other]} sound alike, as one instrument that plays twice: if they are, little but "
        "their ranges tells them apart, and notes beyond them may change sides."
        for one, other in combinations(range(len(names)), 2)
        if likeness(dictionary[one], dictionary[other]) > ALIKE
    ]


def likeness(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Cosine between the roots of the amplitudes of two rows: 1 is the same timbre."""
    first, second = (np.sqrt(np.clip(row, 0.0, None), dtype=np.float64) for row in (one, other))
    return float(first @ second / (np.linalg.norm(first) * np.linalg.norm(second) + _TINY))


def doubling_share(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Of the frames in which both sound: those in which the pitches are a unison, octave or twelfth apart."""
    both = (one > 0) & (other > 0)
    if not both.any():
        return 0.0
    cents = 1200 * np.abs(np.log2(one[both] / other[both]))
    near = [np.abs(cents - 1200 * np.log2(ratio)) < DOUBLING_CENTS for ratio in DOUBLING_RATIOS]
    return float(np.any(near, axis=0).mean())


def _ranges_meet(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    """Whether the middle half of one source's pitches meets that of the other's."""
    (low, high), (other_low, other_high) = (np.quantile(f0_bin[f0_bin > 0], (0.25, 0.75)) for f0_bin in (one, other))
    return bool(low <= other_high and other_low <= high)


def _place(passage: Passage, named: bool) -> str:
    where = f"{passage.recording} " if named else ""
    times = f"{clock_text(passage.start_seconds)} to {clock_text(passage.end_seconds)}"
    return f"{where}{times} ({passage.unexplained_share:.0%} left over)"


def clock_text(seconds: float) -> str:
    """Minutes and seconds."""
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02d}"
