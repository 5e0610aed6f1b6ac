"""The published schedules: `--recipe paper` and `--recipe paper:ROW`."""

from __future__ import annotations

from collections.abc import Mapping

from labelaudit.core.errors import ConfigError, did_you_mean
from labelaudit.core.recipe import PublishedSchedule
from labelaudit.methods.registry import require_method


def published_schedules(method: str) -> Mapping[str, PublishedSchedule]:
    """Return the published schedules of a method by row; empty where there is none."""
    rows: Mapping[str, PublishedSchedule] = getattr(require_method(method), "PAPER", {})
    return rows


def require_row(method: str, row: str) -> None:
    """Raise ConfigError unless the method was published with such a row; "" stands for any.

    The closest known row is named.
    """
    rows = published_schedules(method)
    if not rows:
        raise ConfigError(f"method {method!r} has no published schedule.", hint="Use --recipe fast, or leave it out.")
    if row and row not in rows:
        hint = did_you_mean(row, rows) or f"Known rows: {', '.join(rows)}."
        of_method = "" if method == "drpl" else f" of {method}"
        raise ConfigError(f"recipe 'paper'{of_method} has no row {row!r}.", hint=hint)
