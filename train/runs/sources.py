"""How sources are named: ``violin,piano:4``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bsep_stream.errors import ConfigError
from bsep_stream.filenames import is_device
from bsep_stream.words import RESERVED

FEWEST_SOURCES, MOST_SOURCES = 2, 4
POSSIBLE_TONES = ("1", "2", "3", "4")
"""Of a source at once."""


def parse_sources(text: str | Sequence[str]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Names of the sources, and their tones at once, from what stands behind ``--sources``, or a list of it.

    Raises
    ------
    ConfigError
        If they are too few or too many, not different, or cannot be names of files; or if nothing has so many tones.
    """
    texts = text.split(",") if isinstance(text, str) else text
    parts = [[word.strip() for word in part.partition(":")] for part in texts]
    names = tuple(name for name, _, _ in parts)
    if not FEWEST_SOURCES <= len(names) <= MOST_SOURCES:
        raise ConfigError(
            f"--sources takes {FEWEST_SOURCES} to {MOST_SOURCES} names with commas between them, "
            f"such as recorder,violin; got {len(names)}"
        )
    for name in names:
        if not re.fullmatch(r"\w[\w-]{0,39}", name):
            raise ConfigError(
                f"a source is named by 1 to 40 letters, digits, - or _ (its stem gets the same name), got {name!r}"
            )
        if name.lower() in RESERVED:
            raise ConfigError(f"a source cannot be called {name}: a file of that name stands beside the stems")
        if is_device(name):
            raise ConfigError(
                f"a source cannot be called {name}: Windows has no such file, and its stem gets that name"
            )
    if len({name.lower() for name in names}) != len(names):
        raise ConfigError(f"--sources must be different names, got {', '.join(names)}")
    for name, colon, most in parts:
        if colon and most not in POSSIBLE_TONES:
            raise ConfigError(
                f"behind the colon stands how many tones {name} plays at once at most, 1 to {POSSIBLE_TONES[-1]}, "
                f"such as {name}:{POSSIBLE_TONES[-1]}; got {most!r}"
            )
    return names, tuple(int(most) if colon else 1 for _, colon, most in parts)


def sources_text(names: Sequence[str], polyphony: Sequence[int]) -> str:
    """Inverse of :func:`parse_sources`."""
    pairs = zip(names, polyphony, strict=True)
    return ",".join(name if most == 1 else f"{name}:{most}" for name, most in pairs)
