"""Per-sample tables divided among the ranks: of N rows, each rank holds every size-th.

At home, row k of rank r belongs to sample k * size + r. For an epoch each row visits the rank that will see its sample,
in the order in which that rank will see them, and goes home afterwards. Every rank knows the order of the epoch, so
that nobody has to ask where a row is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from labelaudit.training.ranks import Ranks

Tables = dict[str, Tensor]  # (M, C) each, or a stack (K, M, C) of such tables, for the M rows of this rank


@contextmanager
def visiting(tables: Tables, order: Tensor, ranks: Ranks) -> Iterator[None]:
    """Have every row at the rank that sees its sample: row k belongs to the k-th sample that this rank sees.

    Args:
        tables: changed in place, for the time of the context.
        order: (N,) samples of an epoch; of every `size` in a row, each rank sees one.
        ranks: who shares them.
    """
    if ranks.size == 1:
        yield
        return
    visit = _plan(order, ranks)
    for name, table in tables.items():
        if table.ndim < 2 or table.shape[-2] != len(visit.at_home):
            expected = f"(..., {len(visit.at_home)}, C)"
            raise ValueError(f"table {name!r} has shape {tuple(table.shape)}; expected {expected}")
        for layer in _layers(table):
            layer[visit.as_guests] = ranks.swap_rows(layer[visit.at_home], visit.n_leaving, visit.n_coming)
    yield
    for table in tables.values():
        for layer in _layers(table):
            layer[visit.at_home] = ranks.swap_rows(layer[visit.as_guests], visit.n_coming, visit.n_leaving)


def whole_on_main(tables: Tables, n: int, ranks: Ranks) -> Tables:
    """Return tables of all n samples in Dataset order, on rank 0's CPU; nothing on the other ranks."""
    if ranks.size == 1:
        return tables
    whole: Tables = {}
    for name, table in tables.items():
        shape = (*table.shape[:-2], n, table.shape[-1])
        whole[name] = torch.empty(shape, dtype=table.dtype, device="cpu" if ranks.is_main else "meta")
        for layer, complete in zip(_layers(table), _layers(whole[name]), strict=True):
            ranks.rows_to_main_(layer, complete)
    return whole if ranks.is_main else {}


def own_part(whole: Tables, ranks: Ranks) -> Tables:
    """Return this rank's rows, at home and on the CPU, of tables that rank 0 has whole; the others' are ignored."""
    if ranks.size == 1:
        return whole
    own: Tables = {}
    for name, like in ranks.described_by_main(whole).items():
        own[name] = torch.empty_like(like[..., ranks.part, :], device="cpu", memory_format=torch.contiguous_format)
        for complete, layer in zip(_layers(whole.get(name, like)), _layers(own[name]), strict=True):
            ranks.rows_from_main_(complete, layer)
    return own


@dataclass(frozen=True, slots=True)
class _Visit:
    """Which rows go where for one epoch."""

    at_home: Tensor  # rows of this rank at home, grouped by the rank that they visit
    n_leaving: list[int]  # per rank
    as_guests: Tensor  # rows of the visit at this rank, grouped by their home
    n_coming: list[int]  # per rank


def _plan(order: Tensor, ranks: Ranks) -> _Visit:
    seen = [order[rank :: ranks.size] for rank in range(ranks.size)]
    leaving = [samples[samples % ranks.size == ranks.rank] // ranks.size for samples in seen]
    homes = seen[ranks.rank] % ranks.size
    return _Visit(
        at_home=torch.cat(leaving),
        n_leaving=[len(rows) for rows in leaving],
        as_guests=torch.argsort(homes, stable=True),
        n_coming=torch.bincount(homes, minlength=ranks.size).tolist(),
    )


def _layers(table: Tensor) -> list[Tensor]:
    """Return views of the (M, C) tables of a stack, or of the one that it is."""
    return list(table) if table.ndim == 3 else [table]
