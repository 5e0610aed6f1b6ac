"""Where text goes: results to stdout, progress and hints to stderr; and how errors end a command."""

from __future__ import annotations

import errno
import functools
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec, TypeVar, cast

import typer

from labelaudit.cli.last_door import DEBUG, FAILED, INTERRUPTED, note_told, stop_was_asked
from labelaudit.core.errors import LabelAuditError, SaidElsewhere, is_disk_full
from labelaudit.core.shown import in_json, in_log

if TYPE_CHECKING:
    from rich.console import Console

P = ParamSpec("P")
R = TypeVar("R")

_USAGE = cast("tuple[type[Exception], ...]", typer.BadParameter.__mro__[:-3])  # what typer itself tells
debugging: ContextVar[bool] = ContextVar("debugging", default=False)  # --debug
_PLAIN_WIDTH = 100  # columns where there is no terminal to ask


def make_console(*, stderr: bool = False, no_color: bool = False) -> Console:
    """Return a rich console; without a terminal it is plain and 100 columns wide unless COLUMNS says otherwise.

    Whatever is printed there is shown, never obeyed: see `core/shown.py`.
    """
    from rich.console import Console

    from labelaudit.cli.guard import Guard

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else _PLAIN_WIDTH
    # without emoji: a class may be called :cat:
    console = Console(
        stderr=stderr, no_color=no_color or None, highlight=False, emoji=False, soft_wrap=False, width=width
    )
    console.push_render_hook(Guard())
    return console


def print_json(value: object) -> None:
    """Print one JSON object to stdout."""
    sys.stdout.write(in_json(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)) + "\n")


def reports_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Turn errors into a message on stderr and the exit code of their kind; a traceback with --debug only."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:  # in tests; `last_door` listens otherwise
            signal.signal(signal.SIGTERM, _interrupt)
        try:
            result = command(*args, **kwargs)
            sys.stdout.flush()
        except (typer.Exit, typer.Abort):
            raise
        except _USAGE:
            raise
        except SystemExit:  # only rich raises it, when the reader of its stream has gone
            raise typer.Exit(0) from None
        except BaseException as error:
            raise typer.Exit(_ending(error)) from None
        return result

    return wrapped


def _ending(error: BaseException) -> int:
    """Say why a command ends and what to do; return the exit code."""
    if isinstance(error, SaidElsewhere):
        note_told()
        return error.exit_code
    if isinstance(error, KeyboardInterrupt) or stop_was_asked():
        note_told()
        say_error("stopped.", str(error) or None if isinstance(error, KeyboardInterrupt) else None)
        return INTERRUPTED
    if isinstance(error, LabelAuditError):
        say_error(error.problem, error.hint)
        return error.exit_code
    if isinstance(error, BrokenPipeError) and error.filename is None:  # the reader of our stdout has gone
        drop_stdout()
        return 0
    if debugging.get():
        sys.stderr.write(in_log("".join(traceback.format_exception(error))))
    if is_disk_full(error):
        is_stdout = isinstance(error, OSError) and error.filename is None
        place = "for standard output" if is_stdout else f"on the disk: {error}"
        say_error(f"no space is left {place}", "Free some; `scan` and `train` then take --resume.")
        drop_stdout() if is_stdout else None
    elif isinstance(error, OSError):
        is_stdout = error.filename is None and error.errno in (errno.EBADF, errno.EIO)
        place = "standard output" if is_stdout else error.filename or type(error).__name__
        say_error(f"{place}: {error.strerror or error}.", _NEXT_STEP.get(error.errno or 0))
        drop_stdout() if is_stdout else None
    elif isinstance(error, MemoryError):
        say_error("there is too little memory.", "Smaller batches (-o train.batch_size=32) or images need less.")
    else:
        last = traceback.extract_tb(error.__traceback__)[-1]
        text = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        say_error(
            f"unexpected, {text} ({PurePath(last.filename).name}:{last.lineno}).",
            f"It is a mistake of labelaudit: run it again with {DEBUG} and report what it says.",
        )
    return FAILED


_NEXT_STEP = {
    errno.EACCES: "You may not do that there: change its permissions, or name another place.",
    errno.EPERM: "You may not do that there: change its permissions, or name another place.",
    errno.EROFS: "That place can only be read: name another one, such as with --output.",
    errno.EBADF: "It is closed: redirect it to a file, or to /dev/null.",
    errno.ENAMETOOLONG: "The name is too long for this disk.",
    errno.EMFILE: "Too many files are open: ulimit -n raises the limit.",
}


def drop_stdout() -> None:
    """Let what stdout still holds go nowhere: the interpreter would stumble over it once more."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say_error(problem: str, hint: str | None) -> None:
    """Print a problem and its next step to stderr."""
    with suppress(OSError, ValueError):  # a stderr that is full or closed: the exit code remains
        _print_error(problem, hint)


def _print_error(problem: str, hint: str | None) -> None:
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
