"""Batch norm whose statistics are those of the whole batch, although each rank sees a part of it.

Statistics of each part alone are what is usually taken. Measured on 2 parts of a batch of 128, they change what a scan
finds: rank correlation of clean_prob .966 on 800 table rows and .941 on 1,797 digits (docs/adr/0004-ranks.md).
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from labelaudit.training.ranks import Ranks


def share_batch_norm(model: nn.Module, ranks: Ranks) -> nn.Module:
    """Return the network with every batch norm made to see the whole batch; names in its state stay as they are.

    On GPUs torch's SyncBatchNorm with its own kernels, which the CPU does not have.
    """
    if ranks.size == 1:
        return model
    if next(model.parameters()).device.type == "cuda":
        return cast(nn.Module, nn.SyncBatchNorm.convert_sync_batchnorm(model))  # type: ignore[no-untyped-call]
    for name, child in list(model.named_modules()):
        if isinstance(child, nn.BatchNorm1d | nn.BatchNorm2d):
            parent = model.get_submodule(name.rpartition(".")[0])
            setattr(parent, name.rpartition(".")[2], SharedBatchNorm(child, ranks))
    return model


class SharedBatchNorm(_BatchNorm):
    """A batch norm that takes the place of another and its parameters."""

    def __init__(self, other: _BatchNorm, ranks: Ranks) -> None:
        super().__init__(other.num_features, other.eps, other.momentum, affine=other.affine, track_running_stats=True)
        if other.momentum is None or not (other.affine and other.track_running_stats):
            raise ValueError("only batch norms with a momentum, weights and running statistics can be shared")
        self.weight, self.bias = other.weight, other.bias
        self.running_mean, self.running_var = other.running_mean, other.running_var
        self.num_batches_tracked = other.num_batches_tracked
        self._ranks = ranks

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the name in torch
        """Return the normalised (B, C, ...) input; in train mode by the statistics of all ranks' parts together."""
        if not self.training or self.running_mean is None or self.running_var is None or self.momentum is None:
            return F.batch_norm(input, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        mean, var, count = _moments(input.detach(), self._ranks)
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(var * (count / (count - 1.0)), self.momentum)
            if self.num_batches_tracked is not None:
                self.num_batches_tracked += 1
        return cast(Tensor, _Normalise.apply(input, self.weight, self.bias, mean, var, self.eps, count, self._ranks))

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002
        del input


def _moments(values: Tensor, ranks: Ranks) -> tuple[Tensor, Tensor, float]:
    """Return (C,) mean and biased variance over all ranks, and how many values a channel has."""
    # torch.var_mean takes 25 times as long where channels are last
    mean, var = torch.ops.aten.batch_norm_update_stats(values.float(), None, None, 0.0)
    n = values.numel() / values.shape[1]
    mean64, var64 = mean.double(), var.double()  # a variance is a difference: too close in single precision
    sums = ranks.sum_(torch.cat([mean64 * n, (var64 + mean64**2) * n, mean64.new_tensor([n])]))
    count = float(sums[-1])
    whole_mean, whole_square = (sums[:-1] / count).chunk(2)
    return whole_mean.float(), (whole_square - whole_mean**2).clamp_min(0.0).float(), count


class _Normalise(torch.autograd.Function):
    """The textbook's gradient, with its two means taken over all ranks."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        mean: Tensor,
        var: Tensor,
        eps: float,
        count: float,
        ranks: Ranks,
    ) -> Tensor:
        ctx.save_for_backward(x, weight, mean, var)
        ctx.eps, ctx.count, ctx.ranks = eps, count, ranks
        return F.batch_norm(x, mean, var, weight, bias, eps=eps)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        x, weight, mean, var = ctx.saved_tensors
        _, for_weight, for_bias = torch.ops.aten.native_batch_norm_backward(
            gradient, x, weight, mean, var, mean, var, train=False, eps=ctx.eps, output_mask=[False, True, True]
        )  # with fixed statistics
        sums = ctx.ranks.sum_(torch.stack([for_weight.float(), for_bias.float()])) / ctx.count
        inverse = torch.rsqrt(var + ctx.eps)
        scale = weight * inverse
        slope = -scale * inverse * sums[0]  # slope * x + offset comes from the statistics' own gradients
        offset = -scale * sums[1] - slope * mean
        shape = (1, -1) + (1,) * (x.ndim - 2)
        inner = torch.addcmul(offset.view(shape), slope.view(shape), x.float())
        inner.addcmul_(scale.view(shape), gradient.float())
        return inner.to(x.dtype), for_weight, for_bias, None, None, None, None, None
