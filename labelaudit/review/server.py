"""The page's server: a few addresses, each a question to the desk; a client names rows by number, never by a path."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import Any, cast

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from labelaudit.core.errors import LabelAuditError
from labelaudit.review.choices import CHOICES, Choice
from labelaudit.review.desk import About, Desk, Who
from labelaudit.review.guard import Guard, Secrets
from labelaudit.review.orders import ORDERS, Order, Wanted
from labelaudit.review.reasons import Reasons
from labelaudit.review.sight import SIDES, NotShown, Sight, Size

MOST_ITEMS = 120  # that one request is answered with
MOST_DECIDED = 1000  # samples of one stroke
_NAME, _TAB = 100, 40  # characters of a person's name, and of what tells tabs apart
_NOTE, _CLASS = 300, 200  # characters of a note, and of the name of a class that there was not
_PAGE = {
    "page.css": "text/css",
    "icon.svg": "image/svg+xml",
    **dict.fromkeys(
        ("main.js", "talk.js", "text.js", "stage.js", "grid.js", "panel.js", "chooser.js", "progress.js"),
        "text/javascript",
    ),
}
_KEEP = "private, max-age=86400, immutable"  # a picture's address has the hash of its content


class Refused(Exception):  # noqa: N818 - no error of ours
    """A request that makes no sense; says why."""


@dataclass(frozen=True, slots=True)
class Review:
    """Everything that the page asks."""

    desk: Desk
    sight: Sight
    reasons: Reasons
    title: str  # of the dataset
    reviewer: str  # who is asked unless they say another name


def make_app(review: Review, known: Secrets) -> ASGIApp:
    """Return the whole application, guarded."""
    routes = [
        Route("/", _index),
        Route("/page/{name}", _page_file),
        Route("/picture/{row:int}/{size}", _picture(review)),
        *(Route(f"/api/{name}", _answering(review, handle)) for name, handle in _QUESTIONS.items()),
        *(Route(f"/api/{name}", _answering(review, handle), methods=["POST"]) for name, handle in _STROKES.items()),
    ]
    return Guard(Starlette(routes=routes), known)


Asked = Mapping[str, Any]  # what a request says, by name
Handle = Callable[[Review, Asked], Any]


def about(review: Review, asked: Asked) -> Any:
    """What does not change: the dataset, its classes, who is asked."""
    desk = review.desk
    return {
        "title": review.title,
        "audit": desk.audit.path.name,
        "kind": review.sight.kind,
        "classes": list(desk.classes),
        "several": desk.is_several,
        "accuses": desk.accuses,
        "reviewer": review.reviewer,
        "steps": desk.last_steps(_who(asked, review)),
    }


def state(review: Review, asked: Asked) -> Any:
    """How far everybody is."""
    return review.desk.state(_who(asked, review))


def progress(review: Review, asked: Asked) -> Any:
    """The part of it that changes with every decision."""
    return review.desk.progress(_who(asked, review))


def queue(review: Review, asked: Asked) -> Any:
    """The next samples."""
    n = _number(asked, "n", 1, MOST_ITEMS, 12)
    return review.desk.queue(_wanted(asked), _who(asked, review), after=_number(asked, "after", -1, 2**40, -1), n=n)


def grid(review: Review, asked: Asked) -> Any:
    """Many samples at once."""
    n = _number(asked, "n", 1, MOST_ITEMS, 60)
    return review.desk.page(_wanted(asked), _who(asked, review), start=_number(asked, "after", -1, 2**40, -1), n=n)


def questions(review: Review, asked: Asked) -> Any:
    """Samples drawn by lot."""
    return review.desk.questions(_who(asked, review), without=_rows(review, asked.get("without", [])))


def sample(review: Review, asked: Asked) -> Any:
    """One sample, with what there is to see of it."""
    row = _row(review, asked.get("row"))
    return {"item": review.desk.item(row, _who(asked, review)), "content": review.sight.content(row)}


def why(review: Review, asked: Asked) -> Any:
    """What speaks for and against its label."""
    return review.reasons.of(_row(review, asked.get("row")))


def decide(review: Review, asked: Asked) -> Any:
    """Record a decision; it is on disk when this is answered."""
    who, choice = _who(asked, review), asked.get("choice")
    if choice not in CHOICES:
        raise Refused(f"choice {choice!r}: expected {', '.join(CHOICES)}")
    samples = _samples(review, asked.get("samples"))
    try:
        taken = review.desk.decide(
            samples,
            cast("Choice", choice),
            who,
            label=_label(asked, review, samples) if choice == "label" else None,
            note=_note(asked),
            is_question=asked.get("question") is True,
        )
    except ValueError as error:
        raise Refused(str(error)) from error
    items = review.desk.items([*taken.recorded, *taken.conflicts], who)
    return asdict(taken) | {"items": items, "progress": review.desk.progress(who)}


def undo(review: Review, asked: Asked) -> Any:
    """Take a decision back."""
    who, step = _who(asked, review), asked.get("step")
    rows = review.desk.undo(step if isinstance(step, str) else "", who)
    if rows is None:
        raise Refused("this cannot be taken back")
    return {"rows": list(rows), "items": review.desk.items(rows, who), "progress": review.desk.progress(who)}


def release(review: Review, asked: Asked) -> Any:
    """A tab was closed."""
    review.desk.release(_who(asked, review).tab)
    return {}


_QUESTIONS: Mapping[str, Handle] = {
    "about": about,
    "state": state,
    "progress": progress,
    "queue": queue,
    "grid": grid,
    "sample": sample,
    "why": why,
}
_STROKES: Mapping[str, Handle] = {"decide": decide, "undo": undo, "release": release, "questions": questions}


async def _index(request: Request) -> Response:
    del request
    return Response(_read("index.html"), media_type="text/html")


async def _page_file(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in _PAGE:  # never a path: the names are listed
        return PlainTextResponse("There is no such file.", 404)
    return Response(_read(name), media_type=_PAGE[name], headers={"cache-control": "no-cache"})


def _read(name: str) -> bytes:
    return (files("labelaudit.review") / "page" / name).read_bytes()


def _picture(review: Review) -> Callable[[Request], Response]:
    def picture(request: Request) -> Response:
        row, size = request.path_params["row"], request.path_params["size"]
        if not (review.desk.has_row(row) and size in SIDES and review.sight.has_pictures):
            return PlainTextResponse("There is no such picture.", 404)
        try:
            made = review.sight.picture(row, cast("Size", size))
        except NotShown as reason:
            return JSONResponse({"problem": reason.problem}, 410)
        return Response(made.data, media_type=made.mime, headers={"cache-control": _KEEP})

    return picture


def _answering(review: Review, handle: Handle) -> Callable[[Request], Any]:
    """Return what answers a request in a thread: decisions are synced, and pictures decoded, while others wait."""

    async def answer(request: Request) -> Response:
        try:
            asked = _object(await request.body()) if request.method == "POST" else dict(request.query_params)
            return JSONResponse(await run_in_threadpool(handle, review, asked))
        except Refused as error:
            return JSONResponse({"problem": str(error)}, 400)
        except LabelAuditError as error:
            return JSONResponse({"problem": error.problem}, 500)
        except OSError as error:
            return JSONResponse({"problem": f"It could not be written: {error.strerror or error}."}, 507)

    return answer


def _object(body: bytes) -> Asked:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused("this is not JSON") from None
    if not isinstance(value, dict):
        raise Refused("this is no JSON object")
    return value


def _who(asked: Asked, review: Review) -> Who:
    name, tab = str(asked.get("reviewer") or review.reviewer), str(asked.get("tab") or "")
    plain = " ".join(name.split())
    if not plain or len(plain) > _NAME or not plain.isprintable():
        raise Refused(f"a name has 1 to {_NAME} printable characters")
    if not 1 <= len(tab) <= _TAB or not tab.isalnum():
        raise Refused(f"tab: expected 1 to {_TAB} letters and digits")
    return Who(plain, tab)


def _label(asked: Asked, review: Review, samples: Sequence[About]) -> str:
    """Return a class: one that there is, or a new one where the page asked whether it is meant."""
    label = asked.get("label")
    if isinstance(label, str) and all(review.desk.may_be(each.row, label) for each in samples):
        return label
    if not isinstance(label, str) or asked.get("new_class") is not True or review.desk.is_several:
        raise Refused("the label is no class of the dataset")
    if label != label.strip() or not 1 <= len(label) <= _CLASS or not label.isprintable():
        raise Refused(f"a new class has 1 to {_CLASS} printable characters, and no blanks around them")
    return label


def _note(asked: Asked) -> str:
    note = asked.get("note") or ""
    if not isinstance(note, str) or len(note) > _NOTE:
        raise Refused(f"a note has at most {_NOTE} characters")
    return " ".join(note.split())


def _wanted(asked: Asked) -> Wanted:
    order = asked.get("order", "suspicion")
    if order not in ORDERS:
        raise Refused(f"order {order!r}: expected {', '.join(ORDERS)}")
    return Wanted(cast("Order", order), asked.get("given"), asked.get("suggested"))


def _number(asked: Asked, name: str, low: int, high: int, default: int) -> int:
    try:
        value = int(asked.get(name, default))
    except (TypeError, ValueError):
        raise Refused(f"{name}: expected a number") from None
    if not low <= value <= high:
        raise Refused(f"{name}: expected {low} to {high}")
    return value


def _row(review: Review, value: Any) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not review.desk.has_row(value):
        raise Refused("there is no such sample")
    return value


def _rows(review: Review, values: Any) -> list[int]:
    if not isinstance(values, list) or len(values) > MOST_DECIDED:
        raise Refused(f"expected at most {MOST_DECIDED} samples")
    return [_row(review, value) for value in values]


def _samples(review: Review, values: Any) -> list[About]:
    if not isinstance(values, list) or not 1 <= len(values) <= MOST_DECIDED:
        raise Refused(f"samples: expected 1 to {MOST_DECIDED}")
    if not all(isinstance(value, dict) and type(value.get("version")) is int for value in values):
        raise Refused("samples: expected a row and a version of each")
    return [About(_row(review, value.get("row")), value["version"]) for value in values]
