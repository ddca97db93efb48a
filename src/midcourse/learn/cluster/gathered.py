"""Checkpoints of a run that trains all weights, divided among processes: gathered, so that any number can take them up.

    model*.safetensors   all weights, as `save_pretrained` writes them
    optimizer.pt         AdamW's averages by the weights' names
    scheduler.pt         where the learning rate is

Every process must make each of these calls; the main one writes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn


def whole(weight: Tensor) -> Tensor:
    """A weight, whole, in every process."""
    found: Tensor = weight.full_tensor() if hasattr(weight, "full_tensor") else weight
    return found


def like(weight: Any, value: Tensor) -> Tensor:
    """`value`, which every process has whole, divided as `weight` is."""
    if not hasattr(weight, "device_mesh"):
        return value
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(value.to(weight.device), weight.device_mesh, weight.placements)


def weights(model: nn.Module) -> dict[str, Any]:
    """All weights, whole and on the CPU, in the main process; {} in the others."""
    from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

    return get_model_state_dict(model, options=StateDictOptions(full_state_dict=True, cpu_offload=True))


def save(model: nn.Module, optimizer: Any, scheduler: Any, folder: Path, *, main: bool) -> None:
    """Write what goes on beside the weights. `optimizer` is accelerate's wrapper of one."""
    from torch.distributed.checkpoint.state_dict import StateDictOptions, get_optimizer_state_dict

    options = StateDictOptions(full_state_dict=True, cpu_offload=True)
    averages = get_optimizer_state_dict(model, optimizer.optimizer, options=options)
    if main:
        torch.save(averages, folder / "optimizer.pt")
        torch.save(scheduler.state_dict(), folder / "scheduler.pt")


def load_weights(model: nn.Module, folder: Path) -> None:
    """Take up the weights of a checkpoint."""
    from safetensors.torch import load_file
    from torch.distributed.checkpoint.state_dict import StateDictOptions, set_model_state_dict

    whole: dict[str, Tensor] = {}
    for file in sorted(folder.glob("model*.safetensors")):
        whole |= load_file(file)
    # one of two names for tied weights is not written
    set_model_state_dict(model, dict(whole), options=StateDictOptions(full_state_dict=True, strict=False))


def load_rest(model: nn.Module, optimizer: Any, scheduler: Any, folder: Path) -> None:
    """Take up what `save` wrote."""
    from torch.distributed.checkpoint.state_dict import StateDictOptions, set_optimizer_state_dict

    averages = torch.load(folder / "optimizer.pt", map_location="cpu", weights_only=True)
    set_optimizer_state_dict(model, optimizer.optimizer, averages, options=StateDictOptions(full_state_dict=True))
    scheduler.load_state_dict(torch.load(folder / "scheduler.pt", weights_only=True))
