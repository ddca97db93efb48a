"""DeepSpeed's engine around the model (ZeRO 1 and 2): optimizer and gradients divided among processes.

The engine wants to see every forward pass, all processes to do the same number of backward passes, and to be told which
is the last of a step; it averages gradients, and takes the step itself. Stage 3 divides the weights as well and lends
them module by module, where we read some without their module's forward: that is refused, and FSDP 2 does it instead.
"""

from __future__ import annotations

import os
from typing import Any

from torch import Tensor, nn

from midcourse.errors import ConfigError, Problem
from midcourse.learn.cluster import sharding


def check(accelerator: Any) -> None:
    """Raise `ConfigError` for what is asked of DeepSpeed and we cannot do."""
    plugin = accelerator.state.deepspeed_plugin
    if plugin is None:
        if os.environ.get("ACCELERATE_USE_DEEPSPEED", "false").lower() == "true":
            what = "is not in use; start several processes with `accelerate launch --use_deepspeed`"
            raise ConfigError([Problem("accelerate's configuration", what, field="use_deepspeed")])
        return
    if plugin.zero_stage == 3:
        what = "is not supported: take 2, or --use_fsdp where the model does not fit (docs/clusters.md)"
        raise ConfigError([Problem("accelerate's configuration", what, field="zero_stage")])


def enter_by(model: nn.Module, engine: Any) -> None:
    """From now on whatever runs `inside` the model runs inside the engine's forward pass."""
    really: Any = model.forward

    def forward(*arguments: Any, **named: Any) -> Any:
        return arguments[0]() if arguments and callable(arguments[0]) else really(*arguments, **named)

    model.forward = forward
    sharding.enter_by(model, engine)


def leave(model: nn.Module) -> None:
    """Undo `enter_by`."""
    vars(model).pop("forward", None)
    sharding.enter_by(model, None)


def backward(engine: Any, loss: Tensor, count: int, *, last: bool) -> None:
    """Backward pass of one of a step's losses, `last` of this process's, whose gradients `count` processes average."""
    engine.set_gradient_accumulation_boundary(last)
    engine.backward(loss * count, scale_wrt_gas=False)
