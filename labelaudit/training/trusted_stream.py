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
        self.size = max(2, min(batch_size, len(index)))  # over all ranks
        ranks = samples.ranks
        self._part = ranks.part if self.size >= 2 * ranks.size else slice(None)  # few are looked at by every rank
        n_own = len(range(self.size)[self._part])
        self.share = n_own / self.size if self.size >= 2 * ranks.size else 1.0 / ranks.size

    def positions(self, step: int) -> Tensor:
        """Return (T,) positions in the Dataset of this rank's part of a step's trusted samples."""
        turn = torch.arange(step * self.size, (step + 1) * self.size, device=self._members.device)[self._part]
        group, visit = turn % len(self._counts), turn // len(self._counts)
        return self._members[self._starts[group] + visit % self._counts[group]]

    def batch(self, step: int, draw: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return augmented inputs (T, ...) and labels (T,) of a step's trusted samples."""
        index = self.positions(step)
        return self._samples.look(index, "augmented", draw), self._samples.labels[index]
