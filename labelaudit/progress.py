"""A scan's progress in a notebook, or on stderr: one line that changes.

>>> import labelaudit
>>> audit = labelaudit.scan("photos/", on_event=labelaudit.Progress())

The command line has a bar of its own; this one needs nothing installed, no widgets either.
"""

from __future__ import annotations

import sys
import time
from html import escape
from typing import Any, TextIO

from labelaudit.core.events import Event, Said, SamplesDone, StageFinished, StageResumed, StageStarted
from labelaudit.core.time_left import TimeLeft
from labelaudit.core.wording import duration

_EVERY_S = 0.25  # between two changes of the line


class Progress:
    """Takes the events of one call, `scan`, `train`, `update`, `predict` or `demo`, and shows how far it is.

    Args:
        stream: gets the line where there is no notebook; None = stderr.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._clock = TimeLeft()
        self._line = _Cell() if stream is None and in_notebook() else _Line(stream or sys.stderr)
        self._title, self._samples, self._done = "", 0, 0
        self._shown_at = 0.0

    def __call__(self, event: Event) -> None:
        """Show one event."""
        self._clock.take(event)
        match event:
            case Said("warning", text):
                self._line.keep(f"warning: {text}")
            case StageStarted(_, title, samples):
                self._title, self._samples, self._done, self._shown_at = title, samples, 0, 0.0
                self._show()
            case StageResumed(_, samples) | SamplesDone(_, samples):
                self._done = samples
                self._show()
            case StageFinished(_, seconds):
                self._line.keep(f"{self._title}: {duration(seconds)}")

    def _show(self) -> None:
        now = time.monotonic()
        if now - self._shown_at < _EVERY_S:
            return
        self._shown_at = now
        share = min(self._done / self._samples, 1.0) if self._samples else 0.0
        rate, left = self._clock.rate(), self._clock.left()
        figures = [f"{share:.0%}".replace("%", " %")]
        figures += [f"{rate:,.0f} samples/s"] if rate else []
        figures += [f"{duration(left)} left"] if left is not None else []
        self._line.show(f"{self._title}: {', '.join(figures)}", share)


def in_notebook() -> bool:
    """Return whether a notebook's kernel runs this; a terminal with IPython is none."""
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    shell = get_ipython()
    return shell is not None and getattr(shell, "kernel", None) is not None


class _Line:
    """A line of a terminal; where it is none, only what is kept."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._width = stream, 0

    def show(self, text: str, share: float) -> None:
        """Replace the line."""
        del share  # the text says it
        if self._stream.isatty():
            self._stream.write(f"\r{text:<{self._width}}")
            self._stream.flush()
            self._width = len(text)

    def keep(self, text: str) -> None:
        """Write a line that stays."""
        start = "\r" if self._stream.isatty() else ""
        self._stream.write(f"{start}{text:<{self._width}}\n")
        self._stream.flush()
        self._width = 0


class _Cell:
    """The output of a notebook's cell: a bar, and the lines that stay above it."""

    def __init__(self) -> None:
        self._kept: list[str] = []
        self._handle: Any = None

    def show(self, text: str, share: float) -> None:
        """Replace the bar."""
        self._write(f'<progress value="{share:.3f}" max="1"></progress> {escape(text)}')

    def keep(self, text: str) -> None:
        """Add a line that stays."""
        self._kept.append(escape(text))
        self._write("")

    def _write(self, last: str) -> None:
        from IPython.display import HTML, display

        shown = HTML("<br>".join([*self._kept, last]))
        if self._handle is None:
            self._handle = display(shown, display_id=True)
        else:
            self._handle.update(shown)
