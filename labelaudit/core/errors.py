"""The errors a user can meet, each with the exit code of the command line.

    LabelAuditError
    ├── ConfigError    2  usage or settings: the command, an option, a recipe
    ├── DataError      3  what is on disk: files, tables, labels
    └── TrainingError  3  the run itself: a loss that is not a number, a device that went away

`ValueError` stays for a caller's bug inside `functional`.
"""

from __future__ import annotations

import csv
import struct
import zipfile
import zlib
from collections.abc import Iterable
from difflib import get_close_matches
from errno import (
    EDQUOT,
    ENOSPC,
)


class LabelAuditError(Exception):
    """A problem that the user can act on: what is wrong, and the next step.

    Args:
        problem: place, value and what is wrong with it, as one sentence.
        hint: what to do next; shown on a line of its own.
    """

    exit_code = 3

    def __init__(self, problem: str, *, hint: str | None = None) -> None:
        super().__init__(problem if hint is None else f"{problem}\n{hint}")
        self.problem = problem
        self.hint = hint


class ConfigError(LabelAuditError):
    """A command, an option or a recipe that cannot be used as it is."""

    exit_code = 2


class DataError(LabelAuditError):
    """Data that cannot be audited as it is."""


class TrainingError(LabelAuditError):
    """A run that cannot go on."""


class SaidElsewhere(LabelAuditError):  # noqa: N818 - no error of its own
    """A problem that another process of the same scan tells the user; this one ends without a word."""

    def __init__(self, problem: str, *, exit_code: int = 3) -> None:
        super().__init__(problem)
        self.exit_code = exit_code


class StopAsked(KeyboardInterrupt):
    """The scan reached the time after which it was asked to stop; like Ctrl-C, it can be resumed."""


# What the readers of numpy, zipfile, json and others raise on bytes that are not what they should be. Only to be caught
# around such a reader, never around code of ours.
DAMAGE: tuple[type[Exception], ...] = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    MemoryError,
    RuntimeError,  # too deep, not implemented
    EOFError,
    SyntaxError,
    struct.error,
    csv.Error,
    zipfile.BadZipFile,
    zlib.error,
)


def damaged(path: object, error: BaseException | str, *, hint: str = "Scan the data again.") -> DataError:
    """Return the error for a file whose content cannot be used, in one line whatever a reader said."""
    text = error if isinstance(error, str) else getattr(error, "strerror", None) or str(error) or type(error).__name__
    return DataError(f"{path} is damaged: {' '.join(text.split())[:300].rstrip('.')}.", hint=hint)


_FULL = "No space left on device"


def is_disk_full(error: BaseException | None) -> bool:
    """Whether an error, or the one behind it, says that no space is left; some libraries say so in words only."""
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        if getattr(error, "errno", None) in (ENOSPC, EDQUOT) or _FULL in str(error):
            return True
        seen.append(error)
        error = error.__cause__ or error.__context__
    return False


def did_you_mean(wrong: str, known: Iterable[str]) -> str | None:
    """Return "Did you mean 'x'?" for the closest known name, or None when nothing is close."""
    names = list(known)
    folded = {name.casefold(): name for name in names}
    close = get_close_matches(wrong.casefold(), folded, n=1, cutoff=0.6)
    return f"Did you mean {folded[close[0]]!r}?" if close else None


def shorten(items: Iterable[object], *, show: int = 5) -> str:
    """Return the first items as text and the count of the rest: "a, b, c, d, e and 12 more"."""
    names = [str(item) for item in items]
    text = ", ".join(names[:show])
    return text if len(names) <= show else f"{text} and {len(names) - show:,} more"


def count(n: int, noun: str, plural: str | None = None) -> str:
    """Return "1 image" or "2,000 images"; the plural is the noun with an s unless it is given."""
    return f"{n:,} {noun if n == 1 else plural or f'{noun}s'}"
