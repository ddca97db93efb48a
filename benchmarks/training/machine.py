"""What the machine is, how much memory this process has, and how fast matrices are multiplied here."""

from __future__ import annotations

import os
import platform
import resource
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

LIBRARIES = ("torch", "transformers", "peft", "accelerate", "trl")
ROWS = 2048


def environment() -> dict[str, Any]:
    """What results depend on besides the code."""
    return {
        "processor": _processor(),
        "threads": threads(),
        "python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
    }


def threads() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    file = Path("/proc/cpuinfo")
    if not file.exists():
        return platform.processor() or platform.machine()
    facts = dict(map(str.strip, line.split(":", 1)) for line in file.read_text().splitlines() if ":" in line)
    flags = facts.get("flags", "").split()
    units = [name for flag, name in (("avx2", "AVX2"), ("avx512f", "AVX-512"), ("amx_tile", "AMX")) if flag in flags]
    mhz = float(facts.get("cpu MHz", 0))
    return f"{facts.get('model name', platform.machine())}, {mhz / 1000:.1f} GHz, {', '.join(units)}"


def resident_bytes() -> int:
    """The memory that this process has now; 0 where that cannot be asked."""
    file = Path("/proc/self/statm")
    return int(file.read_text().split()[1]) * resource.getpagesize() if file.exists() else 0


def peak_bytes() -> int:
    """The most memory that this process has had so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


class Products:
    """The matrix products that a layer of `model` is made of, forward and by the input, `ROWS` rows at a time.

    Each call runs them once; `rate` is what all calls together reached, in floating-point operations a second. Called
    around and between steps, it says how fast the machine was just then, and what a step could reach that did nothing
    else.
    """

    def __init__(self, model: Any, dtype: str) -> None:
        import torch

        self.multiply = torch.mm
        self.seconds = self.operations = 0.0
        kind = getattr(torch, dtype)
        layer = [
            module for name, module in model.named_modules() if ".0." in f".{name}." and type(module) is torch.nn.Linear
        ]
        assert layer, "no layer of linear modules"
        self.pairs = []
        for inner, outer in [(module.in_features, module.out_features) for module in layer]:
            weight = torch.randn(outer, inner).to(kind)
            self.pairs += [(torch.randn(ROWS, inner).to(kind), weight.t()), (torch.randn(ROWS, outer).to(kind), weight)]
        for left, right in self.pairs:  # a first time costs more
            self.multiply(left, right)

    def __call__(self) -> None:
        started = time.perf_counter()
        for left, right in self.pairs:
            self.multiply(left, right)
        self.seconds += time.perf_counter() - started
        self.operations += sum(2.0 * left.shape[0] * left.shape[1] * right.shape[1] for left, right in self.pairs)

    @property
    def rate(self) -> float:
        return self.operations / self.seconds
