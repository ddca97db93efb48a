"""The floating-point operations that an epoch needs: unique tokens only, and nothing computed twice.

A frozen matrix of P weights costs 2P operations a token forward and 2P for the gradient by its input; a LoRA matrix 2P
more for its own gradient. The output layer is frozen, too, and needed at supervised rows alone. Attention costs 4 d
operations for each query, key it sees, and head of d dimensions forward, and twice that backward.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from midcourse.learn.items import examples
from midcourse.learn.layout import build
from midcourse.trace.tree import Trace


def needed(model: Any, traces: Sequence[Trace]) -> dict[str, float]:
    """Operations by kind, of `model` with its LoRA, one epoch of `dpo` on `traces`."""
    import torch

    tokens = rows = seen = 0
    for example in examples(traces):
        layout = build([example])
        tokens += len(layout)
        rows += len(set(layout.row_T))
        seen += sum(position + 1 for position in layout.position_N)
    head = model.get_output_embeddings()
    body = lora = 0
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear) and module is not head:
            if ".lora_" in name:
                lora += module.weight.numel()
            else:
                body += module.weight.numel()
    config = model.config.get_text_config()
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return {
        "body": 4.0 * body * tokens,
        "lora": 6.0 * lora * tokens,
        "head": 4.0 * head.weight.numel() * rows,
        "attention": 12.0 * width * config.num_attention_heads * config.num_hidden_layers * seen,
    }
