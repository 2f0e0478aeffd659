"""Sessions and recordings."""

from __future__ import annotations

import shutil
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bsep_stream.errors import AudioError, ConfigError
from bsep_stream.files.atomic import whole_file
from bsep_stream.files.audiofile import Recording
from bsep_stream.studio import sessions, shelf
from bsep_stream.studio.answers import answer, events, told
from bsep_stream.studio.house import House, house_of, session_of
from bsep_stream.studio.recordings import look_at
from bsep_stream.studio.sessionfolder import SessionFolder, stamp
from bsep_stream.studio.solos import are_new
from bsep_stream.studio.soundfiles import changed_at, versions_of
from bsep_stream.studio.training import verdict_of

SPARE_BYTES = 200 * 2**20
"""Of the disk, that an upload leaves free."""


async def list_sessions(request: Request) -> Response:
    """All sessions, and whether the machine is able to train and to play live."""
    house = house_of(request)

    def look() -> dict[str, object]:
        rows = house.sessions.all()
        for row in rows:
            folder = SessionFolder(house.sessions.folder / str(row["name"]))
            row["phase"] = house.trainings.state(folder)["phase"]
        return {"folder": str(house.sessions.folder), "sessions": rows}

    return answer(await run_in_threadpool(look))


async def show_shelf(request: Request) -> Response:
    """Recordings that lie in the folder of the studio."""
    return answer(await run_in_threadpool(shelf.shelf_of, house_of(request).sessions.folder))


async def create_session(request: Request) -> Response:
    """A new session."""
    values = await told(request)
    folder = await run_in_threadpool(house_of(request).sessions.create, values.get("title", ""))
    return answer({"name": folder.name}, 201)


async def demo_session(request: Request) -> Response:
    """A new session with the recording that is shipped."""
    from bsep_stream.demo import MIX, SOURCE_NAMES

    def make() -> str:
        folder = house_of(request).sessions.create("Demo duet")
        target = sessions.add_recording(folder, "duet.flac")
        shutil.copyfile(MIX, target)
        sessions.keep_recording(folder, target)
        sessions.change(folder, {"sources": [{"name": name, "tones": 1} for name in SOURCE_NAMES]})
        return folder.name

    return answer({"name": await run_in_threadpool(make)}, 201)


async def show_session(request: Request) -> Response:
    """A session with its recordings."""
    return answer(await run_in_threadpool(sessions.describe, session_of(request)))


async def change_session(request: Request) -> Response:
    """Title, sources, time; ``rename`` gives the instruments other names, in their order, also after the training."""
    folder, values = session_of(request), await told(request)
    house = house_of(request)

    def change() -> dict[str, object]:
        if "rename" in values:
            house.rename(folder, values["rename"])
            return sessions.describe(folder)
        if "sources" in values and (folder.search.exists() or house.trainings.runs(folder)):
            known = folder.read().get("sources", [])
            if sessions.checked_sources(values["sources"]) != known:
                raise ConfigError("the training has begun with these instruments; make a new session for others")
        sessions.change(folder, values)
        return sessions.describe(folder)

    return answer(await run_in_threadpool(change))


async def delete_session(request: Request) -> Response:
    """Away with a session and all that is in it."""
    folder, house = session_of(request), house_of(request)

    def delete() -> None:
        if house.stage.owner == folder.name:
            house.stage.stop()
        house.trainings.forget(folder)
        house.sessions.delete(folder.name)

    await run_in_threadpool(delete)
    return answer()


async def upload(request: Request) -> Response:
    """A recording, as the body of the request, or one to ``pick`` from the folder of the studio."""
    folder, house = session_of(request), house_of(request)
    if folder.search.exists() or house.trainings.runs(folder):
        raise ConfigError("the training has begun; make a new session for another recording")
    if "pick" in request.query_params:
        return answer(await run_in_threadpool(_pick, house, folder, request.query_params["pick"]), 201)
    target = sessions.add_recording(folder, request.query_params.get("name", ""))
    announced = request.headers.get("content-length", "")
    free = _free_bytes(folder)
    most = min(house.largest_upload, free)
    if announced.isdigit() and int(announced) > most:
        raise _too_large(house, int(announced), free)
    with whole_file(target) as temporary:
        size = 0
        with temporary.open("wb") as file:
            async for piece in request.stream():
                size += len(piece)
                if size > most:
                    raise _too_large(house, size, free)
                file.write(piece)
        await run_in_threadpool(_check, temporary, target.name)
    await run_in_threadpool(sessions.keep_recording, folder, target)
    return answer(await run_in_threadpool(look_at, target, folder.cache), 201)


def _pick(house: House, folder: SessionFolder, name: str) -> dict[str, object]:
    """A copy of a recording that lies in the folder of the studio."""
    source = shelf.picked(house.sessions.folder, name)
    target = sessions.add_recording(folder, source.name)
    size, free = source.stat().st_size, _free_bytes(folder)
    if size > min(house.largest_upload, free):
        raise _too_large(house, size, free)
    with whole_file(target) as temporary:
        shutil.copyfile(source, temporary)
        _check(temporary, target.name)
    sessions.keep_recording(folder, target)
    return look_at(target, folder.cache)


def _free_bytes(folder: SessionFolder) -> int:
    return shutil.disk_usage(folder.path).free - SPARE_BYTES


def _check(path: Path, name: str) -> None:
    try:
        with Recording(path):
            pass
    except AudioError as error:
        raise AudioError(str(error).replace(str(path), name)) from error


def _too_large(house: House, size: int, free: int) -> ConfigError:
    if size > house.largest_upload:
        return ConfigError(f"a recording may have {house.largest_upload / 1e9:.1f} GB; cut it, or convert it to FLAC")
    return ConfigError(f"the disk is nearly full ({max(free, 0) / 1e9:.1f} GB can be used); make room and try again")


async def remove_recording(request: Request) -> Response:
    """Take a recording out of a session."""
    folder = session_of(request)
    await run_in_threadpool(sessions.remove_recording, folder, request.query_params.get("name", ""))
    return answer(await run_in_threadpool(sessions.describe, folder))


async def session_events(request: Request) -> Response:
    """How far the session is, whenever that changes."""
    folder, house = session_of(request), house_of(request)

    def look() -> dict[str, object]:
        if not folder.about.exists():
            raise ConfigError("this session was deleted")
        takes = list(folder.takes())
        return {
            "training": house.trainings.state(folder),
            "about": stamp(folder.about) // 1_000_000,
            "rack": stamp(folder.rack) // 1_000_000,
            "model": stamp(folder.model) // 1_000_000,
            "verdict": verdict_of(folder),
            "newSolos": are_new(folder),
            "stems": {
                take: {version: changed_at(folder, version, take) for version in versions_of(folder, take)}
                for take in takes
            },
            "notes": {take: stamp(folder.notes(take, corrected=True)) // 1_000_000 for take in takes},
        }

    return events(look, request)


ROUTES = [
    Route("/api/sessions", list_sessions),
    Route("/api/sessions", create_session, methods=["POST"]),
    Route("/api/shelf", show_shelf),
    Route("/api/demo", demo_session, methods=["POST"]),
    Route("/api/sessions/{session}", show_session),
    Route("/api/sessions/{session}", change_session, methods=["PUT"]),
    Route("/api/sessions/{session}", delete_session, methods=["DELETE"]),
    Route("/api/sessions/{session}/recordings", upload, methods=["POST"]),
    Route("/api/sessions/{session}/recordings", remove_recording, methods=["DELETE"]),
    Route("/api/sessions/{session}/events", session_events),
]
