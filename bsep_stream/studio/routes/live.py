"""The stage: devices, start, stop, desk, meters."""

from __future__ import annotations

from time import strftime

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bsep_stream.errors import BsepError, ConfigError
from bsep_stream.studio import racks
from bsep_stream.studio.answers import answer, events, told
from bsep_stream.studio.house import house_of, session_of
from bsep_stream.studio.routes.desk import stem_names
from bsep_stream.studio.stage import LATENCIES, list_sound_devices


async def devices(request: Request) -> Response:
    """Devices of this machine, or why there are none."""
    del request
    try:
        found, reason = await run_in_threadpool(list_sound_devices), None
    except (BsepError, ModuleNotFoundError) as error:
        found = []
        reason = str(error) if isinstance(error, BsepError) else 'live sound needs pip install "bsep-stream[live]"'
    return answer({"devices": found, "reason": reason, "latencies": list(LATENCIES)})


async def status(request: Request) -> Response:
    """Meters and counters, as they change."""
    return events(house_of(request).stage.status, request)


async def play(request: Request) -> Response:
    """``{"do": "start" | "stop" | "record" | "move", ...}``."""
    folder, house, values = session_of(request), house_of(request), await told(request)
    stage, word = house.stage, values.get("do")

    def work() -> dict[str, object]:
        if word == "start":
            if not folder.model.exists():
                raise ConfigError("there is no model yet: let the training end, or finish it")
            rack = racks.read_rack(folder, stem_names(folder))
            stage.start(folder.name, folder.model, rack, values)
        elif word == "stop":
            return stage.stop()
        elif word == "record":
            target = folder.path / "live" / strftime("%Y-%m-%d %H.%M.%S")
            stage.record(target if values.get("on") else None)
        elif word == "move":
            stage.move({key: value for key, value in values.items() if key != "do"})
        else:
            raise ConfigError(f"the stage does not know {word!r}")
        return stage.status()

    return answer(await run_in_threadpool(work))


ROUTES = [
    Route("/api/live/devices", devices),
    Route("/api/live/events", status),
    Route("/api/sessions/{session}/live", play, methods=["POST"]),
]
