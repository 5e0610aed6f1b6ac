"""What a scan says of the whole dataset, as text on the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from labelaudit.cli.render_answers import print_answers
from labelaudit.core.errors import count
from labelaudit.core.issues import GENERAL_DOUBTS
from labelaudit.core.wording import ends_of, is_lost, percent, quiet_headline, range_of

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_CATCH = 0.8  # share of the errors that the review is planned for
_LONGEST_HEADING = 13  # letters in a line over numbers


def print_verdict(console: Console, summary: Mapping[str, Any]) -> None:
    """Print how much is wrong, what cannot be told, and what a review would bring."""
    noise, actions = summary["noise"], summary["actions"]
    console.print()
    if is_lost(summary):
        console.print("Cannot tell right labels from wrong ones", style="bold yellow")
    elif noise["quiet"]:
        console.print(quiet_headline(summary), style="bold green", markup=False)
    else:
        console.print(
            f"Wrong labels     likely [bold]{percent(noise['rate'])}[/],"
            f" about {round(noise['expected']):,} of {noise['labels']:,}{_ends(summary)}"
        )
    _print_answers_worth(console, summary)
    flagged = any(actions[name] for name in ("relabel", "review", "drop"))
    lost = (" (not to be relied on)" if flagged else " (a ranking only)") if is_lost(summary) else ""
    counts = " · ".join(f"{actions[name]:,} {name}" for name in ("keep", "relabel", "review", "drop") if actions[name])
    console.print(f"Verdicts         {counts}{lost}")
    _print_witnesses(console, summary["witnesses"])
    _print_kinds(console, summary["issues"])
    _print_doubts(console, noise["doubts"])
    _print_trusted(console, summary["trusted_check"])
    if summary.get("answers"):
        print_answers(console, summary["answers"])
    review = summary["review"]
    if review and not noise["quiet"] and not is_lost(summary):
        _print_review(console, review)


def plain_table(title: str | None, *columns: str | tuple[str, str]) -> Table:
    """Return an empty table without a frame; a column is its name, or its name and how it is justified.

    Numbers stand to the right and are never broken; where it is narrow, texts give way.
    """
    from rich import box
    from rich.table import Table

    table = Table(
        title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False
    )
    for column in columns:
        name, justify = (column, "left") if isinstance(column, str) else column
        if justify == "right":
            table.add_column(_in_two_lines(name), justify="right", no_wrap=True)
        else:
            table.add_column(name, overflow="fold", min_width=len(name))
    return table


def _in_two_lines(name: str) -> str:
    """Return a heading over numbers, broken before its last word where it is long."""
    first, _, last = name.rpartition(" ")
    return f"{first}\n{last}" if first and len(name) > _LONGEST_HEADING else name


def _ends(summary: Mapping[str, Any]) -> str:
    ends = ends_of(summary)
    if not ends:
        return ""
    return f"; {ends}" if summary["witnesses"] else f" ({ends})"


def _print_answers_worth(console: Console, summary: Mapping[str, Any]) -> None:
    """Say what answers would bring, where what is certain and what is possible lie clearly farther apart."""
    worth, interval = (summary["witnesses"] or {}).get("after_30_answers"), summary["noise"]["interval"]
    if worth is None or not interval or summary.get("answers") or 4 * worth > interval[1] - interval[0]:
        return
    console.print(
        f"Unsure           30 answers to `labelaudit ask` narrow {range_of(interval)} to about ± {percent(worth)}",
        markup=False,
    )


def _print_witnesses(console: Console, witnesses: Mapping[str, Any] | None) -> None:
    """Print how far each witness can be believed."""
    if not witnesses:
        return
    title = "Witnesses"
    for name, facts in witnesses["named"].items():
        how = "which it was taught" if facts["taught"] else "none of which it saw"
        vote = "" if facts["has_vote"] else "; it knows too little to be heard"
        text = f"{name} would give {percent(facts['agreement'])} of the labels, {how}{vote}"
        console.print(f"{title:<16} {text}", soft_wrap=True, markup=False)
        title = ""
    console.print(f"{'':<16} (guessing: {percent(witnesses['chance'])})", markup=False)


def _print_kinds(console: Console, issues: Mapping[str, int]) -> None:
    if strange := issues["out-of-distribution"]:
        console.print(f"                 {count(strange, 'sample')} that no class fits")
    if twins := issues["duplicate-conflict"]:
        console.print(f"                 {count(twins, 'sample')} with a twin under another label")


def _print_doubts(console: Console, doubts: Sequence[Mapping[str, Any]]) -> None:
    for doubt in doubts:
        name = "Why" if doubt["kind"] in GENERAL_DOUBTS else "Cannot tell"  # the first line says so of all labels
        console.print(f"{name:<16} {doubt['text']}", style="yellow", markup=False, soft_wrap=True)
    if doubts:
        too_few = any(doubt["kind"] == "too-few" for doubt in doubts)
        advice = "Check ten labels of each class, and scan again with --trusted FILE."
        advice = "Look at each of them." if too_few else advice
        console.print(f"                 {advice}", style="yellow")


def _print_trusted(console: Console, check: Mapping[str, Any] | None) -> None:
    if check is None:
        return
    alarms, share = check["false_alarms"], check["false_alarm_share"]
    console.print(
        f"Trusted labels   {alarms:,} of {check['trusted']:,} would have been suspects:"
        f" {range_of([share['low'], share['high']])} false alarms, with 90 % certainty",
        soft_wrap=True,
    )
    if not check["is_calibrated"]:
        for line in _miscalibrated(check):
            console.print(f"                 {line}", style="yellow", soft_wrap=True)


def _miscalibrated(check: Mapping[str, Any]) -> Iterator[str]:
    is_low = check["clean_prob"] < check["expected_clean_prob"]
    way, number, kind = ("low", "Fewer", "harder") if is_low else ("high", "More", "easier")
    yield (
        f"Their clean prob is too {way}: {check['clean_prob']:.2f} on average,"
        f" {check['expected_clean_prob']:.2f} expected."
    )
    yield f"{number} labels may be wrong than estimated, or these samples are {kind} than the others."
    noise = check["noise_rate"]
    if noise is not None:
        yield (
            f"Beside them {percent(noise['rate'])} of the other labels look wrong"
            f" ({range_of([noise['low'], noise['high']])} with 90 % certainty)."
        )


def _print_review(console: Console, review: Mapping[str, Any]) -> None:
    """Print how many errors a reviewer finds who begins with the most suspicious sample."""
    errors = review["errors"]
    aims = [row["looks"] for row in review["catch"] if row["share"] == _CATCH]
    if not aims or errors < 1:
        return
    rows = [(row["looks"], row["errors"]) for row in review["found"]] + [(aims[0], _CATCH * errors)]
    table = plain_table(None, ("looks", "right"), ("errors found", "right"), ("of all", "right"))
    for looks, found in sorted(dict(rows).items()):
        table.add_row(f"{looks:,}", f"{found:,.0f}", f"{found / errors:.0%}".replace("%", " %"))
    title = f"Review {count(aims[0], 'label')} to catch {_CATCH:.0%} of the errors".replace("%", " %")
    console.print(f"\n{title}", style="bold")  # not the table's title: that is broken at the table's width
    console.print(table, markup=False)
