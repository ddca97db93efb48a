"""Several processes of one run: who computes what of a step, and how what they found becomes one.

`accelerate launch` and `torchrun` start the same command several times and say in the environment who is who. Every
process reads the same traces, has the same trained weights, and runs its share of each optimizer step; the gradients
are then added up, once a step. A loss is divided by one constant for the whole run, so the sum over processes is the
gradient that one process would have had, whoever computed which part of it.

Invariant: every process makes the same calls of `Processes` in the same order, and what it decides, it decides from
values that all of them have.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from midcourse.errors import ElsewhereError, MidcourseError

Value = TypeVar("Value")
BUCKET = 1 << 26  # numbers that are added up at once: 256 MiB in float32


@dataclass(frozen=True, slots=True)
class Processes:
    """This process is number `rank` of `count`; `device` is where what is exchanged has to be."""

    rank: int = 0
    count: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def main(self) -> bool:
        """Whether this is the process that writes and reports."""
        return self.rank == 0

    def total(self, values: Sequence[float]) -> list[float]:
        """The sums of `values` over all processes, parallel to them."""
        return self._reduced(values, "SUM")

    def most(self, value: int) -> int:
        """The largest `value` of any process."""
        return int(self._reduced([value], "MAX")[0])

    def gather(self, value: Value) -> list[Value]:
        """The values of all processes, by rank; tensors in them must be on the CPU."""
        if self.count == 1:
            return [value]
        found: list[Any] = [None] * self.count
        torch.distributed.all_gather_object(found, value)
        return found

    def on_main(self, function: Callable[[], Value]) -> Value:
        """What `function` returns in the main process, which alone calls it.

        Raises what it raised there, and `ElsewhereError` with the same exit code in the other processes.
        """
        if self.count == 1:
            return function()
        outcome: list[Any] = [None, None]
        raised = None
        if self.main:
            try:
                outcome[0] = function()
            except MidcourseError as error:
                raised, outcome[1] = error, error.exit_code
        torch.distributed.broadcast_object_list(outcome, src=0)
        if raised is not None:
            raise raised
        if outcome[1] is not None:
            raise ElsewhereError(outcome[1])
        found: Value = outcome[0]
        return found

    def wait(self) -> None:
        """Go on when all processes are here."""
        self.total([0.0])

    @torch.no_grad()
    def agree(self, weights: Iterable[Tensor]) -> None:
        """Give all processes the main one's `weights`; those that are sharded belong to all of them anyway."""
        if self.count > 1:
            for weight in _plain(weights):
                torch.distributed.broadcast(weight.data, src=0)

    @torch.no_grad()
    def add_up(self, weights: Iterable[Tensor]) -> None:
        """Replace the gradient of every weight by its sum over the processes; none where no process has one.

        Gradients of sharded weights are left alone: they were added up when they were made.
        """
        trained = [weight for weight in _plain(weights) if weight.requires_grad]
        if self.count == 1 or not trained:
            return
        somewhere = self.total([float(weight.grad is not None) for weight in trained])
        used = [weight for weight, count in zip(trained, somewhere, strict=True) if count]
        for bucket in _buckets(used):
            parts = [torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in bucket]
            flat = torch.cat([part.reshape(-1) for part in parts])
            torch.distributed.all_reduce(flat)
            sizes = [weight.numel() for weight in bucket]
            for weight, part in zip(bucket, torch.split(flat, sizes), strict=True):
                weight.grad = part.view_as(weight).clone()

    def _reduced(self, values: Sequence[float], how: str) -> list[float]:
        if self.count == 1:
            return list(values)
        both = torch.tensor(values, dtype=torch.float64, device=self.device)
        torch.distributed.all_reduce(both, getattr(torch.distributed.ReduceOp, how))
        found: list[float] = both.tolist()
        return found


ALONE = Processes()


def launched() -> bool:
    """Whether a launcher started several of us."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def speaks() -> bool:
    """Whether this process reports: the first, or the only one."""
    return int(os.environ.get("RANK", "0")) == 0


def join(device: torch.device) -> Processes:
    """Meet the other processes that the launcher started, if there are any. `device` is where this one computes."""
    if not launched():
        return ALONE
    from accelerate import PartialState

    state = PartialState(cpu=device.type == "cpu")
    return Processes(state.process_index, state.num_processes, state.device)


def leave() -> None:
    """Take leave of the other processes at the end of a run that went well."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


@contextmanager
def undivided() -> Iterator[None]:
    """Inside, accelerate wraps nothing and casts nothing: what its configuration wants of that is done by us."""
    from accelerate.utils import patch_environment

    with patch_environment(ACCELERATE_USE_FSDP="false", ACCELERATE_MIXED_PRECISION="no"):
        yield


def divide(costs: Sequence[int], count: int) -> list[list[int]]:
    """The numbers of what costs `costs`, divided among `count` processes, each share in ascending order.

    The dearest goes first, each to whoever has the least so far (Graham 1969: at most 4/3 of the best division).
    """
    shares: list[list[int]] = [[] for _ in range(count)]
    loads = [0] * count
    for number in sorted(range(len(costs)), key=lambda number: (-costs[number], number)):
        least = min(range(count), key=loads.__getitem__)
        shares[least].append(number)
        loads[least] += costs[number]
    return [sorted(share) for share in shares]


def _plain(weights: Iterable[Tensor]) -> list[Tensor]:
    """Those that every process has whole."""
    return [weight for weight in weights if not hasattr(weight, "full_tensor")]


def _buckets(weights: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """`weights` in order, neighbours of one dtype together as long as they are not too many."""
    bucket: list[Tensor] = []
    for weight in weights:
        size = sum(one.numel() for one in bucket) + weight.numel()
        if bucket and (size > BUCKET or weight.dtype != bucket[0].dtype):
            yield bucket
            bucket = []
        bucket.append(weight)
    if bucket:
        yield bucket


def trained(model: nn.Module) -> list[Tensor]:
    """The weights that want gradients."""
    return [weight for weight in model.parameters() if weight.requires_grad]
