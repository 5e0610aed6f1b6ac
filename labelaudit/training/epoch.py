"""The only step loops: one that trains, one that predicts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn

from labelaudit.training.batches import Batch
from labelaudit.training.optimizers import Optimizer
from labelaudit.training.ranks import ALONE, Ranks
from labelaudit.training.room import Room

LossFn = Callable[[nn.Module, Batch], Tensor]  # (B,) nats
OnSamples = Callable[[int], None]


def train_epoch(
    model: nn.Module,
    batches: Iterable[Batch],
    loss_fn: LossFn,
    optimizer: Optimizer,
    lr_at: Callable[[int], float],
    *,
    step: int,
    precision: torch.dtype,
    on_samples: OnSamples,
    after_step: Callable[[int], None] | None = None,
    ranks: Ranks = ALONE,
    room: Room | None = None,
) -> tuple[int, float]:
    """Run one epoch.

    Args:
        model: the network; set to train mode.
        batches: the epoch's batches.
        loss_fn: (model, batch) -> (B,) losses in nats.
        optimizer: takes one step a batch.
        lr_at: global step -> learning rate.
        step: global step of the first batch.
        precision: bfloat16 to run the network under autocast, float32 not to.
        on_samples: told the size of every batch, over all ranks.
        after_step: called with the global step once the optimiser has taken it, such as to move an average of weights.
        ranks: who works on the other parts of every batch; all take the same step.
        room: in how many parts a batch fits into memory; None = it is tried as a whole first.

    Returns:
        The next global step, and the mean loss in nats per sample, over all ranks.
    """
    model.train()
    total, n, room = None, 0, room or Room(may_change=ranks.size == 1)

    def with_gradients(batch: Batch) -> Tensor:
        with computing_in(precision, batch.inputs.device):
            losses = loss_fn(model, batch)  # (B,)
        (losses.mean() * batch.share).backward()  # type: ignore[no-untyped-call]
        return losses.detach()

    for batch in batches:
        for group in optimizer.param_groups:
            group["lr"] = lr_at(step)
        losses = room.compute(batch, with_gradients, optimizer.zero_grad)
        ranks.sum_gradients_(model)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if after_step is not None:
            after_step(step)
        batch_total = losses.double().sum()  # stays on the device: no host sync inside the epoch
        total = batch_total if total is None else total + batch_total
        n += len(batch.index)
        step += 1
        on_samples(round(len(batch.index) / batch.share))
    if total is None:
        return step, float("nan")
    total, all_n = ranks.sum_(torch.stack([total, total.new_tensor(n)]))
    return step, float(total) / float(all_n)  # host sync: once per epoch only


def predict(
    model: nn.Module,
    batches: Iterable[Batch],
    n: int,
    *,
    precision: torch.dtype,
    on_samples: OnSamples,
    room: Room | None = None,
) -> Tensor:
    """Return (n, C) float32 softmax outputs in eval mode, summed over the views, by the batches' rows."""
    return outputs(
        model,
        batches,
        n,
        precision=precision,
        on_samples=on_samples,
        turn=lambda logits: torch.softmax(logits, dim=1),
        room=room,
    )


@torch.inference_mode()
def outputs(
    model: nn.Module,
    batches: Iterable[Batch],
    n: int,
    *,
    precision: torch.dtype,
    on_samples: OnSamples,
    turn: Callable[[Tensor], Tensor] = lambda outputs: outputs,
    room: Room | None = None,
) -> Tensor:
    """Return (n, K) float32 outputs of a network in eval mode, summed over the views, by the batches' rows.

    Args:
        model: the network; set to eval mode.
        batches: one pass over this rank's samples, under one view or several.
        n: how many those are.
        precision: as for `train_epoch`.
        on_samples: told the size of every batch, over all ranks.
        turn: what to make of a batch's outputs before they are summed.
        room: as for `train_epoch`.
    """
    model.eval()
    rows: Tensor | None = None
    room = room or Room()

    def seen_by_model(batch: Batch) -> Tensor:
        with computing_in(precision, batch.inputs.device):
            seen: Tensor = model(batch.inputs)
        return seen

    for batch in batches:
        seen = room.compute(batch, seen_by_model, _nothing)
        if rows is None:
            rows = torch.zeros(n, seen.shape[1], device=seen.device)
        rows[batch.row] += turn(seen.float())
        on_samples(round(len(batch.index) / batch.share))
    if rows is None:
        raise ValueError("predict needs at least one batch")
    return rows


def _nothing() -> None:
    """Undo nothing: what only looks leaves nothing behind."""


def computing_in(precision: torch.dtype, device: torch.device) -> AbstractContextManager[None]:
    """Return the context in which a network computes in bfloat16 or float32; its weights are float32 in both.

    Every pass casts the weights anew. Torch would keep them for the passes that follow in the same context, and before
    2.11 also those that were cast where no gradients are wanted: whoever looks at a batch and then learns from it would
    move nothing but batch norms.
    """
    context: AbstractContextManager[None] = torch.autocast(
        device.type, dtype=torch.bfloat16, enabled=precision == torch.bfloat16, cache_enabled=False
    )
    return context
