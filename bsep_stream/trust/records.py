"""JSON objects into dataclasses: every field of the type that it is declared with, none unknown, none missing.

By msgspec, which checks an object against the types that the dataclass has anyway.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, TypeVar, get_args, get_type_hints

import msgspec

from bsep_stream.errors import BsepError, ConfigError
from bsep_stream.trust.shown import brief, shown

_Record = TypeVar("_Record")
_LONGEST = 500  # characters of what a dataclass says of its values


def record(kind: type[_Record], values: object, label: str, *, whole: bool = False) -> _Record:
    """A dataclass from plain values; lists become tuples where it has tuples.

    Parameters
    ----------
    kind : type
        A dataclass whose fields have plain types, or are dataclasses like it.
    values : object
        What was read.
    label : str
        What this is, for the message.
    whole : bool
        Whether fields that have a default must be there as well.

    Raises
    ------
    ConfigError
        Unknown or missing names, another type, or whatever the dataclass itself refuses.
    """
    _check_names(kind, values, label, whole)
    made: _Record = typed(kind, values, label)
    return made


def typed(kind: Any, values: object, label: str) -> Any:
    """A value of a type (``list[float]``) from plain values; ConfigError if it is of another."""
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        if isinstance(error.__cause__, BsepError):  # of __post_init__
            reason = str(error.__cause__)
            raise ConfigError(reason if len(reason) <= _LONGEST else f"{reason[:_LONGEST]}...") from None
        reason = shown(str(error)).replace(" - at `$.", " for `").replace(" - at `$`", "")
        raise ConfigError(f"{label}: {reason[:1].lower()}{reason[1:]}") from error
    except (OverflowError, RecursionError, TypeError, ValueError) as error:
        if isinstance(error, BsepError):
            raise
        raise ConfigError(f"{label} cannot be used: {shown(str(error))[:200]}") from error


def _check_names(kind: Any, values: object, label: str, whole: bool) -> None:
    """The names of a dataclass, and of those in it."""
    if not isinstance(values, Mapping):
        raise ConfigError(f"{label} should be an object with names and values, got {brief(values)}")
    known = fields(kind)
    names = {each.name for each in known}
    needed = {each.name for each in known if whole or (each.default is MISSING and each.default_factory is MISSING)}
    if wrong := sorted(map(str, set(values) - names)):
        raise ConfigError(f"{label} has no use for {brief(wrong[0])}; the file was written by another version")
    if missing := sorted(needed - set(values)):
        raise ConfigError(f"{label} lacks {missing[0]!r}; the file was written by another version")
    for name, hint in get_type_hints(kind).items():
        if name not in values:
            continue
        if is_dataclass(hint):
            _check_names(hint, values[name], name, whole)
        elif (inner := next(iter(get_args(hint)), None)) is not None and is_dataclass(inner):
            for each in values[name] if isinstance(values[name], list | tuple) else ():
                _check_names(inner, each, name, whole)
