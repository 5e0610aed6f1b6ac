"""What people decided about samples: lines of an audit's decisions.jsonl, which only ever grows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from labelaudit.core.audits import Audit
from labelaudit.core.errors import DataError
from labelaudit.core.files import parse_json, read_own
from labelaudit.core.ids import unicode_of

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
    asked: Mapping[Key, float] = field(default_factory=dict)  # samples drawn by lot, and how likely a question was it


def record_decision(audit: Audit, known: Known, *, sample_id: str, asked: float | None = None) -> None:
    """Append a decision to the audit; it is on disk when this returns.

    Args:
        audit: gets a line.
        known: the decision.
        sample_id: its sample.
        asked: the sample was drawn by lot, and with which probability one question was about it; None = it was chosen.
    """
    fields = {_KEY if name == "decision" else name: unicode_of(value) for name, value in asdict(known).items()}
    drawn = {} if asked is None else {"asked": asked}
    audit.append_decision({"schema": DECISION_SCHEMA, "sample_id": sample_id, **fields, **drawn})


def read_decisions(audit: Audit) -> Decisions:
    """Return what was decided on the samples of an audit; none where there is no file.

    Raises:
        DataError: the file cannot be read, or a line is of another version of labelaudit.
    """
    path = audit.decisions_path
    try:
        lines = read_own(path).decode("utf-8").removesuffix("\n").split("\n")
    except FileNotFoundError:
        return Decisions({})
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}.") from error
    known: dict[Key, Known] = {}
    asked: dict[Key, float] = {}
    damaged = []
    for number, line in enumerate(lines, start=1):
        if not line and len(lines) == 1:
            break  # an empty file
        record = _record(line)
        if record is None:
            damaged.append(number)
            continue
        decision = _decision(record, f"{path}:{number}")
        known[decision.key] = decision
        if isinstance(drawn := record.get("asked"), float) and 0 < drawn <= 1:
            asked[decision.key] = drawn
    return Decisions(known, tuple(damaged), asked)


def _record(line: str) -> dict[str, Any] | None:
    try:
        record = parse_json(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def _decision(record: dict[str, Any], place: str) -> Known:
    if record.get("schema") != DECISION_SCHEMA or record.get(_KEY) not in DECISIONS:
        raise DataError(
            f"{place}: schema {repr(record.get('schema'))[:40]}, verdict {repr(record.get(_KEY))[:40]}; "
            f"this labelaudit reads schema {DECISION_SCHEMA}.",
            hint="Use the version of labelaudit that wrote it.",
        )
    texts = {name: record.get(name) or "" for name in Known.__dataclass_fields__ if name != "decision"}
    for name, value in texts.items():
        if not isinstance(value, str):
            raise DataError(f"{place}: {name} is {repr(value)[:60]}, expected text.", hint=_RESTORE)
    return Known(decision=record[_KEY], **{name: unicode_of(text) for name, text in texts.items()})


_RESTORE = "labelaudit writes no such line: restore the file, or remove the line."
