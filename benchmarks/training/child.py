"""One measurement in a process of its own, so that peak memory is its own: a cell as JSON in, its result as JSON out.

    python -m benchmarks.training.child '{"side": "midcourse", "shape": [256, 4], "dtype": "float32"}'

With "memory", in bytes, a measurement that needs more ends as {"failed": "memory"} and takes it from nobody.
"""

from __future__ import annotations

import json
import resource
import sys
from typing import Any

from benchmarks.training import machine
from benchmarks.training.pairs import Shape

MODEL = "bundled"


def main() -> None:
    """Print the result as the last line."""
    cell = json.loads(sys.argv[1])
    if "memory" in cell and sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_DATA, (cell["memory"], cell["memory"]))
    try:
        found = measure(cell)
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "allocate memory" not in str(error):
            raise
        found = {"failed": "memory", "memory": cell.get("memory")}
    print(json.dumps(found))


def measure(cell: dict[str, Any]) -> dict[str, Any]:
    """The result of `cell`."""
    import torch

    torch.set_num_threads(machine.threads())
    shape, dtype = Shape(*cell["shape"]), cell["dtype"]
    if cell["side"] == "midcourse":
        from benchmarks.training import ours

        return ours.measure(MODEL, shape, dtype)
    from benchmarks.training import theirs

    recompute = cell.get("recompute", False)
    return theirs.measure(MODEL, shape, dtype, cell["batch"], cell["limit"], recompute=recompute)


if __name__ == "__main__":
    main()
