"""`labelaudit review`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from labelaudit.cli import options as opt
from labelaudit.cli.console import make_console, reports_errors
from labelaudit.core.errors import count

if TYPE_CHECKING:
    from rich.console import Console

Port = Annotated[
    int | None,
    typer.Option(
        min=0, max=65535, metavar="N", help="Port of 127.0.0.1; 0 = any.", show_default="8642, or the next free one"
    ),
]
NoBrowser = Annotated[bool, typer.Option("--no-browser", help="Print the address, and open nothing.")]
Reviewer = Annotated[
    str | None, typer.Option("--reviewer", metavar="NAME", help="Who decides.", show_default="git's user.name")
]


@reports_errors
def review(
    audit: opt.AuditPath = None,
    port: Port = None,
    no_browser: NoBrowser = False,
    reviewer: Reviewer = None,
    baseline: opt.Baseline = None,
    config: opt.Config = None,
    quiet: opt.Quiet = False,
    no_color: opt.NoColor = False,
) -> None:
    """Look at suspects on a page in the browser, and decide, with the keyboard.

    The page is served on 127.0.0.1 only, to whoever has the address with its token. Every decision is on disk before
    the next sample shows, as labelaudit mark would write it. No label on disk is touched. Ctrl-C ends it.

    Examples:

      labelaudit review

      labelaudit review --audit photos/ --reviewer Ann

      labelaudit review --no-browser --port 8642
    """
    from labelaudit.api.review import open_review as run

    console = make_console(no_color=no_color)

    def say_address(address: str) -> None:
        _print_address(console, address)
        if not no_browser:
            _open(address)

    reviewed = run(audit, port=port, reviewer=reviewer, on_ready=say_address, config=config, baseline=baseline)
    if quiet:
        return
    where = f", in {reviewed.audit.decisions_path}" if reviewed.decided else ""
    console.print(f"\n{count(reviewed.decided, 'sample')} decided{where}", markup=False, soft_wrap=True)
    if reviewed.progress:
        from labelaudit.cli.render_answers import print_answers

        print_answers(console, reviewed.progress)


def _print_address(console: Console, address: str) -> None:
    console.print(address, style="bold", markup=False, soft_wrap=True)
    port = address.partition("127.0.0.1:")[2].partition("/")[0]
    console.print(
        f"From another machine: `ssh -L {port}:127.0.0.1:{port} HERE`, then the same address. Ctrl-C ends it.",
        style="dim",
        markup=False,
        soft_wrap=True,
    )


def _open(address: str) -> None:
    """Open the page in a browser of its own accord; where there is none, the address was printed."""
    import threading
    import webbrowser

    threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
