"""Batches of trusted samples for methods that look at some in every step."""

from __future__ import annotations

import torch
from torch import Tensor

from labelaudit.training.batches import Samples


class TrustedStream:
    """Batches of trusted samples, one class after the other and so balanced, in an order that is never shuffled."""

    def __init__(self, samples: Samples, trusted: Tensor, batch_size: int) -> None:
        self._samples = samples
        index = trusted.nonzero()[:, 0]
        labels = samples.labels[index]
        self._members = index[torch.argsort(labels, stable=True)]
        counts = torch.bincount(labels)
        self._counts = counts[counts > 0]
        self._starts = self._counts.cumsum(dim=0) - self._counts
        self.size = max(2, min(batch_size, len(index)))

    def positions(self, step: int) -> Tensor:
        """Return (T,) positions in the Dataset of a step's trusted samples."""
        turn = torch.arange(step * self.size, (step + 1) * self.size, device=self._members.device)
        group, visit = turn % len(self._counts), turn // len(self._counts)
        return self._members[self._starts[group] + visit % self._counts[group]]

    def batch(self, step: int, draw: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return augmented inputs (T, ...) and labels (T,) of a step's trusted samples."""
        index = self.positions(step)
        return self._samples.look(index, "augmented", draw), self._samples.labels[index]
