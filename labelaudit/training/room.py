"""Memory that runs out in a step: the batch is taken in halves from there on, and the step stays the same.

The gradients of the parts add up to those of the batch, so that steps and learning rates are as planned. What a part
sees for itself (batch norm, partners of a mixture) comes from fewer samples: results agree within the noise of
training, not bit by bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from labelaudit.core.events import EventSink, Said, ignore
from labelaudit.training.batches import Batch

_FEWEST = 2  # samples of a part: batch norm needs two


@dataclass(slots=True)
class Room:
    """In how many parts a batch fits into memory; it changes when memory runs out."""

    on_event: EventSink = ignore
    may_change: bool = True  # not where batch norms of several ranks wait for each other
    parts: int = 1

    def compute(self, batch: Batch, of_part: Callable[[Batch], Tensor], forget: Callable[[], object]) -> Tensor:
        """Return what a function makes of a batch's rows, part by part where memory is short.

        Args:
            batch: B samples.
            of_part: part of the batch -> (b, ...).
            forget: undoes what an attempt left behind that ran out of memory.

        Raises:
            torch.OutOfMemoryError: not even two samples fit.
        """
        while True:
            try:
                found = [of_part(part) for part in self._cut(batch)]
                return found[0] if len(found) == 1 else torch.cat(found)
            except torch.OutOfMemoryError:
                if not self.may_change or len(batch.index) < 2 * self.parts * _FEWEST:
                    raise
            self.parts *= 2  # out of the handler, whose traceback holds on to the tensors of the attempt
            forget()
            if batch.inputs.device.type == "cuda":
                torch.cuda.empty_cache()
            size = -(-len(batch.index) // self.parts)
            text = f"memory ran out: from here batches are computed in {self.parts} parts, of {size} samples at most"
            self.on_event(Said("warning", text))

    def _cut(self, batch: Batch) -> list[Batch]:
        """Return the parts of a batch; fewer where a part would have less than two samples."""
        n = len(batch.index)
        parts = min(self.parts, max(1, n // _FEWEST))
        if parts == 1:
            return [batch]
        rows = torch.arange(n).tensor_split(parts)
        return [_part(batch, slice(int(each[0]), int(each[-1]) + 1), n) for each in rows]


def _part(batch: Batch, rows: slice, n: int) -> Batch:
    return replace(
        batch,
        inputs=batch.inputs[rows],
        labels=batch.labels[rows],
        index=batch.index[rows],
        row=batch.row[rows],
        share=batch.share * (rows.stop - rows.start) / n,
    )
