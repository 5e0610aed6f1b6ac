"""What people decided about samples: lines of an audit's decisions.jsonl, which only ever grows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

from labelaudit.core.errors import DataError
from labelaudit.core.files import parse_json, read_own
from labelaudit.core.ids import unicode_of

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

DECISION_SCHEMA = 1
Decision = Literal["open", "ok", "wrong"]
DECISIONS: tuple[Decision, ...] = get_args(Decision)

# What a decision says beyond its verdict. An older reader, which knows the verdict alone, takes ambiguous and withdrawn
# ones for open, and a dropped one for wrong without a right label.
AMBIGUOUS, DROP, WITHDRAWN = "ambiguous", "drop", "withdrawn"

_KEY = "verdict"  # what the file calls a decision
Key = tuple[str, str]  # content hash and given label: survives renames, and ends when the label is changed


class Audit(Protocol):
    """The folder that keeps decisions; `core/audits.py` has it, and imports this file."""

    @property
    def decisions_path(self) -> Path:
        """Where they are; raises DataError where a link leads elsewhere."""

    def append_decisions(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Add lines to decisions.jsonl, all at once."""


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
    kind: str = ""  # ambiguous = looked at, and open still; drop = wrong, fits no class; withdrawn = taken back

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
    withdrawn: Mapping[Key, str] = field(default_factory=dict)  # nothing stands any more, and when it was taken back


@dataclass(frozen=True, slots=True)
class Entry:
    """One decision as it is written down."""

    known: Known
    sample_id: str
    asked: float | None = None  # the sample was drawn by lot, with this probability a question; None = it was chosen
    batch: str = ""  # names decisions that were made with one stroke


class Opinions:
    """What each person says of each sample: their last word, unless they took it back."""

    def __init__(self) -> None:
        self._of: dict[Key, dict[str, Known]] = {}
        self.withdrawn: dict[Key, str] = {}  # samples of which nothing stands any more, and since when

    def add(self, known: Known) -> None:
        """Take the next decision in; the latest of all people stands last."""
        said = self._of.setdefault(known.key, {})
        said.pop(known.who, None)
        if known.kind != WITHDRAWN:
            said[known.who] = known
            self.withdrawn.pop(known.key, None)
        elif not said:
            del self._of[known.key]
            self.withdrawn[known.key] = known.when

    def on(self, key: Key) -> Mapping[str, Known]:
        """Return what people say of a sample, by name, the latest last."""
        return self._of.get(key, {})

    def last(self) -> dict[Key, Known]:
        """Return the decision that counts for each sample: the latest that stands."""
        return {key: next(reversed(said.values())) for key, said in self._of.items()}

    def __iter__(self) -> Iterator[Key]:
        return iter(self._of)


def record_decision(audit: Audit, known: Known, *, sample_id: str, asked: float | None = None) -> None:
    """Append a decision to the audit; it is on disk when this returns.

    Args:
        audit: gets a line.
        known: the decision.
        sample_id: its sample.
        asked: the sample was drawn by lot, and with which probability one question was about it; None = it was chosen.
    """
    record_decisions(audit, [Entry(known, sample_id, asked)])


def record_decisions(audit: Audit, entries: Iterable[Entry]) -> None:
    """Append several decisions to the audit; all of them are on disk when this returns."""
    audit.append_decisions(map(_line, entries))


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
    opinions = Opinions()
    asked: dict[Key, float] = {}
    damaged = []
    for number, line in enumerate(lines, start=1):
        if not line and len(lines) == 1:
            break  # an empty file
        entry = parse_line(line, f"{path}:{number}")
        if entry is None:
            damaged.append(number)
            continue
        opinions.add(entry.known)
        if entry.asked is not None:
            asked[entry.known.key] = entry.asked
    return Decisions(opinions.last(), tuple(damaged), asked, opinions.withdrawn)


def decisions_frame(frame: pd.DataFrame, known: Mapping[Key, Known]) -> pd.DataFrame:
    """Return the decisions that stand: one row for each finding that somebody decided on, in the order of the findings.

    Args:
        frame: findings.
        known: the decisions.

    Returns:
        sample_id, path, given_label, decision (ok, wrong, open), label, kind, who, when, why.
    """
    keys = zip(frame["content_hash"], frame["given_label"].fillna(""), strict=True)
    found = [known.get(key) if key[0] else None for key in keys]
    rows = [place for place, each in enumerate(found) if each is not None]
    decided = frame.iloc[rows][["sample_id", "path", "given_label"]].reset_index(drop=True)
    names = ("decision", "label", "kind", "who", "when", "why")
    return decided.assign(**{name: [getattr(found[place], name) for place in rows] for name in names})


def parse_line(line: str, place: str) -> Entry | None:
    """Return the decision of one line; None where a crash cut it off.

    Args:
        line: of decisions.jsonl.
        place: what to call it in an error.

    Raises:
        DataError: it is of another version of labelaudit.
    """
    try:
        record = parse_json(line)
    except ValueError:
        return None
    if not isinstance(record, dict):
        return None
    asked = record.get("asked")
    return Entry(
        _decision(record, place),
        str(record.get("sample_id") or ""),
        asked if isinstance(asked, float) and 0 < asked <= 1 else None,
        str(record.get("batch") or ""),
    )


def _line(entry: Entry) -> dict[str, Any]:
    fields = {_KEY if name == "decision" else name: unicode_of(value) for name, value in asdict(entry.known).items()}
    if not fields["kind"]:
        del fields["kind"]
    drawn = {} if entry.asked is None else {"asked": entry.asked}
    batch = {"batch": entry.batch} if entry.batch else {}
    return {"schema": DECISION_SCHEMA, "sample_id": entry.sample_id, **fields, **drawn, **batch}


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
