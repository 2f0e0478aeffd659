"""Training, notes, and who plays alone where."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bsep_stream.errors import ConfigError
from bsep_stream.studio.answers import answer, told
from bsep_stream.studio.house import house_of, session_of
from bsep_stream.studio.noteboard import give_notes, read_board, restore_notes
from bsep_stream.studio.sessionfolder import SessionFolder
from bsep_stream.studio.sessions import describe
from bsep_stream.studio.solos import mark_solo, unmark_solo

STARTS = ("start", "anew", "longer")
ORDERS = ("pause", "finish")


async def train(request: Request) -> Response:
    """Begin, go on, pause, finish: ``{"do": "start" | "anew" | "longer" | "pause" | "finish"}``."""
    folder, house, values = session_of(request), house_of(request), await told(request)
    word = values.get("do")
    if word in STARTS:
        await run_in_threadpool(house.trainings.start, folder, str(word))
    elif word in ORDERS:
        await run_in_threadpool(house.trainings.order, folder, str(word))
    else:
        raise ConfigError(f"a training is started, paused or finished, not {word!r}")
    return answer(house.trainings.state(folder))


async def solos(request: Request) -> Response:
    """Mark a passage in which one plays alone, ``{"source": "oboe", "from": 3.0, "to": 8.0}``; DELETE takes it out."""
    folder, values = session_of(request), await told(request)

    def work() -> dict[str, object]:
        (unmark_solo if request.method == "DELETE" else mark_solo)(folder, values)
        return describe(folder)

    return answer(await run_in_threadpool(work))


async def notes(request: Request) -> Response:
    """Notes of a take; whoever looks at them may correct them soon."""
    folder, take = _take(request)
    house = house_of(request)
    board = await run_in_threadpool(read_board, folder, take)
    if request.query_params.get("warm") and board["notes"]:
        await run_in_threadpool(house.trainings.warm_up, folder)
    return answer(board)


async def correct(request: Request) -> Response:
    """Give notes away, ``{"notes": [3, 4], "source": "oboe"}``, or back, ``{"restore": {"3": "oboe"}}``."""
    folder, take = _take(request)
    house, values = house_of(request), await told(request)

    def work() -> dict[str, object]:
        if "restore" in values:
            if not isinstance(values["restore"], dict):
                raise ConfigError("there are no such notes; load the page again")
            change = restore_notes(folder, take, values["restore"])
        else:
            numbers = values.get("notes")
            change = give_notes(folder, take, numbers if isinstance(numbers, list) else [], values.get("source"))
        board = read_board(folder, take)
        made: dict[str, object] = {"start": 0, "end": 0}
        if change["moved"]:
            made = house.trainings.correct(folder, take, change["start"], change["end"])
        return {**board, "moved": change["moved"], "samples": [made["start"], made["end"]]}

    return answer(await run_in_threadpool(work))


def _take(request: Request) -> tuple[SessionFolder, str]:
    folder, take = session_of(request), str(request.path_params["take"])
    if take not in folder.takes():
        raise ConfigError("there is no such recording in this session")
    return folder, take


ROUTES = [
    Route("/api/sessions/{session}/training", train, methods=["POST"]),
    Route("/api/sessions/{session}/solos", solos, methods=["POST", "DELETE"]),
    Route("/api/sessions/{session}/notes/{take}", notes),
    Route("/api/sessions/{session}/notes/{take}", correct, methods=["PUT"]),
]
