"""Columns by name, as people spell names, and the first look into their cells."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pyarrow as pa

from labelaudit.core.errors import ConfigError, did_you_mean
from labelaudit.sources.table_file import Table

_LOOKED_AT = 500  # cells, evenly spaced, that tell what a column holds


def columns_named(table: Table, names: Iterable[str]) -> list[str]:
    """Return the columns by these names, in the order of the names, as `plain_name` compares them."""
    present = {plain_name(name): name for name in reversed(list(table.columns))}
    return list(dict.fromkeys(present[plain] for name in names if (plain := plain_name(name)) in present))


def columns_named_within(table: Table, names: Iterable[str]) -> list[str]:
    """Return the columns of flattened objects whose last part is one of these names: "annotation.label"."""
    last = {plain_name(name.rpartition(".")[2]): name for name in reversed(list(table.columns)) if "." in name}
    return list(dict.fromkeys(last[plain] for name in names if (plain := plain_name(name)) in last))


def named_column(table: Table, name: str | None, option: str) -> str | None:
    """Return the column that an option names; raises ConfigError where there is none."""
    if name is None or name in table.columns:
        return name
    raise ConfigError(
        f"{table.source}: {option} {name!r}: there is no such column; columns: {', '.join(table.columns)}.",
        hint=did_you_mean(name, table.columns),
    )


def plain_name(name: str) -> str:
    """Return a name without what nobody means by it: "Class-ID", "class_id" and "ClassId" are the same."""
    return re.sub(r"[\s._/-]", "", name.casefold())


def looked_at(table: Table, name: str) -> list[str]:
    """Return some cells of a column of text, evenly spaced; none of a column of another type."""
    cells = table.columns[name]
    if not is_text(cells.type) or name in table.streamed:
        return []
    step = max(1, len(cells) // _LOOKED_AT)
    return [text for text in cells.take(list(range(0, len(cells), step))).to_pylist() if text and text.strip()]


def is_text(kind: pa.DataType) -> bool:
    """Return whether cells of a type are texts, categories of texts included."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))
