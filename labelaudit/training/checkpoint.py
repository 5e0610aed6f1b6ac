"""The state of every stage on disk: tensors in safetensors, never pickle.

A stage is a network, its optimiser, a few per-sample tables and two counters. Because every random draw comes from
a stream named by stage and epoch, nothing else is needed to go on exactly where a run stopped.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from labelaudit.core.errors import DAMAGE, DataError, damaged
from labelaudit.core.files import make_folder, own_path, parse_json, write_atomically
from labelaudit.core.shape import map_of, whole
from labelaudit.training.optimizers import Optimizer

_DAMAGE: tuple[type[Exception], ...] = (*DAMAGE, SafetensorError)


@dataclass
class StageState:
    """What a stage needs to go on after an epoch."""

    model: nn.Module
    optimizer: Optimizer
    epoch: int = 0  # epochs finished
    step: int = 0  # optimiser steps taken
    tables: dict[str, Tensor] = field(default_factory=dict)  # (M, C) or (K, M, C), for the M samples of this rank


def save_stage(path: Path, state: StageState) -> None:
    """Write a stage's state; the one before stays beside it, should this one come to be damaged."""
    tensors = {f"model/{name}": value for name, value in state.model.state_dict().items()}
    for number, entries in state.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{number}/{name}": torch.as_tensor(value) for name, value in entries.items()}
    tensors |= {f"table/{name}": value for name, value in state.tables.items()}
    if path.exists():
        own_path(path).replace(own_path(path_before(path)))
    save_tensors(path, tensors, {"epoch": state.epoch, "step": state.step})


def path_before(path: Path) -> Path:
    """Return where the state before the last one lies."""
    return path.with_name(f"{path.stem}.before{path.suffix}")


def restore_stage_(state: StageState, tensors: dict[str, Tensor], counters: dict[str, int], *, source: str) -> None:
    """Fill a freshly made state with what `load_tensors` read from `source`.

    Raises:
        DataError: the tensors belong to another network, or the tables to other settings.
    """
    stored = {name.removeprefix("table/") for name in tensors if name.startswith("table/")}
    if stored != state.tables.keys():  # a table that is made only after this would be thrown away or never be filled
        raise DataError(
            f"{source} has the tables {sorted(stored)}; expected {sorted(state.tables)}.",
            hint="Scan again without --resume.",
        )
    if not {"epoch", "step"} <= counters.keys():
        raise damaged(source, "it counts no epochs", hint="Scan again without --resume.")
    groups = state.optimizer.state_dict()["param_groups"]
    moments: dict[int, dict[str, Tensor]] = {}
    try:
        for name, value in tensors.items():
            kind, _, rest = name.partition("/")
            if kind == "optimizer":
                number, _, entry = rest.partition("/")
                moments.setdefault(int(number), {})[entry] = value
            elif kind == "table":
                state.tables[rest] = value.to(state.tables[rest].device)
        state.model.load_state_dict({k.removeprefix("model/"): v for k, v in tensors.items() if k.startswith("model/")})
        state.optimizer.load_state_dict({"state": moments, "param_groups": groups})
    except (RuntimeError, ValueError, KeyError) as error:
        raise DataError(f"{source} belongs to another network: {error}", hint="Scan again without --resume.") from error
    _match_memory_layout_(state.optimizer)
    state.epoch, state.step = counters["epoch"], counters["step"]


def save_tensors(path: Path, tensors: dict[str, Tensor], counters: dict[str, int]) -> None:
    """Write named tensors and whole numbers, atomically, with a checksum."""
    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    make_folder(path.parent)  # somebody may have tidied up meanwhile
    told = json.dumps(counters)
    facts = {"counters": told, "checksum": _checksum(plain, told)}
    write_atomically(path, lambda to: save_file(plain, to, metadata=facts))


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, int]]:
    """Read what `save_tensors` wrote.

    Raises:
        DataError: the file is damaged: torn, or its bytes are not those that were written.
    """
    try:
        with safe_open(own_path(path), framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            facts = file.metadata() or {}
            counters = parse_json(facts["counters"])
            map_of(whole())(counters, "counters")
    except _DAMAGE as error:
        raise damaged(path, error, hint="Delete it and scan again.") from error
    checksum = _checksum(tensors, facts["counters"])
    if facts.keys() - {"counters", "checksum"} or facts.get("checksum", checksum) != checksum:  # earlier ones had none
        raise damaged(path, "its bytes are not those that were written", hint="Delete it and scan again.")
    return tensors, counters


def _checksum(tensors: dict[str, Tensor], counters: str) -> str:
    """Return a hash of counters and of contiguous tensors on the CPU: of names, types, shapes and bytes."""
    seen = hashlib.blake2b(counters.encode(), digest_size=16)
    for name, value in sorted(tensors.items()):
        seen.update(f"{name}\x1f{value.dtype}\x1f{list(value.shape)}\x1f".encode())
        seen.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return seen.hexdigest()


def _match_memory_layout_(optimizer: Optimizer) -> None:
    """Lay every moment out as its parameter (channels last): fused optimisers walk both in memory order."""
    for parameter, entries in optimizer.state.items():
        for name, value in entries.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                entries[name] = torch.empty_like(parameter).copy_(value)
