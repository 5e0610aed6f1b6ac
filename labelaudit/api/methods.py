"""`labelaudit methods`: who can look for wrong labels."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from labelaudit.methods.registry import METHODS, require_method
from labelaudit.scanning.paper import published_schedules


@dataclass(frozen=True, slots=True)
class MethodFacts:
    """What there is to know of a method before choosing it."""

    name: str
    summary: str  # one line
    needs_trusted: bool  # whether it cannot do without samples whose labels are right by decree
    trains_classifier: bool  # whether `labelaudit train` can use it
    paper_rows: tuple[str, ...]  # published schedules, for --recipe paper:ROW
    options: tuple[str, ...]  # settings, for -o NAME=VALUE

    def to_dict(self) -> dict[str, Any]:
        """Return the same as plain values for JSON."""
        return asdict(self)


def list_methods() -> list[MethodFacts]:
    """Return the facts of every method, in the order of the registry."""
    return [_facts(name) for name in METHODS]


def _facts(name: str) -> MethodFacts:
    module = require_method(name)
    return MethodFacts(
        name=name,
        summary=module.SUMMARY,
        needs_trusted=getattr(module, "NEEDS_TRUSTED", False),
        trains_classifier=getattr(module, "TRAINS_CLASSIFIER", True),
        paper_rows=tuple(published_schedules(name)),
        options=tuple(field.name for field in fields(module.Options)),
    )
