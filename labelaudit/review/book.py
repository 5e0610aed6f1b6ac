"""The decisions of an audit as they come: what this page writes, and what other programs append meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc

from labelaudit.core.arrays import BoolN, IntN
from labelaudit.core.arrow import text_array
from labelaudit.core.audits import Audit
from labelaudit.core.decisions import Entry, Key, Known, Opinions, parse_line, record_decisions
from labelaudit.core.errors import DataError
from labelaudit.gate.columns import FindingColumns

UNDO = "undo "  # begins the name of a stroke that takes another one back
_STEPS = 1000  # that can be taken back


@dataclass(frozen=True, slots=True)
class Step:
    """What somebody decided with one stroke: one sample, or many of a grid."""

    name: str
    who: str
    rows: tuple[int, ...]
    before: tuple[Known | None, ...]  # what they had said of each


class Book:
    """Decisions on N findings, read on from where the file was left; every method may be called by one thread only."""

    def __init__(self, audit: Audit, columns: FindingColumns, baseline: Mapping[Key, Known] | None = None) -> None:
        self._audit, self._columns = audit, columns
        self._opinions, self._steps = Opinions(), list[Step]()
        self._offset = self._lines = 0
        self._rows: dict[Key, IntN] = {}
        self._versions = np.zeros(len(columns), dtype=np.int64)  # lines when a row was decided on last
        self._seen_by: dict[str, BoolN] = {}  # by person, (N,) rows that they decided on
        self._opposed = np.zeros(len(columns), dtype=np.bool_)
        self.looked_at = np.zeros(len(columns), dtype=np.bool_)  # (N,) rows that somebody decided on
        self._settle_baseline(baseline or {})
        self.catch_up()

    def __len__(self) -> int:
        """Return how many lines there are: it grows with every decision, whoever makes it."""
        return self._lines

    def catch_up(self) -> bool:
        """Read what was appended since; returns whether there was anything.

        Raises:
            DataError: a line is of another version of labelaudit.
        """
        path = self._audit.decisions_path  # once: it is looked at closely each time
        try:
            with path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror}.") from error
        whole, newline, _ = data.rpartition(b"\n")  # a line may be half written by another program
        lines = whole.split(b"\n") if newline else []
        entries = [
            parse_line(line.decode("utf-8", "replace"), f"{path}:{number}")
            for number, line in enumerate(lines, start=self._lines + 1)
        ]
        self._find_rows({entry.known.key for entry in entries if entry is not None})
        for entry in entries:
            self._lines += 1
            if entry is not None:
                self._take(entry)
        self._offset += len(whole) + len(newline)
        return bool(newline)

    def record(self, entries: Sequence[Entry]) -> None:
        """Write decisions down; all of them are on disk when this returns."""
        record_decisions(self._audit, entries)
        self.catch_up()

    def opinions(self, row: int) -> Mapping[str, Known]:
        """Return what people say of a row, by name, the latest last."""
        return self._opinions.on(self.key(row))

    def effective(self, row: int) -> Known | None:
        """Return the decision that counts for a row, None where nobody decided."""
        said = self.opinions(row)
        return list(said.values())[-1] if said else None

    def version(self, row: int) -> int:
        """Return the number of the last line about a row, 0 = none."""
        return int(self._versions[row])

    def seen_by(self, who: str) -> BoolN:
        """Return (N,) rows that somebody decided on."""
        return self._seen_by.get(who, np.zeros(len(self._columns), dtype=np.bool_))

    @property
    def opposed(self) -> BoolN:
        """(N,) rows of which what counts is not what most people say."""
        return self._opposed

    @property
    def reviewers(self) -> tuple[str, ...]:
        """Everybody who decided on anything, in the order of their first decision."""
        return tuple(self._seen_by)

    def known(self) -> dict[Key, Known]:
        """Return the decision that counts for each sample."""
        return self._opinions.last()

    def all_opinions(self) -> Iterable[Mapping[str, Known]]:
        """Yield what people say of each sample that anybody decided on."""
        return (self._opinions.on(key) for key in self._opinions)

    def last_steps(self, who: str, n: int) -> list[Step]:
        """Return what somebody did last, the latest last."""
        return [step for step in self._steps if step.who == who][-n:]

    def step(self, name: str) -> Step | None:
        """Return what was done with one stroke; None where it is undone, too long ago, or not the last on its rows."""
        found = next((step for step in reversed(self._steps) if step.name == name), None)
        if found is None:
            return None
        later = self._steps[self._steps.index(found) + 1 :]
        overlap = any(step.who == found.who and set(step.rows) & set(found.rows) for step in later)
        return None if overlap else found

    def key(self, row: int) -> Key:
        """Return what a decision on a row is about."""
        return self._columns.content_hashes[row].as_py(), self._columns.given.text(row) or ""

    def rows_of(self, key: Key) -> IntN:
        """Return the rows that a decision is about: more than one where a content occurs twice under one label."""
        if key not in self._rows:
            self._find_rows({key})
        return self._rows[key]

    def _find_rows(self, keys: Set[Key]) -> None:
        """Look up the rows of all keys at once: one by one, thousands of decisions would take minutes."""
        new = {key for key in keys if key not in self._rows}
        if not new:
            return
        hashes, found = self._columns.content_hashes, dict[Key, list[int]]()
        if any(key[0] for key in new):
            wanted = text_array({key[0] for key in new if key[0]})
            for row in pc.indices_nonzero(pc.is_in(hashes, value_set=wanted)).to_pylist():
                found.setdefault(self.key(row), []).append(row)
        self._rows |= {key: np.array(found.get(key, []), dtype=np.int64) for key in new}

    def _take(self, entry: Entry) -> None:
        known, rows = entry.known, self.rows_of(entry.known.key)
        before = self._opinions.on(known.key).get(known.who)
        self._opinions.add(known)
        if not len(rows):
            return
        said = self._opinions.on(known.key)
        self._versions[rows] = self._lines
        self.looked_at[rows] = bool(said) or self._in_baseline[rows]
        seen = self._seen_by.setdefault(known.who, np.zeros(len(self._columns), dtype=np.bool_))
        seen[rows] = known.who in said
        self._opposed[rows] = is_disputed(said)
        self._note_step(entry, int(rows[0]), before)

    def _note_step(self, entry: Entry, row: int, before: Known | None) -> None:
        name = entry.batch or f"line {self._lines}"
        if name.startswith(UNDO):
            self._steps = [step for step in self._steps if step.name != name.removeprefix(UNDO)]
            return
        last = self._steps[-1] if self._steps else None
        if last is not None and last.name == name:
            self._steps[-1] = Step(name, last.who, (*last.rows, row), (*last.before, before))
        else:
            self._steps.append(Step(name, entry.known.who, (row,), (before,)))
            del self._steps[:-_STEPS]

    def _settle_baseline(self, baseline: Mapping[Key, Known]) -> None:
        """Note the rows that a baseline keeps a decision on: earlier audits had them looked at."""
        self._in_baseline = np.zeros(len(self._columns), dtype=np.bool_)
        settled = {key for key, known in baseline.items() if known.decision != "open" and key[0]}
        if settled:
            hashes = text_array({key[0] for key in settled})
            for row in pc.indices_nonzero(pc.is_in(self._columns.content_hashes, value_set=hashes)).to_pylist():
                self._in_baseline[row] = self.key(row) in settled
        self.looked_at |= self._in_baseline


def is_disputed(said: Mapping[str, Known]) -> bool:
    """Return whether the decision that counts, which is the last, is not that of most people.

    Args:
        said: of one sample, by name, the latest last.
    """
    meanings = [meaning(each) for each in said.values()]
    return bool(meanings) and 2 * meanings.count(meanings[-1]) <= len(meanings)


def meaning(known: Known) -> str:
    """Return what a decision comes to, so that those of two people can be compared."""
    if known.kind:
        return f"{known.kind}:"
    if known.decision == "ok":
        return f"label:{known.given_label}"
    return f"label:{known.label}" if known.label else "wrong:"
