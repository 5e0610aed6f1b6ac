"""The networks that a method showed: those that it judged with, and may be gone by the time it ends."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from labelaudit.training.checkpoint import load_tensors, save_tensors
from labelaudit.training.job import Classifier
from labelaudit.training.model_file import tensors_below

_SUFFIX = ".networks.safetensors"


class KeptNetworks:
    """Takes what `job.show` shows, and has the networks of every stage as they were after its last epoch.

    Those of a finished stage are on disk, because a run that goes on later never shows them again.

    Args:
        folder: for what finished stages leave; None keeps all in memory.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._shown: dict[str, tuple[nn.Module, ...]] = {}
        self._saved: set[str] = set()  # stages whose networks this run wrote

    def __call__(self, shown: Classifier) -> None:
        """Take the networks of a stage; their weights may move on until its last epoch."""
        self._shown[shown.stage] = shown.models
        if shown.epoch >= shown.epochs and self._folder is not None:
            tensors = {f"{k}/{name}": value for k, state in enumerate(_states(shown.models)) for name, value in state}
            save_tensors(self._folder / f"{shown.stage}{_SUFFIX}", tensors, {"networks": len(shown.models)})
            del self._shown[shown.stage]
            self._saved.add(shown.stage)

    def networks(self) -> dict[str, tuple[dict[str, Tensor], ...]]:
        """Return the weights of the networks of each stage, by its name, in alphabetical order."""
        weights_of = {stage: tuple(dict(state) for state in _states(models)) for stage, models in self._shown.items()}
        for file in sorted(self._folder.glob(f"*{_SUFFIX}")) if self._folder is not None else ():
            tensors, counters = load_tensors(file)
            weights_of[file.name.removesuffix(_SUFFIX)] = tuple(
                tensors_below(f"{k}/", tensors) for k in range(counters["networks"])
            )
        return dict(sorted(weights_of.items()))

    def lost(self) -> tuple[str, ...]:
        """Return the stages whose networks somebody removed from the folder since they were written."""
        there = self.networks()
        return tuple(sorted(stage for stage in self._saved if stage not in there))

    def every(self) -> tuple[dict[str, Tensor], ...]:
        """Return the weights of all networks that were shown; the mean of their softmax outputs is the classifier."""
        return tuple(weights for stage in self.networks().values() for weights in stage)


def _states(models: tuple[nn.Module, ...]) -> list[list[tuple[str, Tensor]]]:
    return [list(model.state_dict().items()) for model in models]
