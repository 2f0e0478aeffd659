"""Streams of events end with their server, not when it has lost its patience."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("starlette")

from bsep_stream.studio import answers


def test_a_stream_ends_with_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "EVENT_SECONDS", 0.0)
    state = SimpleNamespace(ending=False)
    turns = iter([False, False])

    async def is_disconnected() -> bool:
        return next(turns)  # a third question is an error: the server has ended by then

    def look() -> dict[str, int]:
        state.ending = seen > 0
        return {"seen": seen}

    seen = 0
    request: Any = SimpleNamespace(app=SimpleNamespace(state=state), is_disconnected=is_disconnected)

    async def told() -> list[str | bytes]:
        nonlocal seen
        lines: list[str | bytes] = []
        async for line in answers.events(look, request).body_iterator:
            lines.append(bytes(line) if isinstance(line, memoryview) else line)
            seen += 1
        return lines

    assert asyncio.run(told()) == ['data: {"seen": 0}\n\n', 'data: {"seen": 1}\n\n']
