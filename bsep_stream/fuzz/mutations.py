"""Damage to files, by chance: bytes, values of JSON, words of text, parts of graphs. Same seed, same damage."""

from __future__ import annotations

import json
import re
import struct
from random import Random
from typing import Any

import numpy as np

from bsep_stream.fuzz.onnxwriter import Fields, attribute, changed_graph, changed_metadata, joined, node, part, tensor
from bsep_stream.model.onnxgraph import fields_of

VALUES: tuple[Any, ...] = (
    *(0, -1, 1, 2, 3, 7, 255, 65_536, 10**9, 2**31, 2**63 - 1, 2**63, 2**64, 10**30, 10**400),
    *(0.0, -0.0, 0.5, 1e-300, 1e-30, 1e30, 1e300, float("inf"), float("-inf"), float("nan"), 48_000.5),
    *(True, False, None, "", " ", ".", "..", "../a", "/", "a" * 300, "a" * 100_000, "\x00", "\x1b[2J", "\u202e"),
    *("\ud800", "residual", "remix", "NaN", "1e999", "9" * 5_000, "Käse", [], [[]], {}, {"": ""}, [None], [1, "a", {}]),
    [[1.0] * 1_000] * 20,
)
_WORDS = (
    *("0", "-1", "1e999", "nan", "inf", "true", "0x" + "f" * 5_000, "9" * 400, "9" * 5_000, "1979-05-27T07:32:00Z"),
    *('""', '"a"', '"\\u001b[2J"', '"\\u0000"', "'''", '"""', "[" * 2_000, "{a=" * 500, "]", "}", "=", ".", "#", ","),
    *("a." * 5_000 + "a", "\ufeff", "\r\n", "\t", "\x1b", "é", "[[a]]\n", "[a]\n", "\n", '"' + "b" * 50_000 + '"'),
)
_TOKEN = re.compile(r"\"[^\"\n]*\"|[\w.+-]+|[^\s]")
_OPERATORS = ("Loop", "If", "Scan", "Add", "Mul", "Tile", "Expand", "Reshape", "ConstantOfShape", "Range", "NonZero")


def damaged_bytes(data: bytes, rng: Random) -> bytes:
    """Bytes changed, cut out, doubled, put in or cut off, in one to four places."""
    content = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(content) + 1)
        length = min(rng.choice((1, 1, 2, 4, 8, 100)), len(content) - place)
        kind = rng.randrange(6)
        if kind == 0 and place < len(content):
            content[place] ^= 1 << rng.randrange(8)
        elif kind == 1:
            content[place : place + length] = rng.randbytes(length)
        elif kind == 2:
            del content[place : place + length]
        elif kind == 3:
            content[place:place] = content[place : place + length] * rng.randint(1, 20)
        elif kind == 4:
            content[place : place + length] = rng.choice((b"\xff", b"\x00", b"\x7f", b"\x80")) * length
        elif rng.random() < 0.3:
            del content[place:]
    return bytes(content)


def damaged_json(text: str, rng: Random) -> str:
    """A value somewhere in an object replaced, left out or doubled; now and then the text itself damaged."""
    if rng.random() < 0.1:
        return damaged_text(text, rng)
    values = json.loads(text)
    for _ in range(rng.randint(1, 2)):
        place, key = rng.choice(_places(values))
        kind = rng.randrange(8)
        if kind == 0:
            del place[key]
        elif kind == 1 and isinstance(place, dict):
            place[rng.choice(("more", "\x1b", "a" * 1_000))] = place[key]
        elif kind == 2 and isinstance(place[key], list):
            place[key] = place[key] * rng.choice((2, 10, 1_000))
        elif kind == 3 and isinstance(place[key], int | float):
            place[key] = place[key] * rng.choice((-1, 0.5, 2, 10, 1_000, 10**6))
        else:
            place[key] = json.loads(json.dumps(rng.choice(VALUES)))  # a copy: what is in it may be changed next
        if not _places(values):
            break
    try:
        return _written(values)
    except RecursionError:  # a deep value in a deep value
        return damaged_text(text, rng)


def _written(values: Any) -> str:
    """JSON, whatever Python thinks of long numbers."""
    for place, key in _places(values):  # not by recursion: some values are nested deeper than Python goes
        if isinstance(place[key], int) and abs(place[key]) >= 10**300:
            place[key] = "@long@"
    return json.dumps(values, default=str).replace('"@long@"', "1" + "0" * 400)


def _places(values: Any) -> list[tuple[Any, Any]]:
    """Everything that holds something, and where in it."""
    found: list[tuple[Any, Any]] = []
    waiting = [values]
    while waiting and len(found) < 100_000:
        value = waiting.pop()
        keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
        for key in keys:
            found.append((value, key))
            waiting.append(value[key])
    return found


def damaged_text(text: str, rng: Random) -> str:
    """Words replaced, left out, doubled or put in, in one to three places."""
    for _ in range(rng.randint(1, 3)):
        tokens = list(_TOKEN.finditer(text))
        if not tokens:
            return rng.choice(_WORDS)
        token = rng.choice(tokens)
        word = rng.choice((rng.choice(_WORDS), rng.choice(_WORDS), "", token[0] * 2, rng.choice(tokens)[0]))
        text = text[: token.start()] + word + text[rng.choice((token.start(), token.end(), token.end())) :]
    return text


def damaged_model(data: bytes, rng: Random) -> bytes:
    """An ONNX file with damaged bytes, metadata or graph, or with more in it than belongs there."""
    kind = rng.randrange(6)
    if kind == 0:
        return damaged_bytes(data, rng)
    if kind == 1:
        return data + part(rng.randrange(1, 40), rng.choice((0, 2**63, b"", rng.randbytes(9))))
    if kind == 2:
        return changed_graph(data, lambda fields: _damaged_fields(fields, rng))
    if kind == 3:
        return changed_graph(
            data, lambda fields: [*fields[: (place := rng.randrange(20))], _more(rng), *fields[place:]]
        )
    return changed_metadata(data, lambda text: damaged_json(text, rng))


def _damaged_fields(fields: Fields, rng: Random) -> Fields:
    """One field replaced by another, left out, doubled, or damaged where its own fields are."""
    place = rng.randrange(len(fields))
    number, value = fields[place]
    kind = rng.randrange(5)
    if kind == 0:
        del fields[place]
    elif kind == 1:
        fields.insert(rng.randrange(len(fields)), fields[place])
    elif kind == 2:
        fields[place] = (rng.randrange(1, 30), value)
    elif kind == 3 or not isinstance(value, bytes):
        fields[place] = (number, rng.choice((0, 1, 2**62, 2**64 - 1, b"", b"frame", b"\xff" * 9)))
    else:
        fields[place] = (number, _damaged_inner(value, rng))
    return fields


def _damaged_inner(data: bytes, rng: Random) -> bytes:
    try:
        inner = [(n, bytes(v) if isinstance(v, memoryview) else v) for n, v in fields_of(memoryview(data))]
        if inner and not any(isinstance(value, float) for _, value in inner):
            return joined(_damaged_fields(inner, rng))
    except (ValueError, IndexError, struct.error):
        pass  # no message, but text or numbers
    return damaged_bytes(data, rng)


def _more(rng: Random) -> tuple[int, bytes]:
    """An operation or a constant that was not there."""
    names = ("frame", "direct", "one", "both", "shares", "peak", "big", "")
    if rng.random() < 0.3:
        sizes = np.array([rng.choice((-1, 0, 2, 1_000, 2**20, 2**34, 2**62))] * rng.randint(1, 2), np.int64)
        return 5, tensor("big", sizes)
    inputs = [rng.choice(names) for _ in range(rng.randint(0, 3))]
    attributes = [attribute("axis", 3, rng.choice((0, 1, -1, 2**62)), 2)] if rng.random() < 0.3 else []
    return 1, node(rng.choice(_OPERATORS), inputs, [rng.choice(("more", "direct", "timbre"))], *attributes)
