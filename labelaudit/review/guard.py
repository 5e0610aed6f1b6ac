"""Who may talk to the page: this machine's browser with the token, and nobody through another site.

A page on the web can make a browser send requests to 127.0.0.1. So the Host header must name this machine (a name that
an attacker's server points here does not), what changes something must come from the page itself (Origin), and every
request needs a cookie that other sites cannot have sent along (SameSite=Strict) or read (HttpOnly).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BODY = 256 * 1024  # bytes of a request: 5,000 decided samples
MOST_QUERY = 16 * 1024  # bytes of an address: names of classes may be long
_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS: Mapping[str, str] = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class Secrets:
    """What lets a browser in: the token of the address, and the cookie that it is exchanged for."""

    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    session: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    cookie: str = "labelaudit-review"  # its name; cookies of one machine are shared by all ports

    def set_cookie(self) -> str:
        """Return the value of a Set-Cookie header."""
        return f"{self.cookie}={self.session}; HttpOnly; SameSite=Strict; Path=/"


class Guard:
    """An ASGI application that lets through to another one what may pass."""

    def __init__(self, app: ASGIApp, known: Secrets) -> None:
        self._app, self._known = app, known

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # there are no web sockets here
            await send({"type": "websocket.close", "code": 1008})
            return
        headers, has_token = Headers(scope=scope), _has_token(scope, self._known)

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                sent = MutableHeaders(scope=message)
                sent.update(HEADERS)
                if has_token:
                    sent.append("set-cookie", self._known.set_cookie())
                sent.setdefault("cache-control", "no-store")
            await send(message)

        refusal = _refusal(scope, headers) or (None if has_token else self._stranger(headers))
        body = b"" if refusal else await _body(receive)
        if refusal is None and body is None:
            refusal = PlainTextResponse("The request is too large.", 413)
        if refusal is not None:
            await refusal(scope, receive, send_guarded)
            return
        await self._app(scope, _replayed(body or b"", receive), send_guarded)

    def _stranger(self, headers: Headers) -> PlainTextResponse | None:
        given = cookie_parser(headers.get("cookie", "")).get(self._known.cookie, "")
        if secrets.compare_digest(given.encode(), self._known.session.encode()):
            return None
        return PlainTextResponse("Open the address that `labelaudit review` printed: it ends in a token.", 403)


def _refusal(scope: Scope, headers: Headers) -> PlainTextResponse | None:
    """Return what a request is refused with, None where nothing is wrong with where it comes from."""
    host = headers.get("host", "")
    if _host_name(host) not in _HOSTS:
        return PlainTextResponse("This page is for 127.0.0.1 and localhost only.", 421)
    if scope["method"] not in ("GET", "HEAD", "POST"):
        return PlainTextResponse("GET and POST only.", 405)
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != host:
        return PlainTextResponse("This request comes from another site.", 403)
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and scope["path"] != "/":
        return PlainTextResponse("This request comes from another site.", 403)
    if scope["method"] == "POST":
        if origin is None:
            return PlainTextResponse("This request does not say where it comes from.", 403)
        if headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return PlainTextResponse("JSON only.", 415)
    if len(scope["query_string"]) > MOST_QUERY:
        return PlainTextResponse("The address is too long.", 414)
    return None


def _host_name(host: str) -> str:
    """Return the name of a Host header, its port left out: a tunnel has a port of its own."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _has_token(scope: Scope, known: Secrets) -> bool:
    if scope["path"] != "/" or scope["method"] != "GET":
        return False
    given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
    return secrets.compare_digest(given.encode(), known.token.encode())


async def _body(receive: Receive) -> bytes | None:
    """Return the body of a request, None for one that is too large."""
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b""
        part = message.get("body", b"")
        size += len(part)
        if size > MOST_BODY:
            return None
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Return what hands a body out that was read already, then what follows it."""
    is_read = False

    async def again() -> Message:
        nonlocal is_read
        if is_read:
            return await receive()
        is_read = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
