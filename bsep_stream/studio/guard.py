"""Who may speak to the server: whoever has the link. Nothing from other pages, other names, other machines.

A page on the net can make a browser send requests to 127.0.0.1, and can point a name of its own there. So every request
must have a Host that is ours, no Origin but ours, and the token: once in the link, from then on in a cookie.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE_SECONDS = 30 * 24 * 3600
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""No code from anywhere else, and none that stands in the page."""

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}

OWN_NAMES = ("127.0.0.1", "localhost")

WELCOME = (
    '<!doctype html><title>bsep studio</title><link rel="icon" href="/page/icon.svg" type="image/svg+xml">'
    '<meta http-equiv="refresh" content="0;url=/"><p>Come in.'
)
REFUSED = "This is not the link of this studio: open the one that `bsep studio` printed in its terminal."


def new_token() -> str:
    """Of 192 bits, for a link."""
    return secrets.token_urlsafe(24)


class Guard:
    """ASGI middleware that lets the holder of the token in.

    Parameters
    ----------
    app : ASGI application
    token : str
    hosts : iterable of str
        ``name:port`` as browsers send it.
    """

    def __init__(self, app: ASGIApp, token: str, hosts: Iterable[str]) -> None:
        self._app, self._token = app, token
        self._hosts = {host.lower() for host in hosts}
        port = next(iter(self._hosts)).rpartition(":")[2]
        self._cookie = f"bsep_studio_{port}"  # cookies do not tell ports apart

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or hand on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        response = self._refusal(scope)
        sending = _with_headers(send, _headers(scope))
        await (self._app if response is None else response)(scope, receive, sending)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "").lower()
        if host not in self._hosts:
            return PlainTextResponse("This server does not go by that name.", 421)
        origin = headers.get("origin")
        if origin is not None and origin.lower() != f"http://{host}":
            return PlainTextResponse("Another page may not speak to this studio.", 403)
        if headers.get("sec-fetch-site", "same-origin") == "cross-site" and scope["path"] != "/":
            return PlainTextResponse("Another page may not speak to this studio.", 403)
        if scope["path"] == "/" and scope["method"] in ("GET", "HEAD"):
            given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
            if self._same(given):
                response = HTMLResponse(WELCOME)  # goes on by itself: a redirect from another site brings no cookie
                response.set_cookie(
                    self._cookie, self._token, max_age=COOKIE_SECONDS, httponly=True, samesite="strict", path="/"
                )
                return response
        if not self._same(self._from_cookie(headers.get("cookie", ""))):
            return PlainTextResponse(REFUSED, 403)
        return None

    def _same(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self._token.encode())

    def _from_cookie(self, text: str) -> str:
        try:
            found = SimpleCookie(text).get(self._cookie)
        except CookieError:
            return ""
        return "" if found is None else found.value


def _headers(scope: Scope) -> dict[str, str]:
    """Browsers take one of them from this machine only, and complain elsewhere."""
    name = Headers(scope=scope).get("host", "").rpartition(":")[0]
    return {**HEADERS, "Cross-Origin-Opener-Policy": "same-origin"} if name in OWN_NAMES else HEADERS


def _with_headers(send: Send, own: dict[str, str]) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in own.items():
                headers.setdefault(name, value)
            headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return sending
