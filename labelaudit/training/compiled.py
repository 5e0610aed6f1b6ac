"""Networks compiled by torch.compile: fewer passes over memory, at the price of half a minute before the first step.

The first batch of an epoch may compile; whatever has another shape afterwards, such as the last batch, runs without,
because compiling for it would take longer than it saves. Predictions never compile.
"""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager

import torch
from torch import nn

from labelaudit.training.batches import Batch


def can_compile(device: torch.device) -> bool:
    """Whether what torch.compile needs is there: Triton for a GPU, a C++ compiler for the CPU."""
    if device.type == "cuda":
        return importlib.util.find_spec("triton") is not None
    return device.type == "cpu" and any(shutil.which(name) for name in ("g++", "clang++", "c++"))


def compile_(model: nn.Module) -> None:
    """Let the network be compiled when it is first called; its parameters and their names stay as they are."""
    model.compile(dynamic=False)


def compiling_first(batches: Iterable[Batch]) -> Iterator[Batch]:
    """Hand batches on; after the first, nothing is compiled any more until the last is done."""
    try:
        for number, batch in enumerate(batches):
            if number == 1:
                torch.compiler.set_stance("eager_on_recompile")
            yield batch
    finally:
        torch.compiler.set_stance("default")


def without_compiling() -> AbstractContextManager[None]:
    """Return a context in which compiled networks run as they are written."""
    stance: AbstractContextManager[None] = torch.compiler.set_stance("force_eager")
    return stance
