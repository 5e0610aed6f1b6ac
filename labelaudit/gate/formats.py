"""The table of formats that a report can be written in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from labelaudit.core.errors import ConfigError, DataError, did_you_mean
from labelaudit.core.files import write_atomically
from labelaudit.gate.as_github import render_github
from labelaudit.gate.as_gitlab import render_gitlab
from labelaudit.gate.as_json import render_json, render_metrics
from labelaudit.gate.as_junit import render_junit
from labelaudit.gate.as_markdown import render_markdown
from labelaudit.gate.as_sarif import render_sarif
from labelaudit.gate.result import CheckReport

FORMATS: dict[str, Callable[[CheckReport], str]] = {
    "json": render_json,
    "junit": render_junit,
    "sarif": render_sarif,
    "github": render_github,
    "gitlab": render_gitlab,
    "markdown": render_markdown,
    "metrics": render_metrics,
}


def parse_formats(asked: Sequence[str]) -> list[tuple[str, Path | None]]:
    """Return (name, file) of texts such as "sarif:out.sarif"; None stands for stdout.

    Raises:
        ConfigError: an unknown format, or more than one for stdout or for a file.
    """
    formats: list[tuple[str, Path | None]] = []
    for text in asked:
        name, colon, file = text.partition(":")
        if name not in FORMATS:
            hint = did_you_mean(name, FORMATS) or f"Formats: {', '.join(FORMATS)}."
            raise ConfigError(f"--format {text}: unknown format {name!r}.", hint=hint)
        if colon and not file:
            raise ConfigError(
                f"--format {text}: no file after the colon.", hint=f"For example: --format {name}:{name}.out"
            )
        formats.append((name, Path(file).expanduser() if colon else None))
    places = [file for _, file in formats]
    twice = next((place for place in places if places.count(place) > 1), "no")
    if twice != "no":
        names = ", ".join(name for name, place in formats if place == twice)
        where = "stdout" if twice is None else str(twice)
        raise ConfigError(f"{names} cannot all go to {where}.", hint="Name a file: --format sarif:labels.sarif")
    return formats


def write_report(report: CheckReport, name: str, file: Path) -> None:
    """Write a report to a file, whole or not at all; raises DataError where that is not possible."""
    data = FORMATS[name](report).encode("utf-8", "backslashreplace")
    try:
        write_atomically(file, lambda part: part.write_bytes(data))
    except OSError as error:
        raise DataError(f"cannot write {file}: {error.strerror}.", hint="Choose another place.") from error
