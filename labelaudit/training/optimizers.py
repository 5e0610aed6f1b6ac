"""SGD and AdamW by torch's own fused functions, without torch's optimiser classes.

Those import the compiler when they are first used, only to tell it to leave them alone: a second of every scan.
State and names are theirs, so that a checkpoint of one can be read by the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.optim.adamw import adamw
from torch.optim.sgd import sgd

State = dict[str, Tensor]  # what is remembered of one parameter
Update = Callable[..., None]  # (parameters, gradients, states, lr=, weight_decay=): changes parameters and states


class Optimizer:
    """Parameters in groups, what is remembered of each, and how a step changes them.

    Args:
        groups: "params", "lr" and "weight_decay" of each group.
        update: changes the parameters of a group in place.
    """

    def __init__(self, groups: Sequence[Mapping[str, Any]], update: Update) -> None:
        self.param_groups = [{**group, "params": list(group["params"])} for group in groups]
        self.state: dict[Tensor, State] = {}
        self._update = update

    @torch.no_grad()
    def step(self) -> None:
        """Change every parameter that has a gradient."""
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            states = [self.state.setdefault(p, {}) for p in params]
            if params:
                self._update(
                    params, [p.grad for p in params], states, lr=group["lr"], weight_decay=group["weight_decay"]
                )

    def zero_grad(self, set_to_none: bool = True) -> None:  # noqa: FBT001, FBT002 - the signature of torch
        """Forget the gradients."""
        for parameter in self._parameters():
            if set_to_none:
                parameter.grad = None
            elif parameter.grad is not None:
                parameter.grad.zero_()

    def state_dict(self) -> dict[str, Any]:
        """Return the state by the number of the parameter, and the groups with numbers for parameters."""
        number = {parameter: place for place, parameter in enumerate(self._parameters())}
        groups = [{**group, "params": [number[p] for p in group["params"]]} for group in self.param_groups]
        return {"state": {number[p]: dict(state) for p, state in self.state.items()}, "param_groups": groups}

    def load_state_dict(self, stored: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned: copies, on the device of each parameter."""
        parameters = self._parameters()
        self.state = {
            parameters[place]: {name: value.to(parameters[place].device, copy=True) for name, value in state.items()}
            for place, state in stored["state"].items()
        }
        for group, other in zip(self.param_groups, stored["param_groups"], strict=True):
            group.update({name: value for name, value in other.items() if name != "params"})

    def _parameters(self) -> list[Tensor]:
        return [parameter for group in self.param_groups for parameter in group["params"]]


def make_sgd(params: Sequence[Tensor], *, momentum: float, nesterov: bool, weight_decay: float) -> Optimizer:
    """Return stochastic gradient descent."""
    groups = [{"params": params, "lr": _ANY_LR, "weight_decay": weight_decay}]
    return Optimizer(groups, partial(_sgd_, momentum=momentum, nesterov=nesterov))


def make_adamw(groups: Sequence[Mapping[str, Any]]) -> Optimizer:
    """Return AdamW with torch's defaults.

    Args:
        groups: "params" and "weight_decay" of each.
    """
    return Optimizer([{"lr": _ANY_LR, **group} for group in groups], _adamw_)


def _sgd_(
    params: list[Tensor],
    grads: list[Tensor],
    states: list[State],
    *,
    lr: float,
    weight_decay: float,
    momentum: float,
    nesterov: bool,
) -> None:
    buffers = [state.get("momentum_buffer") for state in states] if momentum else []
    sgd(
        params,
        grads,
        buffers,
        fused=True,
        weight_decay=weight_decay,
        momentum=momentum,
        lr=lr,
        dampening=0.0,
        nesterov=nesterov,
        maximize=False,
    )
    for state, buffer in zip(states, buffers, strict=bool(momentum)):
        if buffer is not None:
            state["momentum_buffer"] = buffer


def _adamw_(params: list[Tensor], grads: list[Tensor], states: list[State], *, lr: float, weight_decay: float) -> None:
    for parameter, state in zip(params, states, strict=True):
        if not state:
            state["step"] = torch.zeros((), dtype=torch.float32, device=parameter.device)
            state["exp_avg"] = torch.zeros_like(parameter, memory_format=torch.preserve_format)
            state["exp_avg_sq"] = torch.zeros_like(parameter, memory_format=torch.preserve_format)
    adamw(
        params,
        grads,
        [state["exp_avg"] for state in states],
        [state["exp_avg_sq"] for state in states],
        [],
        [state["step"] for state in states],
        fused=True,
        amsgrad=False,
        beta1=0.9,
        beta2=0.999,
        lr=lr,
        weight_decay=weight_decay,
        eps=1e-8,
        maximize=False,
    )


_ANY_LR = 0.1  # set before every step
