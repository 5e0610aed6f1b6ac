"""`labelaudit ask`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from labelaudit.cli import options as opt
from labelaudit.cli.console import make_console, print_json, reports_errors
from labelaudit.core.errors import ConfigError, count
from labelaudit.core.shown import in_shell

if TYPE_CHECKING:
    from rich.console import Console

    from labelaudit.api.ask import Answer, Asked, Question

N = Annotated[int, typer.Argument(metavar="[N]", help="How many questions.", show_default="30")]
From = Annotated[
    str | None,
    typer.Option("--from", metavar="FILE", help="Take the answers from a table instead.", show_default=False),
]
Write = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="Write the questions to a table, to answer elsewhere.", show_default=False),
]
Who = Annotated[str | None, typer.Option(metavar="NAME", help="Who answers.", show_default="git's user.name")]

_QUIT = ("q", "quit", "exit")
_KEYS = "y the label is right · n it is wrong · or the right class · s skip · q stop"


@reports_errors
def ask(
    n: N = 30,
    audit: opt.AuditPath = None,
    from_: From = None,
    write: Write = None,
    who: Who = None,
    baseline: opt.Baseline = None,
    config: opt.Config = None,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    no_color: opt.NoColor = False,
) -> None:
    """Answer questions about samples drawn by lot: how many labels are wrong follows, with an interval.

    The draw prefers samples whose answers tell most, so that 30 are often enough. Each answer is recorded at once,
    and show, check and export take it in. No label on disk is touched.

    Examples:

      labelaudit ask

      labelaudit ask 100 --write questions.csv

      labelaudit ask --from questions.csv
    """
    from labelaudit.api.ask import ask as run
    from labelaudit.api.ask import take_answers, write_questions

    if from_ is not None and write is not None:
        raise ConfigError("--from and --write exclude each other.", hint="--write first; --from when it is answered.")
    console = make_console(stderr=json, no_color=no_color)
    if write is not None:
        written = write_questions(write, n, audit=audit, config=config, baseline=baseline)
        if quiet:
            return
        console.print(f"wrote {count(written, 'question')} to {write}; answer them, then:", markup=False)
        console.print(f"  labelaudit ask --from {in_shell(write)}", markup=False, soft_wrap=True)
        return
    if from_ is not None:
        asked = take_answers(from_, audit=audit, who=who, config=config, baseline=baseline)
    else:
        if not quiet:
            console.print(_KEYS, style="dim", markup=False)
        asked = run(n, answer=_at_terminal(console, audit), audit=audit, who=who, config=config, baseline=baseline)
    if json:
        print_json(asked.to_dict())
    else:
        _print_asked(console, asked)


def _at_terminal(console: Console, audit: str | None) -> Callable[[Question], Answer | None]:
    """Return what shows a question and reads its answer; the end of the input is the end."""
    from labelaudit.api.ask import parse_answer
    from labelaudit.gate.samples import Samples

    samples = Samples.open(audit)

    def answer(question: Question) -> Answer | None:
        console.print()
        console.print(f"{question.number} of {question.of}  ", style="dim", end="")
        console.print(samples.describe(question.path), markup=False, soft_wrap=True)
        other = f"  ({question.suggested_label}?)" if question.suggested_label else ""
        console.print(f"given  [bold]{_plain(question.given_label)}[/]{_plain(other)}")
        while True:
            console.print("right? ", end="", style="dim")
            line = sys.stdin.readline()
            if not line or line.strip().casefold() in _QUIT:
                return None
            said = parse_answer(line, given=question.given_label, classes=samples.classes)
            if not isinstance(said, str):
                return said
            console.print(said, style="yellow", markup=False)

    return answer


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _print_asked(console: Console, asked: Asked) -> None:
    from labelaudit.cli.render_answers import print_answers
    from labelaudit.core.wording import percent, range_of

    skipped = f", {asked.skipped:,} skipped" if asked.skipped else ""
    console.print(f"\n{count(asked.answered, 'answer')}: {asked.wrong:,} wrong{skipped}", markup=False)
    if not asked.answered:
        return
    before, after = (
        f"{percent(noise['rate'])}" + (f" ({range_of(noise['interval'])})" if noise["interval"] else "")
        for noise in (asked.noise_before, asked.noise)
    )
    console.print(f"Wrong labels     {after}, was {before}", markup=False)
    print_answers(console, asked.answers)
