"""The only file that knows torch.distributed: who else is at work, and what they tell each other.

    torchrun --nproc-per-node 2 -m labelaudit scan DATA

Every process is a rank. All see the same batches in the same order and each works on its part of every batch. What
they exchange: sums of gradients and of batch norm's statistics in every step, rows of per-sample tables before and
after every epoch. Rank 0 alone reads and writes the audit, prints and shows progress.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.distributed_c10d import PrefixStore, ProcessGroup, Store
from torch.distributed.rendezvous import rendezvous

from labelaudit.core.errors import ConfigError, LabelAuditError, SaidElsewhere, TrainingError
from labelaudit.training.board import agree_on_start, interface_to_others, last_word, leave_word

_STEP_TIMEOUT = timedelta(minutes=10)  # no rank is ever that far behind in a step; one that is hangs
_TURN_TIMEOUT = timedelta(hours=12)  # decoding the images of a node, while the other ranks wait
_SAME_ERROR_S = 1.0  # how long another rank waits to see whether rank 0 says the same


class RankLost(TrainingError):  # noqa: N818 - reads as what happened
    """Another rank ended while this one needed it; the scan can be resumed."""


@dataclass(frozen=True, slots=True)
class Ranks:
    """This process among those that share one scan; `Ranks()` is a process alone."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0  # among those of this machine
    local_size: int = 1  # the most ranks that any machine has
    restarts: int = 0  # how often torchrun started all ranks anew, as far as any machine's agent has counted
    launch: str = ""  # the same for all restarts of one launch; "" = not by torchrun
    store: Store | None = None  # for last words
    slow: ProcessGroup | None = None  # over the CPU, with the long timeout

    @property
    def is_main(self) -> bool:
        """Whether this rank writes and prints."""
        return self.rank == 0

    @property
    def part(self) -> slice:
        """This rank's part of what the ranks divide: every `size`-th, so that the parts differ by one at most."""
        return slice(self.rank, None, self.size)

    def gather_by_index(self, index: Tensor, values: Tensor, n: int) -> Tensor:
        """Bring the values of all ranks into Dataset order, the same on every rank.

        Args:
            index: (M,) positions in the Dataset that this rank has values for; M differs between ranks.
            values: (M, ...) on any device.
            n: samples of the Dataset.

        Returns:
            (n, ...); a sample that came up more than once has one of its values.

        Raises:
            TrainingError: no rank has a value for some sample.
        """
        index = index.to(values.device)
        if self.size > 1:
            counts = [int(count) for count in self._all_gather(torch.tensor([len(index)], device=values.device))]
            index, values = (_first(self._all_gather(_padded(part, max(counts))), counts) for part in (index, values))
        has_value = torch.zeros(n, dtype=torch.bool, device=values.device)
        has_value[index] = True
        missing = (~has_value).nonzero().flatten().tolist()
        if missing:
            raise TrainingError(
                f"{len(missing):,} of {n:,} samples have no result on any rank; the first: {missing[0]}."
            )
        merged = torch.zeros(n, *values.shape[1:], dtype=values.dtype, device=values.device)
        merged[index] = values
        return merged

    def swap_rows(self, rows: Tensor, leaving: list[int], coming: list[int]) -> Tensor:
        """Return the rows that the ranks send to this one, in the order of the ranks.

        Args:
            rows: (M, ...) to send: first those for rank 0, then those for rank 1, and so on.
            leaving: how many of them go to each rank.
            coming: how many each rank sends here.
        """
        if self.size == 1:
            return rows
        received = rows.new_empty(sum(coming), *rows.shape[1:])
        with self._talking():
            dist.all_to_all_single(received, rows.contiguous(), coming, leaving)
        return received

    def rows_to_main_(self, rows: Tensor, whole: Tensor) -> None:
        """Fill rank 0's (n, ...) tensor on the CPU with the parts of all ranks, one rank at a time."""
        if not self.is_main:
            with self._talking():
                dist.send(rows.cpu().contiguous(), 0, group=self.slow)
            return
        whole[self.part] = rows.cpu()
        for rank in range(1, self.size):
            part = torch.empty(whole[rank :: self.size].shape, dtype=whole.dtype)
            with self._talking():
                dist.recv(part, rank, group=self.slow)
            whole[rank :: self.size] = part

    def rows_from_main_(self, whole: Tensor, rows: Tensor) -> None:
        """Fill every rank's tensor on the CPU with its part of rank 0's (n, ...) tensor."""
        if not self.is_main:
            with self._talking():
                dist.recv(rows, 0, group=self.slow)
            return
        rows.copy_(whole[self.part])
        for rank in range(1, self.size):
            with self._talking():
                dist.send(whole[rank :: self.size].contiguous(), rank, group=self.slow)

    def sum_(self, values: Tensor) -> Tensor:
        """Replace values by their sum over all ranks, and return them."""
        if self.size > 1:
            with self._talking():
                dist.all_reduce(values)
        return values

    def sum_gradients_(self, model: nn.Module) -> None:
        """Replace every gradient by its sum over all ranks.

        One flat exchange after the backward pass instead of DistributedDataParallel's overlapping buckets: losses
        are weighted by each part's own size, where DDP takes the plain mean, and the step stays readable. What
        the missing overlap costs is measured in docs/how-to/several-gpus.md.
        """
        gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
        if self.size == 1 or not gradients:
            return
        flat = self.sum_(torch.cat([gradient.reshape(-1) for gradient in gradients]))
        for gradient, summed in zip(gradients, torch.split(flat, [g.numel() for g in gradients]), strict=True):
            gradient.copy_(summed.view(gradient.shape))

    def same_weights_(self, model: nn.Module) -> None:
        """Give every rank the parameters and buffers of rank 0: pretrained ones may have come by other ways."""
        if self.size > 1:
            with self._talking(), torch.no_grad():
                for value in model.state_dict().values():
                    whole = value.contiguous()  # a copy where the memory is laid out channels last
                    dist.broadcast(whole, src=0)
                    value.copy_(whole)

    def from_main(self, value: Any) -> Any:
        """Return rank 0's value, made of what JSON knows; the others' own is ignored."""
        if self.size == 1:
            return value
        data = torch.frombuffer(bytearray(json.dumps(value if self.is_main else None).encode()), dtype=torch.uint8)
        length = self._broadcast(torch.tensor([len(data)]))
        data = self._broadcast(data if self.is_main else torch.empty(int(length), dtype=torch.uint8))
        return json.loads(bytes(data.tolist()))

    def tensors_from_main(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return rank 0's named tensors on the CPU; the others' own are ignored."""
        if self.size == 1:
            return tensors
        return {
            name: self._broadcast(
                tensors[name].contiguous() if self.is_main else torch.empty(like.shape, dtype=like.dtype)
            )
            for name, like in self.described_by_main(tensors).items()
        }

    def described_by_main(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return empty tensors on no device with the names, types and shapes of those that rank 0 has."""
        told = {name: (str(value.dtype).removeprefix("torch."), list(value.shape)) for name, value in tensors.items()}
        return {
            name: torch.empty(shape, dtype=getattr(torch, dtype), device="meta")
            for name, (dtype, shape) in self.from_main(told).items()
        }

    def barrier(self) -> None:
        """Wait until all ranks are here."""
        if self.size > 1:
            with self._talking():
                dist.barrier(group=self.slow)

    @contextmanager
    def in_turn(self) -> Iterator[None]:
        """Let the ranks of a machine through one after the other; the machines do not wait for each other's turn."""
        for _ in range(self.local_rank):
            self.barrier()
        yield
        for _ in range(self.local_rank, self.local_size):
            self.barrier()

    def _broadcast(self, values: Tensor) -> Tensor:
        with self._talking():
            dist.broadcast(values, src=0, group=self.slow)
        return values

    def _all_gather(self, values: Tensor) -> list[Tensor]:
        parts = [torch.empty_like(values) for _ in range(self.size)]
        with self._talking():
            dist.all_gather(parts, values)
        return parts

    @contextmanager
    def _talking(self) -> Iterator[None]:
        """Turn a broken connection into who ended, and why if it could still say so."""
        try:
            yield
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGTERM, signal.SIG_IGN)  # torchrun ends us now: let us say why first
            raise self._lost() from error

    def _lost(self) -> LabelAuditError:
        words = {rank: told for rank in range(self.size) if (told := last_word(self.store, rank)) is not None}
        if 0 in words and not self.is_main:
            text, exit_code = words[0]
            return SaidElsewhere(text, exit_code=exit_code)
        rank, (text, _) = next(iter(words.items()), (None, ("", 0)))
        who = (
            f"rank {rank} ended the scan: {text}" if words else "another rank ended without a word (killed?), or hangs."
        )
        return RankLost(
            f"rank {self.rank} of {self.size}: {who}",
            hint="The same command with --resume goes on from the last checkpoint.",
        )


ALONE = Ranks()


@contextmanager
def join_ranks(device: torch.device | None = None) -> Iterator[Ranks]:
    """Join the processes that torchrun started, and leave at the end; a process alone has nothing to join.

    Args:
        device: what this rank trains on; NCCL where it is a GPU, gloo elsewhere.

    Raises:
        RankLost: another rank ended.
        SaidElsewhere: the scan ended, and rank 0 says why.
    """
    ranks = launched_ranks()
    if ranks.size == 1:
        yield ranks
        return
    ranks = _met(ranks, "cpu:gloo,cuda:nccl" if device is not None and device.type == "cuda" else "gloo")
    try:
        yield ranks
    except BaseException as error:
        _leave_word(ranks, error)
        raise
    dist.destroy_process_group()  # not after an error: NCCL would wait for ranks that are gone


def _met(ranks: Ranks, backend: str) -> Ranks:
    """Return the ranks once all are here."""
    try:
        store, rank, size = next(rendezvous("env://", timeout=_STEP_TIMEOUT))
        store = PrefixStore(agree_on_start(store, rank, size, timeout_s=_STEP_TIMEOUT.total_seconds()), store)
        if ranks.local_size < ranks.size:
            interface = interface_to_others(store, rank, size, first=os.environ["MASTER_ADDR"])
            if interface is not None:
                os.environ.setdefault(
                    "GLOO_SOCKET_IFNAME", interface
                )  # the only way to tell gloo; NCCL looks by itself
        dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=_STEP_TIMEOUT)
        slow = cast(ProcessGroup, dist.new_group(timeout=_TURN_TIMEOUT, backend="gloo"))
        most = torch.tensor([ranks.local_size, ranks.restarts])
        dist.all_reduce(most, dist.ReduceOp.MAX, group=slow)
    except (RuntimeError, OSError) as error:  # OSError: a name without an address, or a rank that did not come
        place = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
        raise RankLost(
            f"rank {ranks.rank} of {ranks.size} cannot meet the others at {place}: {str(error).splitlines()[0]}",
            hint="Were all processes started, and can they reach each other?",
        ) from error
    local_size, restarts = most.tolist()
    return replace(ranks, store=store, slow=slow, local_size=local_size, restarts=restarts)


def launched_ranks() -> Ranks:
    """Return this process's place as torchrun says it; nothing else reads these variables."""
    told = os.environ
    if not {"RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"} <= told.keys():
        return ALONE
    run = told.get("TORCHELASTIC_RUN_ID", "none")
    return Ranks(
        rank=int(told["RANK"]),
        size=int(told["WORLD_SIZE"]),
        local_rank=int(told["LOCAL_RANK"]),
        local_size=int(told.get("LOCAL_WORLD_SIZE", "1")),
        restarts=int(told.get("TORCHELASTIC_RESTART_COUNT", "0")),
        launch=f"agent {os.getppid()}" if run == "none" else run,  # the agent outlives the ranks that it restarts
    )


def _leave_word(ranks: Ranks, error: BaseException) -> None:
    """Tell the others why this rank ends; raise `SaidElsewhere` where rank 0 says the same."""
    if isinstance(error, RankLost | SaidElsewhere) or ranks.store is None:
        return
    if isinstance(error, KeyboardInterrupt):
        told = "stopped.", 130
    elif isinstance(error, LabelAuditError):
        told = error.problem, error.exit_code
    else:
        told = f"{type(error).__name__}: {error}", 1
    leave_word(ranks.store, ranks.rank, *told)
    problem, exit_code = told
    if ranks.is_main:
        return
    if isinstance(error, KeyboardInterrupt) or last_word(ranks.store, 0, wait_s=_SAME_ERROR_S) == told:
        raise SaidElsewhere(problem, exit_code=exit_code) from error
    if isinstance(error, LabelAuditError):
        raise type(error)(f"rank {ranks.rank} of {ranks.size}: {problem}", hint=error.hint) from error


def require_work_for_all(ranks: Ranks, n: int, batch_size: int) -> None:
    """Raise ConfigError where a rank's part of a batch would be too small to learn from."""
    smallest = min(n, batch_size) // ranks.size
    if ranks.size > 1 and smallest < _SMALLEST_PART:
        raise ConfigError(
            f"{ranks.size} ranks would work on {smallest} samples each of a batch of {min(n, batch_size)}:"
            f" expected {_SMALLEST_PART} or more.",
            hint="Start fewer processes, or make the batches larger: -o train.batch_size=512.",
        )


def _padded(values: Tensor, length: int) -> Tensor:
    padding = torch.zeros(length - len(values), *values.shape[1:], dtype=values.dtype, device=values.device)
    return torch.cat([values, padding])


def _first(parts: list[Tensor], counts: list[int]) -> Tensor:
    return torch.cat([part[:count] for part, count in zip(parts, counts, strict=True)])


_SMALLEST_PART = 8  # samples; DRPL skips mixed batches below 6, and smaller parts spend their time on waiting
