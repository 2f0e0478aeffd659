"""JSON, TOML and other text from files: of bounded size, depth and numbers, so that reading them cannot hurt.

Whatever is wrong becomes one sentence. Among what Python's own readers raise are a RecursionError for deep nesting, a
ValueError for numbers of more than 4300 digits, and nothing at all for half a surrogate pair, which cannot be written
again, or for a key of a hundred thousand dots, over which they sit for hours.
"""

from __future__ import annotations

import json
import re
import stat
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bsep_stream.errors import BsepError
from bsep_stream.trust.shown import brief, has_only_plain, shown

LARGEST_JSON_BYTES = 16_000_000
"""A configuration has some thousand bytes, a metronome some hundred thousand."""
LARGEST_TOML_BYTES = 256_000
DEEPEST = 32
"""Levels of tables in tables; ours have five."""
LARGEST_WHOLE = 2**63 - 1
"""TOML has whole numbers of 64 bits, and so has everything that we write as JSON."""

LONGEST_TEXT = 10_000
"""Characters of a text or a name in JSON or TOML: paths have less than half of it."""

_LONG_KEY = re.compile(r"(?<![\w-])(?:(?:[\w-]++|\"[^\"\n]*+\"|'[^'\n]*+')[ \t]*+\.[ \t]*+){32}")
_LONGEST_NUMBER = 400  # characters; a float64 has at most 325 that matter


@dataclass(frozen=True)
class Fail:
    """Makes an error of what is wrong with a file.

    Parameters
    ----------
    kind : type
        Of the error.
    label : str
        What the file is called in the sentence.
    advice : str
        The end of the sentence.
    """

    kind: type[BsepError]
    label: str
    advice: str = ""

    def __call__(self, what: str) -> BsepError:
        """The error; `what` is a predicate, such as ``is larger than ...``."""
        return self.kind(f"{self.label} {what}{self.advice}")

    def unreadable(self, reason: str) -> BsepError:
        """The error of a file that cannot be read at all."""
        return self.kind(f"cannot read {self.label}: {reason}{self.advice}")


def read_bytes(path: Path, most: int, fail: Fail) -> bytes:
    """All of a file, if it has no more than so many bytes; a folder, a pipe or a device is none."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise fail.unreadable("it is no regular file")
        with path.open("rb") as file:
            data = file.read(most + 1)
    except (OSError, ValueError) as error:  # ValueError: a path with a zero byte
        if isinstance(error, BsepError):
            raise
        raise fail.unreadable(getattr(error, "strerror", None) or str(error)) from error
    if len(data) > most:
        raise fail(f"is larger than the {most / 1e6:g} MB that such a file may have")
    return data


def read_text(path: Path, most: int, fail: Fail) -> str:
    """The same as text: UTF-8, with or without a byte order mark."""
    try:
        return read_bytes(path, most, fail).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise fail(f"is no text in UTF-8 (byte {error.start + 1})") from error


def read_json(path: Path, fail: Fail, most: int = LARGEST_JSON_BYTES) -> dict[str, Any]:
    """The object in a JSON file; whatever else comes is an error."""
    return json_object(read_bytes(path, most, fail), fail)


def json_object(text: str | bytes, fail: Fail) -> dict[str, Any]:
    """The same of text."""
    values = json_value(text, fail)
    if not isinstance(values, dict):
        raise fail("holds no JSON object")
    return values


def json_value(text: str | bytes, fail: Fail) -> Any:
    """Whatever is in JSON, of bounded depth and numbers."""
    with _told(fail, "JSON"):
        text = text if isinstance(text, str) else text.decode("utf-8-sig")
        values = json.loads(text, parse_int=_whole, parse_float=_real, object_pairs_hook=_said_once)
    check_plain(values, fail)
    return values


def read_toml(path: Path, fail: Fail) -> dict[str, Any]:
    """The tables of a TOML file; whatever else comes is an error."""
    return toml_tables(read_bytes(path, LARGEST_TOML_BYTES, fail), fail)


def toml_tables(text: str | bytes, fail: Fail) -> dict[str, Any]:
    """The same of text."""
    with _told(fail, "TOML"):
        text = text if isinstance(text, str) else text.decode("utf-8-sig")
        if _LONG_KEY.search(text):
            raise RecursionError
        values = tomllib.loads(text.replace("\r\n", "\n"), parse_float=_real)
    check_plain(values, fail)
    return values


def check_plain(values: object, fail: Fail) -> None:
    """Error if values nest deep, or hold huge whole numbers or text that is not plain."""
    waiting: list[tuple[object, int]] = [(values, 1)]
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, str) and not (value.isprintable() or all(_in_text(each) for each in value)):
            raise fail(f"holds text with control characters: {brief(value)}")
        if isinstance(value, str) and len(value) > LONGEST_TEXT:
            raise fail(f"holds a text of more than {LONGEST_TEXT} characters: {brief(value)}")
        if isinstance(value, int) and abs(value) > LARGEST_WHOLE:
            raise fail(f"holds a whole number beyond 64 bits: {brief(value)}")
        if not isinstance(value, dict | list | tuple):
            continue
        if depth > DEEPEST:
            raise fail(f"nests deeper than {DEEPEST} levels")
        if isinstance(value, dict):
            for name in value:
                if not isinstance(name, str) or not has_only_plain(name):
                    raise fail(f"has a name with control characters: {brief(name)}")
                if len(name) > LONGEST_TEXT:
                    raise fail(f"has a name of more than {LONGEST_TEXT} characters: {brief(name)}")
        inner = value.values() if isinstance(value, dict) else value
        waiting.extend((each, depth + 1) for each in inner if isinstance(each, str | int | dict | list | tuple))


def _in_text(character: str) -> bool:
    return character in "\n\t" or has_only_plain(character)


@contextmanager
def _told(fail: Fail, language: str) -> Iterator[None]:
    """What a parser raises, as a sentence."""
    try:
        yield
    except RecursionError as error:
        raise fail(f"is not valid {language}: it nests deeper than {DEEPEST} levels") from error
    except MemoryError as error:
        raise fail("needs more memory than there is") from error
    except UnicodeDecodeError as error:
        raise fail(f"is no text in UTF-8 (byte {error.start + 1}); save it as UTF-8") from error
    except (ValueError, OverflowError, TypeError, AttributeError, IndexError) as error:
        raise fail(f"is not valid {language}: {shown(str(error))[:200]}") from error


def _said_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object. Of a name that comes twice, other readers take the other value."""
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{brief(next(name for name in names if names.count(name) > 1))} comes twice")
    return values


def _whole(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise ValueError(f"a number of {len(text)} digits")
    return int(text)


def _real(text: str) -> float:
    if len(text) > _LONGEST_NUMBER:
        raise ValueError(f"a number of {len(text)} characters")
    return float(text)
