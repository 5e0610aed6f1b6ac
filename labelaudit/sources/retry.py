"""Another try where it may help: which errors pass, how long to wait, and what to say in the end."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from labelaudit.core.seeds import numpy_generator

T = TypeVar("T")

_TRANSIENT_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
# Classes of builtins, aiohttp, botocore, requests and httpx; by name, because only one of them may be installed.
_TRANSIENT_NAMES = frozenset(
    {
        "ClientConnectionError",
        "ClientPayloadError",
        "ConnectionError",
        "HTTPClientError",
        "IncompleteRead",
        "Timeout",
        "TimeoutError",
        "TransportError",
    }
)
# What the filesystem packages raise besides OSError; they have no base class in common.
_BACKEND_ERRORS = (
    ("aiohttp", "ClientError"),
    ("azure.core.exceptions", "AzureError"),
    ("botocore.exceptions", "BotoCoreError"),
    ("botocore.exceptions", "ClientError"),
    ("gcsfs.retry", "HttpError"),
    ("google.auth.exceptions", "GoogleAuthError"),
    ("httpx", "HTTPError"),
    ("httpx2", "HTTPError"),
    ("huggingface_hub.errors", "HfHubHTTPError"),
    ("requests", "RequestException"),
)


@dataclass(frozen=True, slots=True)
class Retry:
    """How often to try, and how long to wait in between."""

    tries: int = 4
    first_wait_s: float = 0.5  # doubles with every try; multiplied by 0.5 to 1.5 at random
    most_wait_s: float = 8.0
    seed: int = 0  # of the waiting times

    def waits(self, url: str) -> Iterator[float]:
        """Yield the seconds to wait before each further try."""
        random = numpy_generator(self.seed, "retry", url)
        for attempt in range(self.tries - 1):
            yield min(self.first_wait_s * 2**attempt, self.most_wait_s) * float(random.uniform(0.5, 1.5))


class FetchError(OSError):
    """An object that could not be fetched; the text has the address, the reason and the number of tries."""

    def __init__(self, url: str, reason: str, *, status: int | None, tries: int) -> None:
        count = f" ({tries} tries)" if tries > 1 else ""
        super().__init__(f"{url}: {reason}{count}")
        self.status = status
        self.tries = tries


class ShortReadError(ConnectionError):
    """Fewer bytes than were asked for."""


def with_retries(fetch: Callable[[], T], url: str, retry: Retry) -> T:
    """Call `fetch` and return its result, with further tries after errors that may pass.

    Raises:
        FetchError: it fails for good, or as often as allowed.
    """
    waits = retry.waits(url)
    tries = 0
    while True:
        tries += 1
        try:
            return fetch()
        except FetchError:
            raise
        except _backend_errors() as error:
            status = status_of(error)
            wait = next(waits, None) if _is_transient(error, status) else None
            if wait is None:
                raise FetchError(url, _reason(error, status), status=status, tries=tries) from error
        time.sleep(wait)


def status_of(error: BaseException) -> int | None:
    """Return the HTTP status behind an error, None where there is none."""
    for cause in _causes(error):
        for answer in (cause, getattr(cause, "response", None)):
            status = _status_in(answer)
            if status is not None:
                return status
    if any(_has_transient_name(cause) for cause in _causes(error)):
        return None  # fsspec calls a web server that does not answer "not found"
    if isinstance(error, FileNotFoundError):
        return 404
    return 403 if isinstance(error, PermissionError) else None


def _status_in(answer: object) -> int | None:
    """Return the status that an error or an answer holds; backends keep it under different names."""
    if isinstance(answer, dict):  # botocore
        value = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
    else:
        names = (name for name in ("status", "status_code", "code") if hasattr(answer, name))
        value = getattr(answer, next(names, ""), None)
    is_status = isinstance(value, int | str) and str(value).isdecimal() and 400 <= int(value) < 600
    return int(value) if is_status else None


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__


def _is_transient(error: BaseException, status: int | None) -> bool:
    if status is not None:
        return status in _TRANSIENT_STATUS
    return any(_has_transient_name(cause) for cause in _causes(error))


def _has_transient_name(error: BaseException) -> bool:
    return any(kind.__name__ in _TRANSIENT_NAMES for kind in type(error).__mro__)


def _reason(error: BaseException, status: int | None) -> str:
    if status == 404:
        return "not found (404)"
    if status == 403:
        return "access denied (403)"
    if status is not None:
        return f"the server answers {status}"
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _backend_errors() -> tuple[type[Exception], ...]:
    """Return OSError and the backends' errors whose packages are loaded; an error of another one cannot occur."""
    kinds: list[type[Exception]] = [OSError]
    for module, name in _BACKEND_ERRORS:
        kind = getattr(sys.modules.get(module), name, None)
        if isinstance(kind, type) and issubclass(kind, Exception):
            kinds.append(kind)
    return tuple(kinds)
