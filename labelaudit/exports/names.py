"""What can be exported and how it is called: `suspect.csv`, `relabelled.parquet`; and to which tools."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Literal, get_args

from labelaudit.core.errors import ConfigError

What = Literal["suspect", "clean", "relabelled", "all"]
Format = Literal["csv", "tsv", "parquet", "jsonl", "json", "xlsx"]
Tool = Literal["label-studio", "fiftyone", "cvat", "argilla", "coco", "cleanlab", "huggingface", "dvc"]

WHATS: tuple[What, ...] = get_args(What)
FORMATS: tuple[Format, ...] = ("csv", "tsv", "parquet", "jsonl", "json")
TOOLS: tuple[Tool, ...] = get_args(Tool)
SHEET = "suspect.xlsx"
ALIASES = {"relabeled": "relabelled"}
TABLES = (*(f"{what}.{fmt}" for what in WHATS for fmt in FORMATS), SHEET)


def parse_export_name(name: str) -> tuple[What, Format]:
    """Split WHAT.FORMAT; anything else raises ConfigError with the nearest name."""
    stem, _, suffix = name.rpartition(".")
    stem = ALIASES.get(stem, stem)
    if f"{stem}.{suffix}" == SHEET:
        return "suspect", "xlsx"
    for what in WHATS:
        for fmt in FORMATS:
            if (stem, suffix) == (what, fmt):
                return what, fmt
    raise ConfigError(f"cannot export {name!r}.", hint=_hint(name))


def require_tool(name: str) -> Tool:
    """Return a tool by its name; raises ConfigError with the nearest one."""
    for tool in TOOLS:
        if name == tool:
            return tool
    near = _nearest(name, TOOLS)
    question = f"Did you mean {near}? " if near else ""
    raise ConfigError(f"cannot hand over to {name!r}.", hint=f"{question}Choose from {', '.join(TOOLS)}.")


def _hint(name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    what = _nearest(stem if dot else name, WHATS)
    fmt = _nearest(suffix, FORMATS) if dot else None
    question = f"Did you mean {what}.{fmt or 'csv'}? " if what else ""
    return f"{question}Choose from {', '.join(WHATS)}, with .{', .'.join(FORMATS)}; and {SHEET}."


def _nearest(word: str, known: Sequence[str]) -> str | None:
    return next(iter(get_close_matches(word.casefold(), known, n=1)), None)
