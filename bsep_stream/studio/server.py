"""The server: page, addresses, guard; on this machine unless it is shared."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from importlib.metadata import version
from importlib.resources import files

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bsep_stream.errors import BsepError, ConfigError
from bsep_stream.studio.answers import mendable
from bsep_stream.studio.guard import Guard
from bsep_stream.studio.house import House
from bsep_stream.studio.routes import desk, learning, live, session

USUAL_PORT = 8642
HERE, EVERYWHERE = "127.0.0.1", "0.0.0.0"
MEDIA_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

SHARED = ("desk.js", "mixdown.js", "spectrogram.js", "charts.js", "player.js")
"""Scripts of the report page; here they are one module."""
SHARED_NAMES = (
    *("Desk", "LOWEST_DB", "METER_DB", "bytesOf", "renderMix", "wavOf", "drawLevels", "drawPitches", "frequencyTicks"),
    *("timeTicks", "clockText", "noteText", "node", "icon", "shownName", "PLAY_ICON", "PAUSE_ICON"),
)


def make_app(house: House, token: str, hosts: Iterable[str]) -> Starlette:
    """The application.

    Parameters
    ----------
    house : House
        Is closed when the server ends.
    token : str
        Of the link.
    hosts : iterable of str
        ``name:port`` under which it may be asked.
    """

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        house.close()

    routes = [
        Route("/", page),
        Route("/page/{name}", asset),
        Route("/favicon.ico", icon),
        *session.ROUTES,
        *learning.ROUTES,
        *desk.ROUTES,
        *live.ROUTES,
    ]
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Guard, token=token, hosts=tuple(hosts))],
        exception_handlers={BsepError: mendable, OSError: mendable},
        lifespan=lifespan,
    )
    app.state.house = house
    app.state.ending = False
    return app


async def page(request: Request) -> Response:
    """The page; what it shows depends on the part of the address behind #."""
    del request
    text = files("bsep_stream.studio.page").joinpath("index.html").read_text(encoding="utf-8")
    return Response(text.replace("{{version}}", version("bsep-stream")), media_type="text/html")


async def asset(request: Request) -> Response:
    """Style and scripts of the page."""
    name = str(request.path_params["name"])
    suffix = name[name.rfind(".") :]
    if name == "shared.js":
        folder = files("bsep_stream.report.page")
        parts = [folder.joinpath(each).read_text(encoding="utf-8") for each in SHARED]
        return Response("\n".join([*parts, f"export {{ {', '.join(SHARED_NAMES)} }};\n"]), media_type="text/javascript")
    place = "bsep_stream.report.page" if name == "page.css" else "bsep_stream.studio.page"
    file = files(place).joinpath(name)
    if suffix not in MEDIA_TYPES or "/" in name or "\\" in name or name.startswith(".") or not file.is_file():
        return PlainTextResponse("There is no such file.", 404)
    return Response(file.read_bytes(), media_type=MEDIA_TYPES[suffix])


async def icon(request: Request) -> Response:
    """What browsers ask for beside answers that name no icon, a plain text in a tab of its own."""
    del request
    drawn = files("bsep_stream.studio.page").joinpath("icon.svg").read_bytes()
    return Response(drawn, media_type=MEDIA_TYPES[".svg"])


def listening_socket(port: int | None, share: bool) -> socket.socket:
    """A socket on this machine; by default on the usual port, or any other where that is taken.

    Raises
    ------
    ConfigError
        A port that is taken or not allowed.
    """
    wanted = [USUAL_PORT, 0] if port is None else [port]
    for number in wanted:
        found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if os.name == "posix":  # elsewhere it would let others take the port
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind((EVERYWHERE if share else HERE, number))
        except OSError as error:
            found.close()
            if number == wanted[-1]:
                raise ConfigError(f"port {number} cannot be used ({error.strerror}); give another --port") from error
            continue
        found.set_inheritable(True)
        return found
    raise AssertionError("the loop ends or raises")


def own_address() -> str:
    """Address of this machine in its own network: that of the way out. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way_out:
        try:
            way_out.connect(("192.0.2.1", 9))
            return str(way_out.getsockname()[0])
        except OSError as error:
            raise ConfigError("this machine is in no network, so there is nobody to share with") from error


def serve(
    app: Starlette, listening: socket.socket, on_start: Callable[[], None], until: threading.Event | None = None
) -> None:
    """Answer until Ctrl-C, or until an event is set.

    Parameters
    ----------
    app : Starlette
    listening : socket
    on_start : callable
        Called when it answers.
    until : Event, optional
    """
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, timeout_graceful_shutdown=2, server_header=False, lifespan="on"
    )

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            on_start()

        async def on_tick(self, counter: int) -> bool:
            self.should_exit |= until is not None and until.is_set()
            app.state.ending = self.should_exit  # else streams of events would be waited for
            return await super().on_tick(counter)

    Server(config).run(sockets=[listening])
