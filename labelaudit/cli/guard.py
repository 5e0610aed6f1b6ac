"""What stands between the texts of a command and the terminal: no word of a stranger is obeyed there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook
from rich.measure import Measurement
from rich.segment import Segment

from labelaudit.core.shown import in_log


@dataclass(frozen=True, slots=True)
class _Guarded:
    """Something printable whose text is made harmless after it was laid out in lines."""

    inner: ConsoleRenderable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for segment in console.render(self.inner, options):
            yield segment if segment.control else Segment(in_log(segment.text), segment.style)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement.get(console, options, self.inner)


class Guard(RenderHook):
    """Guards all that a console prints."""

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        """Return the same, guarded."""
        return [_Guarded(each) for each in renderables]
