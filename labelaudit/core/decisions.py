"""What people decided about samples: lines of an audit's decisions.jsonl, which only ever grows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from labelaudit.core.audits import Audit
from labelaudit.core.errors import DataError

DECISION_SCHEMA = 1
Decision = Literal["open", "ok", "wrong"]
DECISIONS: tuple[Decision, ...] = get_args(Decision)

_KEY = "verdict"  # what the file calls a decision
Key = tuple[str, str]  # content hash and given label: survives renames, and ends when the label is changed


@dataclass(frozen=True, slots=True)
class Known:
    """A sample that the gate knows: a person's decision, or a suspect that was there before."""

    content_hash: str
    given_label: str
    decision: Decision  # open = a suspect that nobody decided on; ok = the given label is right; wrong = it is not
    label: str = ""  # the right label of a wrong one, where it is known
    who: str = ""
    when: str = ""  # ISO 8601, UTC
    why: str = ""
    path: str = ""  # where the sample was then; for people, never looked up

    @property
    def key(self) -> Key:
        """What identifies the sample and its label."""
        return self.content_hash, self.given_label


@dataclass(frozen=True, slots=True)
class Decisions:
    """The decisions of an audit: of several on one sample, the last."""

    known: Mapping[Key, Known]
    damaged_lines: tuple[int, ...] = ()  # numbers from 1, of lines that a crash cut off


def record_decision(audit: Audit, known: Known, *, sample_id: str) -> None:
    """Append a decision to the audit; it is on disk when this returns."""
    fields = {_KEY if name == "decision" else name: value for name, value in asdict(known).items()}
    audit.append_decision({"schema": DECISION_SCHEMA, "sample_id": sample_id, **fields})


def read_decisions(audit: Audit) -> Decisions:
    """Return what was decided on the samples of an audit; none where there is no file.

    Raises:
        DataError: the file cannot be read, or a line is of another version of labelaudit.
    """
    path = audit.decisions_path
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return Decisions({})
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}.") from error
    known: dict[Key, Known] = {}
    damaged = []
    for number, line in enumerate(lines, start=1):
        record = _record(line)
        if record is None:
            damaged.append(number)
            continue
        decision = _decision(record, f"{path}:{number}")
        known[decision.key] = decision
    return Decisions(known, tuple(damaged))


def _record(line: str) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def _decision(record: dict[str, Any], place: str) -> Known:
    if record.get("schema") != DECISION_SCHEMA or record.get(_KEY) not in DECISIONS:
        raise DataError(
            f"{place}: schema {record.get('schema')}, verdict {record.get(_KEY)!r}; "
            f"this labelaudit reads schema {DECISION_SCHEMA}.",
            hint="Use the version of labelaudit that wrote it.",
        )
    texts = {name: str(record.get(name) or "") for name in Known.__dataclass_fields__ if name != "decision"}
    return Known(decision=record[_KEY], **texts)
