"""What the server says: JSON, sentences where something is wrong, files, streams of events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from bsep_stream.errors import BsepError, ConfigError
from bsep_stream.studio import fulldisk
from bsep_stream.studio.wording import sentence

LARGEST_JSON = 1_000_000
EVENT_SECONDS = 0.25
"""So often a stream of events looks whether something is new."""

HEARTBEATS = 40
"""After so many looks without news a line says that the stream is alive."""


async def told(request: Request) -> dict[str, Any]:
    """The JSON object of a request; ConfigError if it is none."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST_JSON:
            raise ConfigError("that is too much; nothing was changed")
    try:
        values = json.loads(body or b"{}")
    except ValueError as error:
        raise ConfigError("that is no JSON") from error
    if not isinstance(values, dict):
        raise ConfigError("expected a JSON object")
    return values


def answer(values: Any = None, status: int = 200) -> JSONResponse:
    """Values as JSON."""
    return JSONResponse({} if values is None else values, status)


async def mendable(request: Request, error: Exception) -> Response:
    """The sentence of something that the user can mend."""
    del request
    if isinstance(error, BsepError) and fulldisk.told(error) != fulldisk.FULL_DISK:
        return answer({"error": sentence(str(error))}, 400)
    text = fulldisk.told(error)
    return answer({"error": text}, 507 if text == fulldisk.FULL_DISK else 500)


def events(look: Callable[[], Mapping[str, Any]], request: Request) -> StreamingResponse:
    """Server-sent events: what ``look`` sees, whenever it has changed; until the page goes or the server ends."""

    async def lines() -> AsyncIterator[str]:
        last, quiet = None, 0
        while not (request.app.state.ending or await request.is_disconnected()):
            try:
                seen = json.dumps(await run_in_threadpool(look))
            except BsepError as error:  # the session was deleted
                yield f"event: gone\ndata: {json.dumps(str(error))}\n\n"
                return
            if seen != last:
                last, quiet = seen, 0
                yield f"data: {seen}\n\n"
            elif (quiet := quiet + 1) % HEARTBEATS == 0:
                yield ": still here\n\n"
            await asyncio.sleep(EVENT_SECONDS)

    return StreamingResponse(lines(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
