"""`labelaudit ask`: questions whose answers tell most about all labels, drawn by lot."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

import numpy as np

from labelaudit.api.baseline import take_decisions_over
from labelaudit.api.mark import opposites_of, user_name
from labelaudit.core.audits import Audit
from labelaudit.core.decisions import Known, record_decision
from labelaudit.core.errors import ConfigError, DataError, shorten
from labelaudit.core.files import read_regular, write_text
from labelaudit.core.runs import now
from labelaudit.core.seeds import numpy_generator
from labelaudit.core.shown import out_of_cell
from labelaudit.exports.csv_cells import csv_line
from labelaudit.gate.answered import Standing, decided_rows, standing
from labelaudit.gate.columns import FindingColumns, read_columns
from labelaudit.gate.compare import positions_of
from labelaudit.gate.opened import Opened, open_audit, settings_in_force
from labelaudit.judging.asking import draw_questions

COLUMNS = ("sample_id", "path", "given_label", "suggested_label", "answer", "asked")
RIGHT, WRONG, SKIP = "y", "n", "s"
_WAVE = 10  # questions that are drawn at once; what is learnt from them goes into the next draw
_WHY = "answered a question"
_WORDS = {
    RIGHT: ("y", "yes", "ok", "right", "true", "1"),
    WRONG: ("n", "no", "wrong", "false", "0"),
    SKIP: ("", "s", "skip", "?"),
}


@dataclass(frozen=True, slots=True)
class Question:
    """Is the given label of this sample right?"""

    row: int  # of the findings
    sample_id: str
    path: str
    given_label: str
    suggested_label: str | None
    probability: float  # with which one question was about it
    number: int  # from 1
    of: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody said."""

    verdict: Literal["ok", "wrong", "skip"]
    label: str = ""  # the right label of a wrong one, where it is known


@dataclass(frozen=True, slots=True)
class Asked:
    """What was recorded, and what is believed now."""

    answered: int
    wrong: int
    skipped: int
    audit: Audit  # as the answers leave it
    noise_before: Mapping[str, Any]  # as in the summary
    noise: Mapping[str, Any]
    answers: Mapping[str, Any]  # how far people have come, as in the summary

    def __repr__(self) -> str:
        return f"<Asked: {self.answered:,} answered, {self.wrong:,} wrong, {self.skipped:,} skipped>"

    def to_dict(self) -> dict[str, Any]:
        """Return all of it, ready for JSON."""
        names = ("answered", "wrong", "skipped", "noise_before", "noise", "answers")
        return {"audit": str(self.audit.path)} | {name: getattr(self, name) for name in names}


def ask(
    n: int = 30,
    *,
    answer: Callable[[Question], Answer | None],
    audit: Audit | Path | str | None = None,
    who: str | None = None,
    config: Path | str | None = None,
    baseline: Path | str | None = None,
) -> Asked:
    """Ask about up to n samples, drawn by lot, and record each answer at once; the audit is judged with them.

    Args:
        n: questions.
        answer: says what a sample's label is; None = ask no more.
        audit: as in `check`.
        who: answers; None = git's user.name, else the name of the account.
        config: as in `check`.
        baseline: as in `check`.

    Raises:
        ConfigError: n is below 1, or as in `check`.
        DataError: as in `check`.
    """
    desk = _Desk.open(audit, who=who, config=config, baseline=baseline)
    before, counts = desk.summary()["noise"], {"ok": 0, "wrong": 0, "skip": 0}
    for question in desk.questions(_positive(n)):
        said = answer(question)
        if said is None:
            break
        counts[said.verdict] += 1
        desk.take(question, said)
    return desk.close(counts, before)


def write_questions(
    path: Path | str,
    n: int = 30,
    *,
    audit: Audit | Path | str | None = None,
    config: Path | str | None = None,
    baseline: Path | str | None = None,
) -> int:
    """Write up to n questions as a table with an empty column "answer", and return how many.

    Raises:
        ConfigError: n is below 1, or as in `check`.
        DataError: as in `check`, or the file cannot be written.
    """
    desk = _Desk.open(audit, who=None, config=config, baseline=baseline)
    questions = list(desk.questions(_positive(n), wave=n))
    rows = [
        [each.sample_id, each.path, each.given_label, each.suggested_label or "", "", f"{each.probability:.6g}"]
        for each in questions
    ]

    text = "".join(f"{csv_line(cells)}\r\n" for cells in [COLUMNS, *rows])
    try:
        write_text(Path(path).expanduser(), text)
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror}.", hint="Choose another place.") from error
    return len(questions)


def take_answers(
    path: Path | str,
    *,
    audit: Audit | Path | str | None = None,
    who: str | None = None,
    config: Path | str | None = None,
    baseline: Path | str | None = None,
) -> Asked:
    """Record the answers of a table with columns sample_id and answer: y, n, or the right class; empty = no answer.

    A column "asked", as `write_questions` makes it, says that samples were drawn by lot.

    Raises:
        ConfigError: as in `check`.
        DataError: as in `check`, or rows name no sample or no class; nothing is recorded.
    """
    desk = _Desk.open(audit, who=who, config=config, baseline=baseline)
    before, counts = desk.summary()["noise"], {"ok": 0, "wrong": 0, "skip": 0}
    answers = list(_rows_of(Path(path).expanduser(), desk))
    for question, said in answers:
        counts[said.verdict] += 1
        desk.take(question, said)
    return desk.close(counts, before)


def parse_answer(text: str, *, given: str, classes: tuple[str, ...]) -> Answer | str:
    """Return what an answer means, or in a few words why it means nothing.

    Args:
        text: y, n, s or the name of a class; "=NAME" is a class whatever it is called.
        given: the given label.
        classes: names.
    """
    said = text.strip()
    if not said.startswith("="):
        for word, words in _WORDS.items():
            if said.casefold() in words and (said not in classes or said in (RIGHT, WRONG, SKIP)):
                return {RIGHT: Answer("ok"), WRONG: Answer("wrong"), SKIP: Answer("skip")}[word]
    name = said.removeprefix("=")
    if name not in classes:
        name = {each.casefold(): each for each in classes}.get(name.casefold(), name)
    if name in classes:
        return Answer("ok") if name == given else Answer("wrong", name)
    close = get_close_matches(name, classes, n=1)
    return f"{name!r} is no class" + (f"; did you mean {close[0]!r}?" if close else "")


class _Desk:
    """An audit while questions about it are asked: it is judged anew after every wave."""

    def __init__(self, opened: Opened, audit: Audit, columns: FindingColumns, who: str | None) -> None:
        self._opened, self._audit, self._columns = opened, audit, columns
        self._who = who or user_name()
        self._taken: dict[Any, Known] = {}
        self._skipped: set[int] = set()
        self._opposite = opposites_of(audit)

    @classmethod
    def open(
        cls,
        audit: Audit | Path | str | None,
        *,
        who: str | None,
        config: Path | str | None,
        baseline: Path | str | None,
    ) -> _Desk:
        opened = open_audit(settings_in_force(config), audit, baseline=baseline)
        raw = Audit(opened.audit.path)
        return cls(opened, raw, read_columns(raw.findings_path), who)

    @property
    def columns(self) -> FindingColumns:
        """The findings, as the audit was finished."""
        return self._columns

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of all classes."""
        return tuple((self._audit.meta.get("dataset") or {}).get("classes") or self._columns.given.names)

    def standing(self) -> Standing:
        """Return the audit with all answers so far."""
        opened = open_audit(self._opened.settings, self._audit, baseline=None)
        decided = decided_rows(self._columns, {**opened.known, **self._taken})
        return standing(self._audit, self._columns, decided, opened.decisions)

    def summary(self) -> dict[str, Any]:
        """Return the summary of the audit as it was opened."""
        return self._opened.audit.summary

    def questions(self, n: int, *, wave: int = _WAVE) -> Iterator[Question]:
        """Yield up to n questions; what is taken between two waves goes into the next draw."""
        asked: set[Any] = set()
        number = 0
        while number < n:
            now = self.standing()
            rows = now.rows[now.answered.open_rows]
            without = np.isin(rows, list(self._skipped))
            rng = numpy_generator(self._seed(), "ask", len(self._opened.decisions.known), number, len(self._taken))
            drawn = draw_questions(now.answered.belief, min(wave, n - number), rng=rng, without=without)
            if not len(drawn.rows):
                return
            for place, probability in zip(drawn.rows.tolist(), drawn.probability.tolist(), strict=True):
                row = int(rows[place])
                number += 1
                self._skipped.add(row)  # not twice, whatever is said
                question = self.question(row, probability, number, n)
                key = self.key(row)
                if key in asked:  # the same content under the same label: one answer is for both
                    continue
                asked.add(key)
                yield question

    def question(self, row: int, probability: float, number: int, of: int) -> Question:
        """Return the question about a finding."""
        sample = self._columns.sample(row)
        given = sample.given_label or ""
        return Question(row, sample.sample_id, sample.path, given, sample.suggested_label, probability, number, of)

    def key(self, row: int) -> tuple[str, str]:
        """Return what a decision on a finding is about."""
        sample = self._columns.sample(row)
        return sample.content_hash, sample.given_label or ""

    def take(self, question: Question, said: Answer) -> None:
        """Record an answer; it is on disk when this returns."""
        if said.verdict == "skip":
            return
        content, label = self.key(question.row)
        right = said.label or (self._opposite.get(label, "") if said.verdict == "wrong" else "")
        known = Known(content, label, said.verdict, right, self._who, now(), _WHY, question.path)
        asked = None if np.isnan(question.probability) else question.probability
        record_decision(self._audit, known, sample_id=question.sample_id, asked=asked)
        self._taken[known.key] = known

    def close(self, counts: Mapping[str, int], before: Mapping[str, Any]) -> Asked:
        """Put the answers into the baseline, where there is one, and return what is believed now."""
        take_decisions_over(self._audit, self._opened.baseline_path, self._taken)
        now = self.standing().audit
        summary = now.summary
        answered = counts["ok"] + counts["wrong"]
        return Asked(answered, counts["wrong"], counts["skip"], now, before, summary["noise"], summary["answers"] or {})

    def _seed(self) -> int:
        return int((self._audit.meta.get("recipe") or {}).get("seed") or 0)


def _positive(n: int) -> int:
    if n < 1:
        raise ConfigError(f"{n} questions are none.", hint="labelaudit ask 30 asks thirty.")
    return n


def _rows_of(path: Path, desk: _Desk) -> Iterator[tuple[Question, Answer]]:
    """Yield the questions of a table and their answers; raises DataError naming all rows that make no sense."""
    records = _read_table(path)
    rows = positions_of([record["sample_id"] for record in records], desk.columns.sample_ids).tolist()
    found, bad = [], []
    for line, (record, row) in enumerate(zip(records, rows, strict=True), start=2):
        said = parse_answer(record["answer"], given=record_label(desk, row), classes=desk.classes) if row >= 0 else ""
        if row < 0:
            bad.append(f"line {line}: no sample {record['sample_id']!r}")
        elif isinstance(said, str):
            bad.append(f"line {line}: {said}")
        else:
            found.append((desk.question(row, _probability(record.get("asked")), line - 1, len(records)), said))
    if bad:
        hint = "An answer is y (the given label is right), n, or the right class."
        raise DataError(f"{path}: {shorten(bad)}.", hint=hint)
    yield from found


def record_label(desk: _Desk, row: int) -> str:
    """Return the given label of a finding."""
    return desk.columns.given.text(row) or ""


def _read_table(path: Path) -> list[dict[str, str]]:
    try:
        text = io.StringIO(read_regular(path).decode("utf-8-sig"), newline="")
        reader = csv.DictReader(text, delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
        records = [{name: out_of_cell(value or "") for name, value in record.items() if name} for record in reader]
        names = reader.fieldnames or []
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        text_of = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{path} cannot be read: {text_of}.", hint="labelaudit ask --write FILE makes one.") from error
    missing = [name for name in ("sample_id", "answer") if name not in names]
    if missing:
        columns = shorten(names) or "none"
        raise DataError(
            f"{path}: no column {shorten(map(repr, missing))}; columns: {columns}.",
            hint="labelaudit ask --write FILE makes such a table.",
        )
    return records


def _probability(text: str | None) -> float:
    """Return the probability of a drawn sample, NaN for one that somebody chose."""
    try:
        found = float(text or "nan")
    except ValueError:
        found = math.nan
    return found if 0 < found <= 1 else math.nan
