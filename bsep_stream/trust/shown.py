"""Text from elsewhere, made fit to be shown: a terminal obeys control characters, a person reads them."""

from __future__ import annotations

import reprlib

_KEPT = "\n\t"
_BIDI = range(0x202A, 0x202F), range(0x2066, 0x206A)  # they turn the order of what is read around
_SEPARATORS = (0x2028, 0x2029)  # line and paragraph
LONGEST_VALUE = 80
"""Characters of a value in a message: enough to be found again in the file."""


def is_plain(character: str) -> bool:
    """Whether a character only shows itself: no control character, no half of a surrogate pair."""
    code = ord(character)
    if code < 0x20 or 0x7F <= code <= 0x9F or 0xD800 <= code <= 0xDFFF or code in _SEPARATORS:
        return False
    return not any(code in codes for codes in _BIDI)


def has_only_plain(text: str) -> bool:
    """Whether a text can be a name: it has no character that does something."""
    return text.isprintable() or all(map(is_plain, text))


def shown(text: str) -> str:
    r"""The text with control characters written out: ``\x1b`` for ESC. Line ends and tabs stay."""
    if text.isprintable():  # as nearly all are
        return text
    return "".join(each if each in _KEPT or is_plain(each) else _escaped(each) for each in text)


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


def _escaped(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a file name that is no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
