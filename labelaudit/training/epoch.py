"""The only step loops: one that trains, one that predicts."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from labelaudit.training.batches import Batch

LossFn = Callable[[nn.Module, Batch], Tensor]  # (B,) nats
OnSamples = Callable[[int], None]


def train_epoch(
    model: nn.Module,
    batches: Iterable[Batch],
    loss_fn: LossFn,
    optimizer: torch.optim.Optimizer,
    lr_at: Callable[[int], float],
    *,
    step: int,
    precision: torch.dtype,
    on_samples: OnSamples,
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
        on_samples: told the size of every batch.

    Returns:
        The next global step, and the mean loss in nats per sample.
    """
    model.train()
    total, n = None, 0
    for batch in batches:
        for group in optimizer.param_groups:
            group["lr"] = lr_at(step)
        with torch.autocast(batch.inputs.device.type, dtype=torch.bfloat16, enabled=precision == torch.bfloat16):
            losses = loss_fn(model, batch)  # (B,)
        losses.mean().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        batch_total = losses.detach().double().sum()  # stays on the device: no host sync inside the epoch
        total = batch_total if total is None else total + batch_total
        n += len(batch.index)
        step += 1
        on_samples(len(batch.index))
    return step, float("nan") if total is None else float(total) / n  # host sync: once per epoch only


@torch.inference_mode()
def predict(
    model: nn.Module, batches: Iterable[Batch], n: int, *, precision: torch.dtype, on_samples: OnSamples
) -> Tensor:
    """Return (N, C) float32 softmax outputs in eval mode, rows in Dataset order, on the batches' device."""
    model.eval()
    probs: Tensor | None = None
    for batch in batches:
        with torch.autocast(batch.inputs.device.type, dtype=torch.bfloat16, enabled=precision == torch.bfloat16):
            logits = model(batch.inputs)
        if probs is None:
            probs = torch.zeros(n, logits.shape[1], device=logits.device)
        probs[batch.index] = torch.softmax(logits.float(), dim=1)
        on_samples(len(batch.index))
    if probs is None:
        raise ValueError("predict needs at least one batch")
    return probs
