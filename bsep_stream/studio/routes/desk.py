"""Sound, effects, racks, and what one takes home."""

from __future__ import annotations

from urllib.parse import quote

import numpy as np
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from bsep_stream.effects.rack import Rack
from bsep_stream.errors import ConfigError
from bsep_stream.studio import racks
from bsep_stream.studio.answers import answer, told
from bsep_stream.studio.house import House, house_of, number, session_of, take_of
from bsep_stream.studio.parcels import MEDIA_TYPES, SOUND_FORMATS, parcel, parcel_names, whole_parcel
from bsep_stream.studio.sessionfolder import SessionFolder, stamp
from bsep_stream.studio.soundfiles import desk_of, flac_passage, passage, spectrograms
from bsep_stream.words import RESIDUAL

_KEEP = {"Cache-Control": "private, max-age=604800, immutable"}  # the address names the version of the sound


async def show_desk(request: Request) -> Response:
    """Tracks of a take."""
    return answer(await run_in_threadpool(desk_of, *take_of(request)))


async def sound(request: Request) -> Response:
    """A passage of a track as FLAC."""
    folder, version, take = take_of(request)
    start, n, track = number(request, "start"), number(request, "n"), str(request.path_params["track"])
    content = await run_in_threadpool(flac_passage, folder, version, take, track, start, n)
    return Response(content, media_type="audio/flac", headers=_KEEP)


async def samples(request: Request) -> Response:
    """A passage of a track as float32."""
    folder, version, take = take_of(request)
    start, n, track = number(request, "start"), number(request, "n"), str(request.path_params["track"])
    content = await run_in_threadpool(passage, folder, version, take, track, start, n)
    return Response(content, media_type="application/octet-stream")


async def spectra(request: Request) -> Response:
    """Spectrograms of all tracks of a take."""
    folder, version, take = take_of(request)
    content = await run_in_threadpool(spectrograms, folder, version, take)
    return Response(content, media_type="application/octet-stream", headers=_KEEP)


async def remix(request: Request) -> Response:
    """A segment of the remix as float32, one channel after the other; peaks of the stems in a header."""
    folder, version, take = take_of(request)
    start, n, desk = number(request, "start"), number(request, "n"), request.query_params.get("desk", "")[:40]
    house = house_of(request)

    def render() -> tuple[bytes, dict[str, float]]:
        stream = house.desks.stream(folder, version, take, desk, racks.read_rack(folder, stem_names(folder)))
        mix, peaks = stream.render(start, n)
        return np.ascontiguousarray(mix).astype("<f4").tobytes(), peaks

    content, peaks = await run_in_threadpool(render)
    headers = {
        "Bsep-Stems": ",".join(map(quote, peaks)),
        "Bsep-Peaks": ",".join(f"{peak:.4f}" for peak in peaks.values()),
    }
    return Response(content, media_type="application/octet-stream", headers=headers)


def stem_names(folder: SessionFolder) -> tuple[str, ...]:
    """Strips of the desk of a session."""
    return (*(source["name"] for source in folder.read()["sources"]), RESIDUAL)


async def effects(request: Request) -> Response:
    """Effects that there are, with their parameters."""
    del request
    return answer(await run_in_threadpool(racks.offered_effects))


async def show_rack(request: Request) -> Response:
    """The rack on the desk, and those that can be loaded."""
    folder = session_of(request)

    def look() -> dict[str, object]:
        rack = racks.read_rack(folder, stem_names(folder))
        return _shown(folder, rack)

    return answer(await run_in_threadpool(look))


def _shown(folder: SessionFolder, rack: Rack) -> dict[str, object]:
    at = stamp(folder.rack) // 1_000_000  # as the events of the session have it: a page knows its own changes
    return {"rack": racks.rack_dict(rack), "saved": racks.saved_racks(folder), "stamp": at}


async def change_rack(request: Request) -> Response:
    """Another rack on the desk: ``rack``, or one to ``load`` (``[kind, name]``), or ``toml``; ``save`` keeps it."""
    folder, house, values = session_of(request), house_of(request), await told(request)

    def change() -> dict[str, object]:
        names = stem_names(folder)
        if "load" in values:
            wanted = values["load"]
            if not (isinstance(wanted, list) and len(wanted) == 2 and all(isinstance(word, str) for word in wanted)):
                raise ConfigError("there is no such rack")
            rack = racks.named_rack(folder, wanted[0], wanted[1], names)
        elif "toml" in values:
            rack = racks.uploaded_rack(str(values["toml"]), names)
        else:
            rack = racks.checked_rack(values.get("rack"), names)
        _try_out(house, folder, rack)
        racks.write_rack(folder.rack, rack)
        saved = racks.save_rack(folder, str(values["save"]), rack) if values.get("save") else None
        return {**_shown(folder, rack), "name": saved}

    return answer(await run_in_threadpool(change))


def _try_out(house: House, folder: SessionFolder, rack: Rack) -> None:
    house.desks.set_rack(folder, rack)
    if house.stage.owner == folder.name:
        house.stage.load(rack)


async def parcels(request: Request) -> Response:
    """What can be taken home."""
    folder, version, take = take_of(request)
    names = await run_in_threadpool(parcel_names, folder, version, take, "wav")
    return answer({"names": names, "formats": list(SOUND_FORMATS)})


async def pack(request: Request) -> Response:
    """Make a file; ``all.zip?format=flac`` is all of them. The answer says where to fetch it, once."""
    folder, version, take = take_of(request)
    name, house = str(request.path_params["name"]), house_of(request)
    wanted = request.query_params.get("format", "wav")

    def make() -> str:
        everything = name == "all.zip"
        made = whole_parcel(folder, version, take, wanted) if everything else parcel(folder, version, take, name)
        return house.counter.leave(made, f"{folder.name}.zip" if everything else f"{folder.name}-{name}")

    return answer({"link": f"/api/parcels/{await run_in_threadpool(make)}"})


async def fetch(request: Request) -> Response:
    """What was packed."""
    path, shown, stack = house_of(request).counter.fetch(str(request.path_params["ticket"]))
    return FileResponse(
        path,
        media_type=MEDIA_TYPES.get(path.suffix, "application/octet-stream"),
        headers={"Content-Disposition": f"attachment; filename*=utf-8''{quote(shown)}"},
        background=BackgroundTask(stack.close),
    )


_TAKE = "/api/sessions/{session}/stems/{version}/{take}"

ROUTES = [
    Route("/api/effects", effects),
    Route("/api/sessions/{session}/rack", show_rack),
    Route("/api/sessions/{session}/rack", change_rack, methods=["PUT"]),
    Route(_TAKE, show_desk),
    Route(f"{_TAKE}/sound/{{track}}", sound),
    Route(f"{_TAKE}/samples/{{track}}", samples),
    Route(f"{_TAKE}/spectra", spectra),
    Route(f"{_TAKE}/remix", remix),
    Route(f"{_TAKE}/home", parcels),
    Route(f"{_TAKE}/home/{{name}}", pack, methods=["POST"]),
    Route("/api/parcels/{ticket}", fetch),
]
