"""An audit while people look at it: what is next, what they say, how far they are. Safe to call from many threads."""

from __future__ import annotations

import math
import secrets
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from labelaudit.core.arrays import BoolN
from labelaudit.core.audits import Audit
from labelaudit.core.decisions import WITHDRAWN, Decisions, Entry, Key, Known
from labelaudit.core.runs import now
from labelaudit.core.seeds import numpy_generator
from labelaudit.core.several import label_numbers, several_of
from labelaudit.gate.columns import FindingColumns, read_columns
from labelaudit.gate.opened import Opened
from labelaudit.judging.asking import draw_questions
from labelaudit.review.agreement import agreements
from labelaudit.review.book import UNDO, Book
from labelaudit.review.choices import Choice, choice_of, known_of
from labelaudit.review.leases import Leases
from labelaudit.review.orders import Orders, Wanted
from labelaudit.review.reckoner import Reckoner, Snapshot

PAIRS = 300  # of labels that are listed
_WAVE = 10  # questions that are drawn at once; what is learnt from them goes into the next draw


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody at a tab of the browser."""

    name: str
    tab: str


@dataclass(frozen=True, slots=True)
class About:
    """A sample as somebody has it before them."""

    row: int
    version: int  # of what was decided on it when it was shown


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a stroke."""

    step: str  # its name, to take it back by
    recorded: tuple[int, ...]  # rows
    conflicts: tuple[int, ...]  # rows that somebody decided on after they were shown; nothing was recorded of them


class Desk:
    """An audit, its decisions, and who has which sample before them."""

    def __init__(self, opened: Opened) -> None:
        raw = Audit(opened.audit.path)
        self._lock = threading.RLock()
        decided_here = opened.decisions.known
        self._baseline = {key: known for key, known in opened.known.items() if key not in decided_here}
        self._asked: dict[int, float] = {}  # questions that were drawn here, and their probability
        self._asked_before = dict(opened.decisions.asked)
        self._leases = Leases()
        self.audit = raw
        self.columns: FindingColumns = opened.columns
        self._scanned = opened.columns.scanned
        self.classes = tuple((raw.meta.get("dataset") or {}).get("classes") or opened.columns.given.names)
        self._known_classes = frozenset(self.classes)
        self.is_several = several_of(raw.meta) is not None  # a row asks whether a sample has one of its labels
        self._orders = Orders(opened.columns)
        self._book = Book(raw, opened.columns, self._baseline)
        self._reckoner = Reckoner(raw, read_columns(raw.findings_path), self._snapshot)

    def close(self) -> None:
        """Stop reckoning."""
        self._reckoner.stop()

    @property
    def accuses(self) -> bool:
        """Whether there is any suspect; else there is a ranking only."""
        return bool(self._orders.suspect.any())

    def has_row(self, row: int) -> bool:
        """Whether a row is one that can be looked at."""
        return 0 <= row < len(self.columns) and bool(self._scanned[row])

    def has_class(self, name: str) -> bool:
        """Whether a label is one of the dataset's, or one that people named since."""
        return name in self._known_classes or name in self.new_classes()

    def may_be(self, row: int, label: str) -> bool:
        """Whether a label may be said of a row; where a row asks about one of several labels, it is there or not."""
        if not self.is_several:
            return self.has_class(label)
        about = label_numbers(self.classes)
        return label in about and about.get(self.columns.given.text(row) or "") == about[label]

    def new_classes(self) -> list[str]:
        """Return the labels that decisions name and the dataset does not know, sorted."""
        with self._reading():
            known = [*self._baseline.values(), *self._book.known().values()]
        return sorted({each.label for each in known if each.label} - self._known_classes)

    def queue(self, wanted: Wanted, who: Who, *, after: int, n: int) -> dict[str, Any]:
        """Return the next samples of an order, which are this tab's from now on, and where to go on.

        Args:
            wanted: which samples, in which order.
            who: asks.
            after: place in the order behind which to begin, -1 = at its beginning.
            n: samples at the most.
        """
        with self._reading():
            rows = self._orders.rows(wanted)
            places = np.flatnonzero(self._open_to(wanted, who)[rows])
            left = len(places)
            free = ~self._leases.elsewhere(who.tab, len(self.columns))
            places = places[(places > after) & free[rows[places]]][:n]
            chosen = rows[places].tolist()
            self._leases.take(who.tab, chosen)
            return {
                "items": [self._item(row, who) for row in chosen],
                "after": int(places[-1]) if len(places) else after,
                "left": left,
            }

    def page(self, wanted: Wanted, who: Who, *, start: int, n: int) -> dict[str, Any]:
        """Return some open samples of an order for a grid, which nobody has to themselves.

        Args:
            wanted: which samples, in which order.
            who: asks.
            start: place behind which to begin, as in `queue`.
            n: samples at the most.
        """
        with self._reading():
            rows = self._orders.rows(wanted)
            places = np.flatnonzero(self._open_to(wanted, who)[rows])
            left = len(places)
            places = places[places > start][:n]
            self._leases.renew(who.tab)
            return {
                "items": [self._item(int(row), who) for row in rows[places]],
                "after": int(places[-1]) if len(places) else start,
                "left": left,
            }

    def questions(self, who: Who, *, without: Sequence[int]) -> dict[str, Any]:
        """Return samples drawn by lot, whose answers tell most of all labels.

        Args:
            who: asks.
            without: rows that this tab was asked about already.
        """
        now_ = self._reckoner.standing()
        if now_ is None:
            return {"items": []}
        with self._reading():
            rows = now_.rows[now_.answered.open_rows]
            busy = self._leases.elsewhere(who.tab, len(self.columns)) | self._book.looked_at
            busy[list(without)] = True
            seed = int((self.audit.meta.get("recipe") or {}).get("seed") or 0)
            rng = numpy_generator(seed, "review", len(self._book), len(without), who.tab)
            drawn = draw_questions(now_.answered.belief, _WAVE, rng=rng, without=busy[rows])
            chosen = rows[drawn.rows].tolist()
            self._asked |= dict(zip(chosen, drawn.probability.tolist(), strict=True))
            self._leases.take(who.tab, chosen)
            return {"items": [self._item(row, who) for row in chosen]}

    def item(self, row: int, who: Who) -> dict[str, Any]:
        """Return one sample."""
        with self._reading():
            return self._item(row, who)

    def items(self, rows: Sequence[int], who: Who) -> list[dict[str, Any]]:
        """Return some samples."""
        with self._reading():
            return [self._item(row, who) for row in rows]

    def decide(
        self,
        about: Sequence[About],
        choice: Choice,
        who: Who,
        *,
        label: str | None = None,
        note: str = "",
        is_question: bool = False,
    ) -> Taken:
        """Record what somebody says of samples; it is on disk when this returns.

        Args:
            about: the samples.
            choice: what is said of all of them.
            who: says it.
            label: the right one, for the choice "label".
            note: why, in the person's own words.
            is_question: the samples were drawn by lot, not chosen.

        Raises:
            ValueError: a sample has no suggestion to accept.
        """
        with self._reading():
            conflicts = [each.row for each in about if self._book.version(each.row) != each.version]
            rows = [each.row for each in about if each.row not in set(conflicts)]
            when, step = now(), secrets.token_hex(8)
            entries = []
            for row in dict.fromkeys(rows):
                known = known_of(choice, label, self.columns, row, who=who.name, when=when, note=note)
                entries.append(self._entry(row, known, step, is_question))
            self._record(entries)
            self._leases.done(who.tab, [each.row for each in about])
            return Taken(step, tuple(rows), tuple(conflicts))

    def undo(self, step: str, who: Who) -> tuple[int, ...] | None:
        """Take a stroke back: every sample is as this person had left it before; None where it cannot be done.

        Args:
            step: its name.
            who: did it.
        """
        with self._reading():
            found = self._book.step(step)
            if found is None or found.who != who.name:
                return None
            when = now()
            entries = []
            for row, before in zip(found.rows, found.before, strict=True):
                known = before or Known(*self._book.key(row), "open", kind=WITHDRAWN)
                again = _again(known, who=who.name, when=when, path=self.columns.paths[row].as_py())
                entries.append(self._entry(row, again, UNDO + step, is_question=False))
            self._record(entries)
            self._leases.take(who.tab, found.rows)
            return found.rows

    def last_steps(self, who: Who, n: int = 100) -> list[dict[str, Any]]:
        """Return what somebody did last, the latest last: they may take it back after a restart."""
        with self._reading():
            return [{"step": each.name, "rows": list(each.rows)} for each in self._book.last_steps(who.name, n)]

    def release(self, tab: str) -> None:
        """Note that a tab was closed."""
        with self._lock:
            self._leases.drop(tab)

    def state(self, who: Who) -> dict[str, Any]:
        """Return how far people have come: what they left open, by pair and in all, and how far they agree."""
        with self._reading():
            self._leases.renew(who.tab)
            open_ = ~self._book.looked_at
            suspect = self._orders.suspect
            return {
                "version": len(self._book),
                "suspects": int(suspect.sum()),
                "suspects_open": int((suspect & open_).sum()),
                "second": int(self._second(who).sum()),
                "disagreements": int(self._book.opposed.sum()),
                "reviewers": list(self._book.reviewers),
                "new_classes": self.new_classes(),
                "agreement": [asdict(each) for each in agreements(self._book.all_opinions())],
                "pairs": [asdict(each) for each in self._orders.pairs(open_, PAIRS)],
                "progress": self._reckoner.progress(),
            }

    def progress(self, who: Who) -> dict[str, Any]:
        """Return what changes with every decision."""
        with self._reading():
            self._reckoner.begin()
            self._leases.renew(who.tab)
            open_ = int((self._orders.suspect & ~self._book.looked_at).sum())
            return {
                "version": len(self._book),
                "suspects": int(self._orders.suspect.sum()),
                "suspects_open": open_,
                "progress": self._reckoner.progress(),
            }

    def known(self) -> dict[Key, Known]:
        """Return the decision that counts for each sample that somebody decided on in this audit."""
        with self._reading():
            return self._book.known()

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Hold the desk, with everything on it that other programs wrote meanwhile."""
        with self._lock:
            if self._book.catch_up():
                self._reckoner.wake()
            yield

    def _record(self, entries: Sequence[Entry]) -> None:
        if entries:
            self._book.record(entries)
            self._asked_before |= {each.known.key: each.asked for each in entries if each.asked is not None}
            self._reckoner.wake()

    def _entry(self, row: int, known: Known, step: str, is_question: bool) -> Entry:  # noqa: FBT001
        asked = self._asked.get(row) if is_question else None
        return Entry(known, self.columns.sample_ids[row].as_py(), asked, step)

    def _open_to(self, wanted: Wanted, who: Who) -> BoolN:
        """Return (N,) the rows that somebody is to look at in an order."""
        if wanted.order == "second":
            return self._second(who)
        if wanted.order == "disagreement":
            return self._book.opposed
        return ~self._book.looked_at

    def _second(self, who: Who) -> BoolN:
        """Return (N,) rows that others decided on, and this person did not."""
        decided = np.zeros(len(self.columns), dtype=np.bool_)
        for name in self._book.reviewers:
            decided |= self._book.seen_by(name)
        return decided & ~self._book.seen_by(who.name)

    def _item(self, row: int, who: Who) -> dict[str, Any]:
        sample, said = self.columns.sample(row), self._book.opinions(row)
        mine = said.get(who.name)
        return {
            "row": row,
            "version": self._book.version(row),
            "id": sample.sample_id,
            "path": sample.path,
            "hash": sample.content_hash[:16],
            "given": sample.given_label,
            "suggested": sample.suggested_label,
            "clean_prob": sample.clean_prob,
            "suggested_prob": sample.suggested_prob,
            "rank": sample.rank,
            "issue": sample.issue,
            "detail": sample.detail,
            "is_suspect": bool(self._orders.suspect[row]),
            "mine": None if mine is None else choice_of(mine),
            "others": [choice_of(each) for name, each in said.items() if name != who.name],
        }

    def _snapshot(self) -> Snapshot:
        with self._lock:
            decided = self._book.known()
            known = {**self._baseline, **decided}
            return len(self._book), known, Decisions(decided, asked=dict(self._asked_before))


def _again(known: Known, *, who: str, when: str, path: str) -> Known:
    """Return a decision that is said once more."""
    return Known(
        known.content_hash, known.given_label, known.decision, known.label, who, when, known.why, path, known.kind
    )


def finite(value: float | None) -> float | None:
    """Return a number that JSON knows, None for one that it does not."""
    return None if value is None or not math.isfinite(value) else value
