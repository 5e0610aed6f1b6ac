"""Where text goes: results to stdout, progress and hints to stderr; and how errors end a command."""

from __future__ import annotations

import functools
import json
import os
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec, TypeVar

import typer

from labelaudit.core.errors import LabelAuditError, SaidElsewhere, is_disk_full, os_problem

if TYPE_CHECKING:
    from rich.console import Console

P = ParamSpec("P")
R = TypeVar("R")

INTERRUPTED = 130
_PLAIN_WIDTH = 100  # columns where there is no terminal to ask


def make_console(*, stderr: bool = False, no_color: bool = False) -> Console:
    """Return a rich console; without a terminal it is plain and 100 columns wide unless COLUMNS says otherwise."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else _PLAIN_WIDTH
    # without emoji: a class may be called :cat:
    return Console(stderr=stderr, no_color=no_color or None, highlight=False, emoji=False, soft_wrap=False, width=width)


def print_json(value: object) -> None:
    """Print one JSON object to stdout."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def reports_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Turn our errors into a message on stderr and the exit code of their kind; never a traceback."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        signal.signal(signal.SIGTERM, _interrupt)
        try:
            return command(*args, **kwargs)
        except SaidElsewhere as error:
            raise typer.Exit(error.exit_code) from None
        except LabelAuditError as error:
            say_error(error.problem, error.hint)
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt as interrupt:
            say_error("stopped.", str(interrupt) or None)
            raise typer.Exit(INTERRUPTED) from None
        except SystemExit:  # only rich raises it, when the reader of its stream has gone
            raise typer.Exit(0) from None
        except BrokenPipeError:  # the reader of our stdout has gone: nothing is left to tell
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        except Exception as error:
            if is_disk_full(error):
                say_error(f"no space is left on the disk: {error}", "Free some; `scan` and `train` then take --resume.")
            elif isinstance(error, OSError):
                say_error(*os_problem(error))
            else:
                raise
            raise typer.Exit(LabelAuditError.exit_code) from None

    return wrapped


def say_error(problem: str, hint: str | None) -> None:
    """Print a problem and its next step to stderr."""
    console = make_console(stderr=True)
    console.print("error: ", style="bold red", end="")
    console.print(problem, markup=False, soft_wrap=True)  # a path that is broken in two cannot be copied
    if hint:
        console.print("  try: ", style="bold", end="")
        console.print(hint, markup=False, soft_wrap=True)


def _interrupt(signum: int, frame: Any) -> NoReturn:
    """Treat a polite request to end as Ctrl-C: the audit notes where it stopped."""
    del signum, frame
    raise KeyboardInterrupt
