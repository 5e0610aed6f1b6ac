"""What a run says of itself while it goes on: a JSON file of its status, and a file of its events.

Audits, trainings and reproductions share it. Their status is running, interrupted, failed or finished.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from labelaudit.core.errors import DataError, damaged
from labelaudit.core.files import append_line, own_path, parse_json, read_own, write_json
from labelaudit.core.shape import Misfit, Shape, anything
from labelaudit.core.version import VERSION


def now() -> str:
    """Return the time as people's notes and results have it: UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def exact_now() -> str:
    """Return the time as runs note it: UTC, to the microsecond."""
    return datetime.now(UTC).isoformat()


@dataclass(frozen=True, slots=True)
class Account:
    """The file that a run keeps of itself; making one reads nothing."""

    path: Path  # audit.json, train.json, run.json
    kind: str  # "audit", for messages
    schema: int
    again: str  # what to do where the file is damaged
    shape: Shape = anything  # what it must hold, where it says so at all

    def begin(self, facts: Mapping[str, Any]) -> None:
        """Write a new file, with the schema and the status "running" before the facts."""
        write_json(own_path(self.path), {"schema": self.schema, "status": "running", **facts, "labelaudit": VERSION})

    def read(self) -> dict[str, Any]:
        """Read the file, anew each time: another program may be writing it.

        Raises:
            DataError: it is missing, damaged or of another schema.
        """
        try:
            meta = parse_json(read_own(self.path))
        except OSError as error:
            raise DataError(f"{self.path} cannot be read: {error.strerror}.", hint=self._whose()) from error
        except ValueError as error:
            raise damaged(self.path, error, hint=self.again) from error
        if not isinstance(meta, dict) or "status" not in meta:
            raise damaged(self.path, "it has no status", hint=self.again)
        if meta.get("schema", 1) != self.schema:  # the first reproductions noted none
            raise DataError(
                f"{self.path} has {self.kind} schema {meta['schema']}; this labelaudit reads schema {self.schema}.",
                hint=f"It was written by labelaudit {meta.get('labelaudit')}; use that version.",
            )
        try:
            self.shape(meta, "")
        except Misfit as error:
            raise damaged(self.path, error, hint=self.again) from error
        return meta

    def read_unfinished(self) -> dict[str, Any]:
        """Read the file; raises ValueError once the run has finished."""
        meta = self.read()
        if meta["status"] == "finished":
            raise ValueError(f"{self.path.parent.name} has finished and is never changed")
        return meta

    def update(self, **facts: Any) -> None:
        """Change what the file says; raises ValueError once the run has finished."""
        write_json(own_path(self.path), self.read_unfinished() | facts)

    def stop(self, status: Literal["failed", "interrupted"], text: str) -> None:
        """Note that the run ended before its time, and why."""
        self.update(status=status, finished=exact_now(), error=text)

    def finish(self, *, seal: tuple[str, Callable[[Mapping[str, Any]], str]] | None = None, **facts: Any) -> None:
        """Note that the run is done, for good.

        Args:
            seal: a key, and what makes its value of all the others.
            **facts: what else the file says from now on.
        """
        whole = self.read_unfinished() | {"status": "finished", "finished": exact_now(), "error": None, **facts}
        if seal is not None:
            whole |= {seal[0]: seal[1](whole)}
        write_json(own_path(self.path), whole)

    def append_event(self, record: Mapping[str, Any]) -> None:
        """Add one line to events.jsonl beside the file."""
        append_line(self.path.with_name("events.jsonl"), record)

    def _whose(self) -> str:
        return f"Is this the folder of {'an' if self.kind[0] in 'aeiou' else 'a'} {self.kind}?"
