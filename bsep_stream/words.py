"""Words and limits that all floors share."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

RESIDUAL = "residual"
"""Stem that has what no source has: the mixture minus all other stems."""
REMIX = "remix"
"""File of all stems, mixed."""
MASTER = "master"
"""Strip over the sum of all stems."""
RESERVED = (RESIDUAL, REMIX, MASTER, "input", "mix", "mixture")
"""What no source can be called: files and strips of these names stand beside its own."""

LARGEST_SAMPLE = 1e6
"""Samples beyond this (full scale is 1) are refused: they are not audio, and their powers overflow."""
LOWEST_GAIN_DB, HIGHEST_GAIN_DB = -120.0, 40.0
"""Range of every fader."""
MOST_CHANNELS = 64
"""Of a stream; more are samples that were taken for channels."""

_LONGEST_NAME = 100  # characters of a name that was misspelt


def nearest(name: object, valid: Iterable[str]) -> str:
    """End of a sentence that names the nearest valid names, or all where none is near."""
    names = list(valid)
    folded = {each.casefold(): each for each in names}
    known = str(name)[:_LONGEST_NAME].casefold()  # comparing takes time that grows with the square
    close = [folded[each] for each in difflib.get_close_matches(known, folded, n=3)]
    if not names:
        return "; it has none"
    return f"; the nearest: {', '.join(close)}" if close else f"; valid: {', '.join(names)}"
