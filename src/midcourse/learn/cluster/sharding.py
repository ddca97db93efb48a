"""Frozen weights divided among processes (FSDP2): each holds its part of every layer and borrows the rest when it runs.

What is trained beside frozen weights, an adapter, is small and stays whole in every process, so that its gradients, its
optimizer and its checkpoints are those of an undivided run. Where all weights are trained, gradients and optimizer are
divided with them.

Each decoder layer is borrowed when it runs and given back; embedding, last norm and head are borrowed when the model
is entered, and given back after the backward pass, or at once where there will be none. We enter by other ways than its
`forward`, so whatever touches weights runs `inside`. A layer that one process runs, all must run: they meet to lend.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import nn

from midcourse.errors import ConfigError, Problem

Value = TypeVar("Value")
_ENTRANCE = "midcourse_entrance"


def wanted() -> bool:
    """Whether the launcher was told to shard (`accelerate launch --use_fsdp`)."""
    return os.environ.get("ACCELERATE_USE_FSDP", "false").lower() == "true" and int(os.environ.get("WORLD_SIZE", 1)) > 1


def check(model: nn.Module) -> None:
    """Raise `ConfigError` for what accelerate's configuration asks of FSDP and we cannot do."""
    if os.environ.get("FSDP_OFFLOAD_PARAMS", "false").lower() == "true":
        what = "is not supported: leave it out; with --quantize 4bit a model takes a quarter of the memory"
        raise ConfigError([Problem("accelerate's configuration", what, field="fsdp_offload_params")])
    if any(not weight.is_floating_point() for weight in model.parameters()):
        what = "weights of few bits are not divided: leave it out, so that each process holds all of them (DDP)"
        raise ConfigError([Problem("accelerate's configuration", what, field="use_fsdp")])


def shard(model: nn.Module, device: torch.device, count: int, dtype: torch.dtype) -> None:
    """Divide the weights of `model` among `count` processes and move them to `device`, in place.

    Frozen matrices in float32 become `dtype`. Weights that want gradients are divided only where all weights do.
    Gradients of those come out averaged over the processes.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method

    check(model)
    weights = list(model.parameters())
    whole = set() if all(weight.requires_grad for weight in weights) else {w for w in weights if w.requires_grad}
    for weight in whole:
        weight.data = weight.data.to(device)
    for module in model.modules():  # for good: to have them back, every process would have to keep all of them
        if isinstance(module, nn.Linear) and not module.weight.requires_grad and module.weight.dtype == torch.float32:
            module.weight.data = module.weight.data.to(dtype)
    again = os.environ.get("FSDP_RESHARD_AFTER_FORWARD", "true").lower() not in ("false", "shard_grad_op")
    options: dict[str, Any] = {"mesh": init_device_mesh(device.type, (count,)), "ignored_params": whole}
    for layer in _layers(model):
        fully_shard(layer, reshard_after_forward=again, **options)
    fully_shard(model, reshard_after_forward=False, **options)
    setattr(model, _ENTRANCE, lambda function: function())
    register_fsdp_forward_method(model, _ENTRANCE)


def inside(model: nn.Module, function: Callable[[], Value]) -> Value:
    """`function()` where all that the model needs is at hand: what it touches of a divided model is borrowed."""
    enter = vars(model).get(_ENTRANCE)
    if enter is None or vars(model).get("_midcourse_entered"):
        return function()
    vars(model)["_midcourse_entered"] = True
    try:
        found: Value = enter(function)
    finally:
        vars(model)["_midcourse_entered"] = False
    if not torch.is_grad_enabled():
        _give_back(model)
    return found


def _give_back(model: Any) -> None:
    """Return what was borrowed without a backward pass that does.

    Otherwise the first to look at the weights would, and where that is the main process alone, writing a checkpoint,
    the processes would no longer agree on what has to be borrowed.
    """
    if hasattr(model, "reshard"):
        model.reshard()


def enter_by(model: nn.Module, entrance: Callable[[Callable[[], Any]], Any] | None) -> None:
    """Let `inside` call its function through `entrance`; None for no entrance."""
    vars(model)[_ENTRANCE] = entrance


def is_divided(model: nn.Module) -> bool:
    """Whether there is an entrance that all processes have to take together."""
    return vars(model).get(_ENTRANCE) is not None


def _layers(model: nn.Module) -> list[nn.Module]:
    """The decoder layers: the longest list of modules that is in no other."""
    lists = [module for module in model.modules() if isinstance(module, nn.ModuleList)]
    inner = {id(below) for one in lists for below in one.modules() if below is not one}
    return max(([*one] for one in lists if id(one) not in inner), key=len, default=[])
