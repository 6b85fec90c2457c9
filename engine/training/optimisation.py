"""Optimizers and schedules, torch's own, with a state that is tensors and plain numbers."""

from typing import Any

import torch
from torch import Tensor, nn, optim

MOMENTUM = 0.9
PLATEAU_FACTOR = 0.5
PLATEAU_EPOCHS = 2
_KEPT = ("params", "fused", "foreach", "capturable", "differentiable", "maximize")
"""Of a parameter group: how this process computes, which a checkpoint does not decide."""


def make_optimizer(name: str, weights: list[nn.Parameter], learning_rate: float, decay: float) -> optim.Optimizer:
    """The optimizer of that name over `weights`; fused into one pass over memory where torch has that.

    On CUDA all it works with is on the device, the count of its steps too, so that a step can be captured.
    """
    fused = all(weight.device.type in ("cpu", "cuda") for weight in weights)
    capturable = all(weight.device.type == "cuda" for weight in weights)
    match name:
        case "adam":
            return optim.Adam(weights, learning_rate, weight_decay=decay, fused=fused, capturable=capturable)
        case "adamw":
            return optim.AdamW(weights, learning_rate, weight_decay=decay, fused=fused, capturable=capturable)
        case "rmsprop":
            return optim.RMSprop(weights, learning_rate, weight_decay=decay, capturable=capturable)
        case "sgd":
            return optim.SGD(weights, learning_rate, MOMENTUM, weight_decay=decay, nesterov=True, fused=fused)
    raise ValueError(f"no optimizer is called {name}")


class Scheduler:
    """How the learning rate moves: here not at all."""

    every_step = True  # else after every epoch, by its validation loss

    def step(self, validation_loss: float = 0.0) -> None:
        """Set the learning rate of the next step; the loss counts where it is called after an epoch."""

    def state(self) -> dict[str, Any]:
        """Plain numbers to go on from."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on as the scheduler would that gave `state`."""


class _OneCycle(Scheduler):
    def __init__(self, optimizer: optim.Optimizer, peak: float, steps: int) -> None:
        self._inner = optim.lr_scheduler.OneCycleLR(
            optimizer, peak, total_steps=steps, cycle_momentum=False, final_div_factor=1e3
        )

    def step(self, validation_loss: float = 0.0) -> None:  # noqa: ARG002 - a Scheduler
        self._inner.step()

    def state(self) -> dict[str, Any]:
        state = self._inner.state_dict()
        return {"last_epoch": state["last_epoch"], "count": state["_step_count"]}

    def restore(self, state: dict[str, Any]) -> None:
        known = {"last_epoch": state["last_epoch"], "_step_count": state["count"]}
        self._inner.load_state_dict(self._inner.state_dict() | known)


class _Plateau(Scheduler):
    every_step = False

    def __init__(self, optimizer: optim.Optimizer) -> None:
        self._inner = optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=PLATEAU_FACTOR, patience=PLATEAU_EPOCHS)

    def step(self, validation_loss: float = 0.0) -> None:
        self._inner.step(validation_loss)

    def state(self) -> dict[str, Any]:
        inner = self._inner
        return {"best": inner.best, "bad": inner.num_bad_epochs, "last_epoch": inner.last_epoch}

    def restore(self, state: dict[str, Any]) -> None:
        self._inner.best, self._inner.num_bad_epochs = state["best"], state["bad"]
        self._inner.last_epoch = state["last_epoch"]


def make_scheduler(name: str, optimizer: optim.Optimizer, learning_rate: float, steps: int) -> Scheduler:
    """The schedule of that name over so many steps, `learning_rate` its largest."""
    match name:
        case "constant":
            return Scheduler()
        case "one-cycle":
            return _OneCycle(optimizer, learning_rate, steps)
        case "reduce-on-plateau":
            return _Plateau(optimizer)
    raise ValueError(f"no schedule is called {name}")


def optimizer_state(optimizer: optim.Optimizer) -> tuple[dict[str, Tensor], list[dict[str, Any]]]:
    """Its tensors, named by the weight's position, and its groups' plain numbers."""
    state = optimizer.state_dict()
    tensors = {
        f"optimizer.{position}.{name}": value
        for position, values in state["state"].items()
        for name, value in values.items()
        if isinstance(value, Tensor)
    }
    groups = [{name: value for name, value in group.items() if name not in _KEPT} for group in state["param_groups"]]
    return tensors, groups


def restore_optimizer(optimizer: optim.Optimizer, tensors: dict[str, Tensor], groups: list[dict[str, Any]]) -> None:
    """Put the state of `optimizer_state` back.

    `Optimizer.load_state_dict` is not used: it would overwrite `fused`, and leave moments in another memory
    layout than their weights, which fused optimizers take for granted to be the same.
    """
    for group, values in zip(optimizer.param_groups, groups, strict=True):
        group.update({name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    for key, value in tensors.items():
        part, _, rest = key.partition(".")
        if part != "optimizer":
            continue
        position, _, name = rest.partition(".")
        weight = weights[int(position)]
        if value.shape == weight.shape:
            moment = torch.empty_like(weight, memory_format=torch.preserve_format).copy_(value)
            optimizer.state[weight][name] = moment.detach()
        else:  # a step count: on the CPU unless the optimizer counts on the device
            group = optimizer.param_groups[0]
            on_device = weight.device.type == "cuda" and (group.get("fused") or group.get("capturable"))
            optimizer.state[weight][name] = value.to(weight.device if on_device else "cpu")
