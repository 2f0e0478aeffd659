"""Values from elsewhere, made fit to stand in a sentence."""

from __future__ import annotations

import reprlib

from bsep_stream.plain import has_only_plain, is_plain, shown

__all__ = ["LONGEST_VALUE", "brief", "has_only_plain", "is_plain", "shown"]

LONGEST_VALUE = 80
"""Characters of a value in a message: enough to be found again in the file."""


def brief(value: object) -> str:
    """A value as it may stand in a sentence: its ``repr``, cut in the middle where it is long or deep."""
    short = reprlib.Repr()
    short.maxstring = short.maxother = short.maxlong = LONGEST_VALUE
    short.maxlevel = 3
    try:
        text = short.repr(value)
    except ValueError:  # a number with more digits than Python writes
        text = "a number that is too long to be shown"
    return shown(text)
