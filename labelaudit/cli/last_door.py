"""The last door: however a command ends, it ends with a sentence and a code of docs/reference/exit-codes.md.

Only the standard library is imported here, so that even a stop while the others are imported ends in a sentence.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any, NoReturn

INTERRUPTED, FAILED = 130, 3
DEBUG = "--debug"
_SAME_REQUEST_S = 2.0  # a second request within this time is the first one again: of an impatient hand, or of `timeout`


class Stop:
    """What Ctrl-C and SIGTERM call: the first request unwinds the command, one much later ends it at once.

    So does one while packages are imported: what they set up in C cannot be unwound, and some keep the interrupt quiet.
    """

    def __init__(self) -> None:
        self.began = time.monotonic()  # seconds, when the program did
        self.asked_at: float | None = None  # seconds of the monotonic clock
        self.is_told = False  # the sentence was said

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        """Take a request."""
        del signum
        now = time.monotonic()
        is_first = self.asked_at is None
        if is_first:
            self.asked_at = now
        if (is_first and _is_importing(frame)) or now - (self.asked_at or now) > _SAME_REQUEST_S:
            self.tell()
            os._exit(INTERRUPTED)  # files are written whole or not at all
        if is_first:
            raise KeyboardInterrupt

    def tell(self) -> None:
        """Say so, once."""
        if not self.is_told:
            self.is_told = True
            say("error: stopped.")

    def unraisable(self, seen: Any) -> None:
        """Ask again where the request came while nobody could be told, such as in a finaliser."""
        if seen.exc_type is not None and issubclass(seen.exc_type, KeyboardInterrupt):
            self.asked_at = None
            threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM)).start()  # a real one: it wakes a sleeper
        else:
            sys.__unraisablehook__(seen)


def enter(load: Callable[[], Callable[..., object]]) -> NoReturn:
    """Run a command line and exit.

    Args:
        load: imports the command line and returns what runs it, with its arguments in `args`.
    """
    stop = _listen()
    _fill_closed_streams()
    arguments = _debug_first(sys.argv[1:])
    try:
        code = _code_of(load, arguments, stop)
        code = _flushed(code)
    finally:
        for each in (signal.SIGINT, signal.SIGTERM):  # the end is short, and nothing of it may be cut
            signal.signal(each, signal.SIG_IGN)
    sys.exit(code)


def stop_was_asked() -> bool:
    """Whether somebody asked this program to stop, and code that was then being imported may have kept it quiet."""
    handler = signal.getsignal(signal.SIGTERM)
    return isinstance(handler, Stop) and handler.asked_at is not None


def began() -> float | None:
    """Return when this program began, in seconds of the monotonic clock; None where a test called the command."""
    handler = signal.getsignal(signal.SIGTERM)
    return handler.began if isinstance(handler, Stop) else None


def note_told() -> None:
    """Take note that the command itself said that it was stopped."""
    handler = signal.getsignal(signal.SIGTERM)
    if isinstance(handler, Stop):
        handler.is_told = True


def say(text: str) -> None:
    """Print a line to stderr, where there is one."""
    with suppress(OSError, ValueError):
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


def _code_of(load: Callable[[], Callable[..., object]], arguments: list[str], stop: Stop) -> int:
    try:
        run = load()
        if stop.asked_at is not None:
            raise KeyboardInterrupt
        run(args=arguments)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else FAILED
        if stop.asked_at is not None and code == INTERRUPTED:
            stop.tell()  # typer ends so without a word where the command has not begun
        return INTERRUPTED if stop.asked_at is not None and code == 1 else code  # typer says "Aborted."
    except BaseException as error:
        if stop.asked_at is not None or isinstance(error, KeyboardInterrupt):
            stop.tell()
            return INTERRUPTED
        if DEBUG in arguments:
            import traceback

            traceback.print_exc()
        place = getattr(error, "filename", None)
        text = f"cannot write to standard output: {error.strerror}" if isinstance(error, OSError) and not place else ""
        say(f"error: {text or f'{type(error).__name__}: {error}'}")
        return FAILED
    return 0


def _flushed(code: int) -> int:
    """Write out what stdout still holds; return the code, or that of a failure where it cannot be written."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_stdout()
    except (OSError, ValueError) as error:
        _drop_stdout()
        if code == 0:
            say(f"error: cannot write to standard output: {getattr(error, 'strerror', None) or error}.")
            return FAILED
    return code


def _drop_stdout() -> None:
    """Let the interpreter flush into nothing when it ends."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _is_importing(frame: FrameType | None) -> bool:
    """Whether a module is being imported where a program stands."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _listen() -> Stop:
    stop = Stop()
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # a shell's background job ignores Ctrl-C
        signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    sys.unraisablehook = stop.unraisable
    return stop


def _fill_closed_streams() -> None:
    """Open what a caller closed: the next file would get its number, and what is printed would end up there.

    Writing to a closed stdout still fails, as it must: results would be lost.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            with suppress(OSError):
                handle = os.open(os.devnull, os.O_WRONLY if number == 2 else os.O_RDONLY)
                if handle != number:
                    os.dup2(handle, number)
                    os.close(handle)
                setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w", closefd=False))


def _debug_first(arguments: list[str]) -> list[str]:
    """Return the arguments with --debug in front, wherever it stood before a lone "--"."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    if DEBUG not in arguments[:end]:
        return arguments
    return [DEBUG, *(each for each in arguments[:end] if each != DEBUG), *arguments[end:]]
