"""What each column of a table was taken for, and why: what `inspect` shows."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from labelaudit.core.dataset import ColumnUse, Vectors
from labelaudit.core.recipe import DataSettings
from labelaudit.sources.columns import Roles
from labelaudit.sources.label_column import is_called_label
from labelaudit.sources.nested_cells import is_vector_column
from labelaudit.sources.table_file import Table
from labelaudit.sources.table_images import Samples


def column_uses(
    table: Table, roles: Roles, settings: DataSettings, samples: Samples, *, hot: Sequence[str] = ()
) -> tuple[ColumnUse, ...]:
    """Return the use of each column, in the order of the table.

    Args:
        table: as it is read.
        roles: of its columns.
        settings: what the user asked for.
        samples: that were read.
        hot: columns of the file that became one of labels, each with 1 where a sample has its label.
    """
    if hot:
        others = {name: cells for name, cells in table.columns.items() if name != roles.label}
        uses = column_uses(dataclasses.replace(table, columns=others), roles, settings, samples)
        return (*uses, *(ColumnUse(name, "label", "its cells say whether a sample has it") for name in hot))
    known = (
        _with_a_role(roles, settings)
        | _learnt(samples)
        | {name: ("left out", why) for name, why in samples.left_out.items()}
    )
    vectors = [name for name in table.columns if name not in known and is_vector_column(table.columns[name])]
    if samples.content.kind == "embeddings" and settings.embeddings is None:
        known |= dict.fromkeys(vectors[:1], ("vector", "its cells hold equally many numbers"))
    instead = "the samples are " + {"probs": "probabilities"}.get(samples.content.kind, samples.content.kind)
    return tuple(ColumnUse(name, *known.get(name, ("left out", instead))) for name in table.columns)


def _with_a_role(roles: Roles, settings: DataSettings) -> dict[str, tuple[str, str]]:
    roles_by_use = {
        "trust": (roles.trusted, None, "by its name"),
        "split": (roles.split, None, "by its name and cells; --split picks"),
        "id": (roles.sample_id, settings.id_column, "by its name; --id-column changes it"),
        "path": (roles.path, settings.path_column, "it leads to files; --path-column changes it"),
        "image": (roles.image, settings.path_column, "its cells hold images; --path-column changes it"),
        "label": (roles.label, settings.label_column, f"{_why_label(roles.label)}; --label-column changes it"),
    }
    uses = {
        name: (use, "as asked" if asked is not None else why)
        for use, (name, asked, why) in roles_by_use.items()
        if name is not None
    }
    why = "as asked" if settings.text_column else "its cells are sentences; --text-column changes it"
    return uses | dict.fromkeys(roles.texts, ("text", why))


def _why_label(name: str) -> str:
    return "by its name" if is_called_label(name) else "no other column can be"


def _learnt(samples: Samples) -> dict[str, tuple[str, str]]:
    content = samples.content
    if not isinstance(content, Vectors):
        return {}
    return {
        fact.name: ("number", "its cells are numbers")
        if fact.is_number
        else ("category", f"{fact.width} different texts, rare ones together")
        for fact in content.columns
    }
