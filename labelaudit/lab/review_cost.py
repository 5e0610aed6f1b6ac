"""What mending costs a person who is always right: keystrokes and looks on the review page, and in a spreadsheet.

    python -m labelaudit.lab.review_cost AUDIT TRUTH.csv

AUDIT is a finished audit's folder, TRUTH.csv what `labelaudit plant` wrote. Every decision is made on a copy of it
by the desk that serves the page, in its own orders, until a share of the wrong labels has its right one.

What is counted:

- A look is one picture that is seen, large, as a tile of the grid, or opened from the spreadsheet.
- A stroke is one key or one click. On the page one key decides; a class that is not offered costs C, as many letters
  as bring it to the top of the list, and Enter. Going on behind the last suspect costs Enter.
- In the grid every tile of a screen is seen. The largest group with the same answer is decided first: its tiles are
  clicked one by one, or E selects all and the others are clicked away, whichever is less; then one key. G opens the
  grid, two strokes choose the next pair, largest first. What is no suspect is in no pair: it follows one by one.
- In suspect.csv, from the top: a click opens the picture, a key closes it, the word of the decision is typed and Enter
  goes to the next row; another class costs Tab and its name in the next cell. Words are completed from their first
  letters, as spreadsheets do; typed in full, each letter counts. Nothing is counted for saving and reading it back.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelaudit.core.audits import Audit
from labelaudit.gate.opened import open_audit, settings_in_force
from labelaudit.review.choices import Choice
from labelaudit.review.desk import About, Desk, Who
from labelaudit.review.orders import Wanted
from labelaudit.review.reasons import Reasons
from labelaudit.review.sight import Sight

SHARES = (0.5, 0.75, 0.9)  # of the wrong labels
_ME = Who("simulated", "tab")
_ONE, _GRID = 12, 60  # samples that the page fetches at once
_OFFERED = 5  # other classes with a key of their own
Way = Callable[[Desk, Mapping[str, str]], Iterator["Spent"]]


@dataclass(frozen=True, slots=True)
class Spent:
    """What a step costs and brings, or many of them."""

    looks: int = 0
    strokes: int = 0
    mended: int = 0  # wrong labels that have their right one now

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.looks + other.looks, self.strokes + other.strokes, self.mended + other.mended)


@dataclass(frozen=True, slots=True)
class Said:
    """What the person says of a sample, and the strokes from the page to the decision."""

    choice: Choice
    label: str | None
    strokes: int


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("audit", type=Path)
    parser.add_argument("truth", type=Path)
    asked = parser.parse_args()
    with asked.truth.open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    truth = {row["sample_id"]: row["true_label"] for row in rows}
    wrong = sum(row["given_label"] != row["true_label"] for row in rows)
    sys.stdout.write(table(costs(asked.audit, truth), wrong))
    return 0


def costs(audit: Path, truth: Mapping[str, str]) -> dict[str, list[Spent]]:
    """Return what was spent after every step, in all, by way of mending."""
    with tempfile.TemporaryDirectory(prefix="labelaudit-review-cost-") as root:
        sheet = _sheet(_copy(audit, Path(root) / "sheet"))
        return {
            "page, worst first": _sums(_at_a_desk(_copy(audit, Path(root) / "one"), one_by_one, truth)),
            "page, grid by pair": _sums(_at_a_desk(_copy(audit, Path(root) / "grid"), by_grid, truth)),
            "suspect.csv": _sums(row_by_row(sheet, truth, is_completed=True)),
            "suspect.csv, typed in full": _sums(row_by_row(sheet, truth, is_completed=False)),
        }


def one_by_one(desk: Desk, truth: Mapping[str, str]) -> Iterator[Spent]:
    """Yield every decision of a person who takes the worst first."""
    reasons = Reasons(desk.audit, desk.columns, Sight(desk.audit, desk.columns))
    after, is_past_suspects = -1, False
    while True:
        page = desk.queue(Wanted("suspicion"), _ME, after=after, n=_ONE)
        if not page["items"]:
            return
        after = page["after"]
        for item in page["items"]:
            if not (item["is_suspect"] or is_past_suspects):
                is_past_suspects = True
                yield Spent(strokes=1)
            said = answer(item, truth[item["id"]], offered(item, reasons), desk.classes)
            yield Spent(looks=1, strokes=said.strokes) + _decided(desk, [item], said, truth)


def by_grid(desk: Desk, truth: Mapping[str, str]) -> Iterator[Spent]:
    """Yield every decision of a person who takes one pair of classes after the other, and then the rest."""
    yield Spent(strokes=1)
    for pair in desk.state(_ME)["pairs"]:
        yield Spent(strokes=2)
        yield from _one_pair(desk, Wanted("pair", pair["given"], pair["suggested"] or ""), truth)
    yield from one_by_one(desk, truth)


def row_by_row(sheet: Iterable[Mapping[str, str]], truth: Mapping[str, str], *, is_completed: bool) -> Iterator[Spent]:
    """Yield every row of suspect.csv that a person fills in.

    Args:
        sheet: its rows, by column.
        truth: sample id -> the right label.
        is_completed: the first letters of a word are enough.
    """
    classes = sorted(set(truth.values()))
    for row in sheet:
        true, given = truth[row["sample_id"]], row["given_label"]
        word = "ok" if true == given else "accept" if true == row["suggested_label"] else ""
        typed = 1 if word and is_completed else len(word)
        if not word:
            typed = 1 + (letters_of(true, classes) if is_completed else len(true))  # Tab to the next cell
        yield Spent(looks=1, strokes=2 + typed + 1, mended=int(true != given))


def answer(item: Mapping[str, Any], true: str, others: Sequence[str], classes: Sequence[str]) -> Said:
    """Return what a person says who knows the true label.

    Args:
        item: a sample as the page has it.
        true: its right label.
        others: classes that have a key of their own beside the given and the suggested one.
        classes: all of them.
    """
    if true == item["given"]:
        return Said("keep", None, 1)
    if true == item["suggested"]:
        return Said("accept", None, 1)
    return Said("label", true, 1 if true in others else 1 + letters_of(true, classes) + 1)


def offered(item: Mapping[str, Any], reasons: Reasons) -> list[str]:
    """Return the classes that the page offers beside the given and the suggested one."""
    labels = [each["label"] for each in reasons.of(item["row"])["top"]]
    return [label for label in labels if label not in (item["given"], item["suggested"])][:_OFFERED]


def letters_of(name: str, classes: Sequence[str]) -> int:
    """Return after how many letters a class is the first of those that begin so."""
    fits = (n for n in range(1, len(name)) if next(each for each in classes if each.startswith(name[:n])) == name)
    return next(fits, len(name))


def table(spent: Mapping[str, list[Spent]], wrong: int) -> str:
    """Return the costs as a table in Markdown; a way that ends before a share is reached says where.

    Args:
        spent: as `costs` returns it.
        wrong: labels in the data that are.
    """
    shares = " | ".join(f"{share:.0%} mended: looks, strokes" for share in SHARES)
    head = f"| way | {shares} | strokes for each mended label |\n{'|---' * (len(SHARES) + 2)}|\n"
    return head + "".join(_line(way, steps, wrong) for way, steps in spent.items())


def _line(way: str, steps: Sequence[Spent], wrong: int) -> str:
    reached = [next((step for step in steps if step.mended >= share * wrong), None) for share in SHARES]
    end = steps[-1]
    never = f"ends at {end.mended / wrong:.1%}"
    cells = [never if step is None else f"{step.looks:,}, {step.strokes:,}" for step in reached]
    last = reached[-1] or end
    return f"| {way} | {' | '.join(cells)} | {last.strokes / max(1, last.mended):.1f} |\n"


def _one_pair(desk: Desk, wanted: Wanted, truth: Mapping[str, str]) -> Iterator[Spent]:
    after, shown = -1, list[dict[str, Any]]()
    while True:
        if len(shown) < _GRID / 2:
            page = desk.page(wanted, _ME, start=after, n=_GRID)
            after = page["after"]
            shown += page["items"]
            yield Spent(looks=len(page["items"]))
        if not shown:
            return
        said, group = _largest_group(shown, truth, desk.classes)
        picking = min(len(group), 1 + len(shown) - len(group))
        shown = [item for item in shown if item not in group]
        yield Spent(strokes=picking + said.strokes) + _decided(desk, group, said, truth)


def _largest_group(
    shown: Sequence[dict[str, Any]], truth: Mapping[str, str], classes: Sequence[str]
) -> tuple[Said, list[dict[str, Any]]]:
    groups = dict[Said, list[dict[str, Any]]]()
    for item in shown:
        groups.setdefault(answer(item, truth[item["id"]], (), classes), []).append(item)
    return max(groups.items(), key=lambda each: len(each[1]))


def _decided(desk: Desk, items: Sequence[dict[str, Any]], said: Said, truth: Mapping[str, str]) -> Spent:
    about = [About(item["row"], item["version"]) for item in items]
    recorded = set(desk.decide(about, said.choice, _ME, label=said.label).recorded)
    return Spent(mended=sum(item["row"] in recorded and truth[item["id"]] != item["given"] for item in items))


def _copy(audit: Path, place: Path) -> Audit:
    """Return a copy of an audit on which nobody has decided yet: nobody's decisions are touched."""
    shutil.copytree(audit, place)
    copied = Audit(place)
    copied.decisions_path.unlink(missing_ok=True)
    return copied


def _at_a_desk(audit: Audit, way: Way, truth: Mapping[str, str]) -> Iterator[Spent]:
    desk = Desk(open_audit(settings_in_force(), audit))
    try:
        yield from way(desk, truth)
    finally:
        desk.close()


def _sheet(audit: Audit) -> list[dict[str, str]]:
    """Return suspect.csv as the command writes it."""
    command = [sys.executable, "-m", "labelaudit", "export", "--suspect.csv", "--audit", str(audit.path)]
    subprocess.run([*command, "--output", str(audit.path), "--quiet"], check=True)
    with (audit.path / "suspect.csv").open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def _sums(steps: Iterable[Spent]) -> list[Spent]:
    sums = [Spent()]
    for step in steps:
        sums.append(sums[-1] + step)
    return sums


if __name__ == "__main__":
    sys.exit(main())
