"""The weights that a run trains: all of them, a new adapter, or the one that is there; and room to save them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from midcourse.atomic import saving
from midcourse.errors import DiskError, UserError
from midcourse.learn.cluster import gathered
from midcourse.learn.cluster.processes import ALONE, Processes
from midcourse.learn.settings import TrainSettings
from midcourse.models import adapters

if TYPE_CHECKING:
    from midcourse.models.loaded import Loaded


def prepare(loaded: Loaded, settings: TrainSettings) -> None:
    """Make the weights that `settings` want trained want gradients, in float32. Raises `UserError`, `ModelError`."""
    if settings.full:
        if loaded.has_adapter:
            raise UserError("full fine-tuning of a model with an adapter: merge the adapter first, or leave it out")
        if getattr(loaded.model, "quantization_method", None) is not None:
            raise UserError("weights that are held in few bits cannot be trained: leave --full or --quantize out")
        loaded.model.float().requires_grad_(True)  # a step of training is less than bfloat16 can tell apart
        loaded.dtype = torch.float32
        return
    if loaded.has_adapter and settings.fresh:
        model: Any = loaded.model
        loaded.model, loaded.adapter = model.unload(), None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        adapters.add_lora(loaded, settings.lora_rank, settings.lora_alpha, settings.lora_dropout, settings.lora_targets)


def count(loaded: Loaded) -> int:
    """How many numbers are trained."""
    return sum(weight.numel() for weight in loaded.model.parameters() if weight.requires_grad)


def keep(model: torch.nn.Module, file: Path, step: int, everyone: Processes = ALONE) -> None:
    """Write the trained weights and the step that they are of into `file`, whole or not at all. Raises `DiskError`."""
    found = {name: gathered.whole(weight).detach().cpu().contiguous() for name, weight in _trained(model)}
    everyone.on_main(lambda: _write(found, file, step))


def _write(found: dict[str, torch.Tensor], file: Path, step: int) -> None:
    part = file.with_name(f".{file.name}.part")
    with saving(file):
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            save_file(found, part, {"step": str(step)})
            with part.open("rb+") as written:
                os.fsync(written.fileno())
            os.replace(part, file)
        finally:
            part.unlink(missing_ok=True)


@torch.no_grad()
def take(model: torch.nn.Module, file: Path, step: int, everyone: Processes = ALONE) -> None:
    """Put the weights that `keep` wrote after `step` back into the model."""

    def read() -> dict[str, torch.Tensor]:
        with safe_open(file, "pt") as kept:
            assert kept.metadata() == {"step": str(step)}, "the best weights are of another step"
            return {name: kept.get_tensor(name) for name, _ in _trained(model)}

    found = everyone.on_main(read)
    for name, weight in _trained(model):
        weight.copy_(gathered.like(weight, found[name]))


def _trained(model: torch.nn.Module) -> list[tuple[str, torch.nn.Parameter]]:
    return [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]


def room(loaded: Loaded, settings: TrainSettings, output: Path) -> None:
    """Raises `DiskError` now, rather than after training, where there is no room for what will be written."""
    kept = settings.keep_checkpoints + 1 if settings.checkpoint_every else 0
    weights = sum(w.numel() * w.element_size() for w in loaded.model.parameters() if w.requires_grad)
    needed = weights * (1 + 3 * kept)  # a checkpoint holds AdamW's two averages beside the weights
    if (free := shutil.disk_usage(output).free) < needed:
        raise DiskError(
            f"{output}: the disk is full: {needed / 1e6:,.1f} MB are needed for what is trained, and "
            f"{free / 1e6:,.1f} MB are free; nothing was trained"
        )
