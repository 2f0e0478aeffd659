"""Which seeds are for what.

A constant that was chosen on recordings is too good on them. So there are three sets that never mix, neither in seeds
nor in the works that are played (:func:`share_of_works`):

* ``tune``: to look at, to listen to, to choose constants on;
* ``confirm``: every change that ``tune`` suggests is shown on these as well, and nothing else is done with them;
* ``final``: run once, when all is decided; `docs/laboratory.md` has these.
"""

from __future__ import annotations

import numpy as np

from bsep_stream.errors import ConfigError

KINDS = ("duet", "trio", "chords")
"""Two or three instruments of one tone each; or one of them over another that plays chords."""

HOW_MANY = {"duet": 40, "trio": 15, "chords": 20}
"""Sessions of a set, by kind."""

FIRST = {"tune": 0, "confirm": 100, "final": 2600}
"""First seed of every set. ``final`` began at 200, 500, 800, 1100, 1400, 1700, 2000, 2300: these were run before."""

SETS_APART = 100
_EDITION = 1  # another one is other sessions


def seeds_of(name: str, kind: str) -> tuple[int, ...]:
    """Seeds of a set, one of :data:`FIRST`, for a kind."""
    return tuple(range(FIRST[name], FIRST[name] + HOW_MANY[kind]))


def share_of_works(seed: int) -> tuple[int, int]:
    """Which share of all works a seed may play, and of how many: sets have no work in common."""
    return seed // SETS_APART % len(FIRST), len(FIRST)


def generator_of(kind: str, seed: int, stage: int) -> np.random.Generator:
    """The lot of one stage: what one stage draws changes no other."""
    return np.random.default_rng((_EDITION, KINDS.index(kind), seed, stage))


def read_seeds(text: str, kind: str) -> tuple[int, ...]:
    """Seeds as they are asked for: the name of a set, or numbers and ranges with commas, ``0-39`` or ``3,7``.

    Raises
    ------
    ConfigError
        If it is neither.
    """
    if text in FIRST:
        return seeds_of(text, kind)
    try:
        seeds: list[int] = []
        for part in text.split(","):
            first, dash, last = part.partition("-")
            seeds += range(int(first), int(last if dash else first) + 1)
    except ValueError as error:
        raise ConfigError(f"--seeds should be {', '.join(FIRST)}, or such as 0-39 or 3,7; got {text}") from error
    if not seeds:
        raise ConfigError(f"--seeds should name at least one seed; {text} has none")
    return tuple(dict.fromkeys(seeds))
