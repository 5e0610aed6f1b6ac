"""A scan's events as a progress bar, or as plain lines where stderr is no terminal."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from labelaudit.cli.console import make_console
from labelaudit.core.events import (
    EpochFinished,
    EpochTested,
    Event,
    Said,
    SamplesDone,
    StageFinished,
    StageResumed,
    StageStarted,
)
from labelaudit.core.time_left import TimeLeft
from labelaudit.core.wording import duration

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_PLAIN_LINE_EVERY_S = 10.0


class ScanProgress:
    """Takes the events of one scan; a context manager, so that the bar goes away however the scan ends.

    Args:
        quiet: show nothing.
        verbose: a line for every epoch.
        no_color: no colour.
    """

    def __init__(self, *, quiet: bool, verbose: bool, no_color: bool) -> None:
        self._console = make_console(stderr=True, no_color=no_color)
        self._quiet, self._verbose = quiet, verbose
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._clock = TimeLeft()
        self._stage = ""
        self._text = ""
        self._line_at = 0.0

    def __enter__(self) -> Self:
        if self._console.is_terminal and not self._quiet:
            self._bar = _make_bar(self)
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, event: Event) -> None:
        """Show one event."""
        self._clock.take(event)
        if self._quiet:
            return
        match event:
            case Said(level, text):
                self._print(f"{level}: {text}", style="yellow" if level == "warning" else "dim")
            case StageStarted(_, title, samples):
                self._start(title, samples)
            case StageResumed(_, samples):
                self._advance(samples, "")
            case SamplesDone(_, samples, epoch, epochs):
                self._advance(samples, f"epoch {epoch}/{epochs}" if epoch else "")
            case EpochFinished(_, epoch, epochs, mean_loss):
                if self._verbose:
                    why = " (no error: ELR's term is below 0)" if mean_loss < 0 else ""
                    self._print(f"{self._stage}: epoch {epoch}/{epochs}, mean loss {mean_loss:.4f}{why}")
            case EpochTested(_, epoch, epochs, accuracy):
                if self._verbose:
                    self._print(f"{self._stage}: epoch {epoch}/{epochs}, test accuracy {accuracy:.4f}")
            case StageFinished(_, seconds):
                self._finish(seconds)

    def figures(self) -> str:
        """Return rate and time left as they are now."""
        rate, left = self._clock.rate(), self._clock.left()
        parts = [f"{rate:,.0f} samples/s"] if rate else []
        return ", ".join([*parts, f"{duration(left)} left"] if left is not None else parts)

    def _start(self, title: str, samples: int) -> None:
        self._stage, self._text, self._line_at = title, "", time.monotonic()
        if self._bar is None:
            self._print(f"{title} ...")
        else:
            self._task = self._bar.add_task(title, total=samples, note="")

    def _advance(self, samples: int, text: str) -> None:
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=samples, note=text)
        elif time.monotonic() - self._line_at >= _PLAIN_LINE_EVERY_S:
            self._line_at = time.monotonic()
            self._print("  " + ", ".join(part for part in (text, self.figures()) if part))

    def _finish(self, seconds: float) -> None:
        if self._bar is not None and self._task is not None:
            self._bar.remove_task(self._task)
        self._print(f"{self._stage}: {duration(seconds)}", style="dim")

    def _print(self, text: str, style: str | None = None) -> None:
        console = self._console if self._bar is None else self._bar.console
        console.print(text, style=style, markup=False, soft_wrap=True)


def _make_bar(progress: ScanProgress) -> Progress:
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
    from rich.text import Text

    class Figures(ProgressColumn):
        def render(self, task: Task) -> Text:
            del task  # the figures are those of the whole scan
            return Text(progress.figures(), style="cyan")

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=28),
        TextColumn("{task.fields[note]}", markup=False),
        Figures(),
        console=progress._console,
        refresh_per_second=5,
    )
