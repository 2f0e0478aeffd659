"""Text from elsewhere, made fit to be shown: a terminal obeys control characters, a person reads them."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterable

_BIDI = range(0x202A, 0x202F), range(0x2066, 0x206A)  # they turn the order of what is read around
_SEPARATORS = (0x2028, 0x2029)  # line and paragraph
_SHORT = {"\n": "\\n", "\t": "\\t"}


def is_plain(character: str) -> bool:
    """Whether a character only shows itself: no control character, no half of a surrogate pair."""
    code = ord(character)
    if code < 0x20 or 0x7F <= code <= 0x9F or 0xD800 <= code <= 0xDFFF or code in _SEPARATORS:
        return False
    return not any(code in codes for codes in _BIDI)


def has_only_plain(text: str) -> bool:
    """Whether a text can be a name: it has no character that does something."""
    return text.isprintable() or all(map(is_plain, text))


def shown(text: str, *, lines: bool = False) -> str:
    r"""The text with control characters written out: ``\x1b`` for ESC, ``\n`` for the end of a line.

    Parameters
    ----------
    text : str
    lines : bool
        Whether ends of lines and tabs stay: only for a text that is ours, or JSON. A name that ends a line could
        forge the next.
    """
    if text.isprintable():  # as nearly all are
        return text
    kept = "\n\t" if lines else ""
    return "".join(each if each in kept or is_plain(each) else _escaped(each) for each in text)


def pasteable(words: Iterable[object]) -> str:
    """A command that a shell (bash, zsh, ksh) takes as it is: quoted where it must be, and with nothing to be obeyed.

    Parameters
    ----------
    words : iterable of str or path
        Paths as :func:`path_word` gives them.
    """
    return " ".join(map(_quoted, words))


def path_word(path: object) -> str:
    """A path as a word of a command: one that begins with a dash is no option."""
    text = str(path)
    return f"./{text}" if text.startswith("-") else text


def _quoted(word: object) -> str:
    text = str(word)
    if has_only_plain(text) and _can_be_printed(text):
        return shlex.quote(text)
    # Dollar quotes; three octal digits a byte, as hexadecimal ones would take the letters that follow.
    data = text.encode("utf-8", "surrogateescape" if _is_of_bytes(text) else "surrogatepass")
    return "$'" + "".join(_octal(byte) for byte in data) + "'"


def _can_be_printed(text: str) -> bool:
    """Whether standard output has these letters; elsewhere it would get others in their place."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _is_of_bytes(text: str) -> bool:
    return re.search("[\ud800-\udc7f\udd00-\udfff]", text) is None


def _octal(byte: int) -> str:
    return chr(byte) if 0x20 <= byte < 0x7F and byte not in b"\\'" else f"\\{byte:03o}"


def _escaped(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a file name that is no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return _SHORT.get(character) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")
