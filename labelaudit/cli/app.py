"""The command line: `labelaudit COMMAND`."""

from __future__ import annotations

from collections.abc import Callable
from inspect import getdoc
from typing import Annotated

import typer

from labelaudit.cli import bench_group
from labelaudit.cli.apply import apply
from labelaudit.cli.ask import ask
from labelaudit.cli.audits import audits, compare
from labelaudit.cli.baseline import baseline, mark
from labelaudit.cli.bench import bench
from labelaudit.cli.bench_own import growth, intervals, probs, speed
from labelaudit.cli.check import check
from labelaudit.cli.console import debugging
from labelaudit.cli.demo import demo
from labelaudit.cli.export import export
from labelaudit.cli.import_ import import_
from labelaudit.cli.init import init
from labelaudit.cli.judge import judge
from labelaudit.cli.last_door import DEBUG, enter
from labelaudit.cli.methods import methods
from labelaudit.cli.plant import plant
from labelaudit.cli.predict import export_model, predict
from labelaudit.cli.report import report
from labelaudit.cli.reproduce import reproduce
from labelaudit.cli.review import review
from labelaudit.cli.scan import inspect, scan
from labelaudit.cli.show import show
from labelaudit.cli.train import train
from labelaudit.cli.verify import verify
from labelaudit.core.version import VERSION

app = typer.Typer(
    name="labelaudit",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - the signature of a typer callback
    if wanted:
        typer.echo(f"labelaudit {VERSION}")
        raise typer.Exit


Version = Annotated[
    bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
]


Debug = Annotated[bool, typer.Option(DEBUG, help="Show the traceback of an unexpected error.")]


@app.callback()
def root(version: Version = False, debug: Debug = False) -> None:
    """Find the wrong labels of a dataset: which ones, what they should be, and how sure.

    Exit codes: 0 done, 1 a check failed, 2 usage or settings, 3 data or run-time, 130 interrupted (scan --resume).

    Start with:

      labelaudit demo

      labelaudit scan photos/

      labelaudit export --suspect.csv
    """
    del version
    debugging.set(debug)


def _help_text(command: Callable[..., object]) -> str:
    """Return the docstring with the lines of a paragraph joined; typer would break them where the source does."""
    paragraphs = (getdoc(command) or "").split("\n\n")
    return "\n\n".join(text if "\n  " in text else text.replace("\n", " ") for text in paragraphs)


bench_app = bench_group.make_app()
bench_app.callback(help=_help_text(bench_group.bench))(bench_group.bench)
bench_app.command(bench_group.DATA, help=_help_text(bench))(bench)
for yardstick in (speed, growth, probs, intervals):
    bench_app.command(help=_help_text(yardstick))(yardstick)

for command in (
    scan,
    inspect,
    export,
    show,
    report,
    audits,
    compare,
    judge,
    verify,
    init,
    check,
    baseline,
    mark,
    ask,
    review,
    apply,
    demo,
    plant,
    reproduce,
    methods,
    train,
    predict,
    export_model,
):
    app.command(help=_help_text(command))(command)
app.command("import", help=_help_text(import_))(import_)
app.add_typer(bench_app, name="bench")


def main() -> None:
    """Run the command line; `entry.main` does it, too, and hears requests to stop while this file is imported."""
    enter(lambda: app)
