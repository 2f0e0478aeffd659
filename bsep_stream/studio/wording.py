"""Sentences of the library as the page shows them."""

from __future__ import annotations


def sentence(text: str) -> str:
    """With a large letter, unless a file is called so, and a full stop."""
    if "." not in text.split(" ", 1)[0]:
        text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."
