"""`labelaudit review`: look at suspects on a local page, and decide."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from labelaudit.api.baseline import take_decisions_over
from labelaudit.api.mark import user_name
from labelaudit.core.audits import Audit
from labelaudit.core.errors import ConfigError, DataError
from labelaudit.gate.opened import open_audit, settings_in_force

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp

PORT = 8642  # the first that is tried: a fixed one suits tunnels
_NEXT_PORTS = 20  # that are tried after it
_MOST_REQUESTS = 500  # at once; a grid asks for sixty pictures
_HOST = "127.0.0.1"  # never another: whoever is on the network has no business here


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What people decided while the page was open."""

    audit: Audit  # as their decisions leave it
    decided: int  # samples, decided on or decided otherwise
    progress: Mapping[str, Any]  # how far people have come, as in the summary


def open_review(
    audit: Audit | Path | str | None = None,
    *,
    port: int | None = None,
    reviewer: str | None = None,
    on_ready: Callable[[str], None] | None = None,
    config: Path | str | None = None,
    baseline: Path | str | None = None,
) -> Reviewed:
    """Show the suspects of an audit on a page of this machine until it is interrupted, and record what people decide.

    A decision is on disk, in the audit, before the page goes on; a baseline gets them at the end.

    Args:
        audit: as in `check`.
        port: of 127.0.0.1; None = 8642, or the next one that is free.
        reviewer: who decides; None = git's user.name, else the name of the account.
        on_ready: is called with the page's address once it answers.
        config: as in `check`.
        baseline: as in `check`.

    Raises:
        ConfigError: the port is taken, or as in `check`.
        DataError: as in `check`.
    """
    from labelaudit.review.desk import Desk
    from labelaudit.review.guard import Secrets
    from labelaudit.review.reasons import Reasons
    from labelaudit.review.server import Review, make_app
    from labelaudit.review.sight import Sight

    opened = open_audit(settings_in_force(config), audit, baseline=baseline)
    listening = _listen(port)
    number = int(listening.getsockname()[1])
    known = Secrets(cookie=f"labelaudit-review-{number}")
    desk = Desk(opened)
    before = desk.known()
    sight = Sight(desk.audit, desk.columns)
    Thread(target=sight.prepare, name="reader", daemon=True).start()
    title = Path(str(desk.audit.meta.get("source") or "data")).name
    shown = Review(desk, sight, Reasons(desk.audit, desk.columns, sight), title, reviewer or user_name())
    server = _server(make_app(shown, known))
    listening.listen(128)  # from now on a browser may knock; it waits until the server answers
    # In a thread of its own: a notebook has an event loop already, and the first one is free to hear Ctrl-C.
    ended = Event()
    Thread(target=_serve, args=(server, listening, ended), name="server", daemon=True).start()
    was_stopped = True
    try:
        with suppress(KeyboardInterrupt):  # how it ends
            if on_ready is not None:
                on_ready(f"http://{_HOST}:{number}/?token={known.token}")
            ended.wait()  # a join that Ctrl-C interrupts takes the thread for ended (Python 3.11)
            was_stopped = False  # it ended of its own accord
    finally:
        server.should_exit = True
        ended.wait()
        desk.close()
        listening.close()
    if not (server.started or was_stopped):  # who is quick stops it before it answers
        raise DataError(f"the page cannot be served on port {number}.", hint="Name another one: --port N.")
    after = desk.known()
    take_decisions_over(desk.audit, opened.baseline_path, {k: v for k, v in after.items() if v.decision != "open"})
    now = open_audit(opened.settings, Audit(desk.audit.path)).audit
    decided = sum(before.get(key) != after.get(key) for key in before.keys() | after.keys())
    return Reviewed(now, decided, now.summary["answers"] or {})


def _serve(server: uvicorn.Server, listening: socket.socket, ended: Event) -> None:
    try:
        server.run(sockets=[listening])
    finally:
        ended.set()


def _server(app: ASGIApp) -> uvicorn.Server:
    """Return a server that says nothing of its own accord and keeps nobody waiting at its end."""
    import uvicorn

    settings = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        lifespan="off",
        ws="none",
        limit_concurrency=_MOST_REQUESTS,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    return uvicorn.Server(settings)


def _listen(port: int | None) -> socket.socket:
    """Return a socket of this machine that listens; only this machine reaches it."""
    ports = range(PORT, PORT + _NEXT_PORTS) if port is None else [port]
    for number in ports:
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((_HOST, number))
        except (OSError, OverflowError) as error:
            listening.close()
            reason = getattr(error, "strerror", None) or str(error)
        else:
            return listening
    if port is None:
        raise DataError(
            f"no port from {PORT} to {PORT + _NEXT_PORTS - 1} is free: {reason}.", hint="Name one: --port N."
        )
    raise ConfigError(f"port {port} cannot be used: {reason}.", hint="Leave --port out to take one that is free.")
