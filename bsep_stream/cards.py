"""How things show themselves in a notebook: who draws is registered from above, so what is drawn need not know it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_MAKERS: dict[str, Callable[[Any], str]] = {}


def register(kind: str, maker: Callable[[Any], str]) -> None:
    """Have things of a kind shown by what a function returns: HTML."""
    _MAKERS[kind] = maker


def card(kind: str, thing: object) -> str | None:
    """HTML of a thing; None, and so its ``repr``, where nobody draws its kind."""
    maker = _MAKERS.get(kind)
    return None if maker is None else maker(thing)
