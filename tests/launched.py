"""Starting a command in two processes on this machine, and being sure that they end."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests import forked
from tests.ports import reserved
from tests.ran import Ran

LIMIT = 300  # seconds; a launch that hangs is killed, and the test fails


def launch(
    *command: object, processes: int = 2, by: str = "torchrun", when: Callable[[], bool] | None = None, folder: Path
) -> Ran:
    """Run `python -m COMMAND…` in `processes` processes, one thread each; interrupt the launcher as soon as `when()`.

    `by` is `torchrun` or `accelerate`. What they print is kept in `folder`.
    """
    launcher = {
        "torchrun": ["torch.distributed.run", "--nproc_per_node", processes, "--master_addr", "127.0.0.1"],
        "accelerate": ["accelerate.commands.launch", "--multi_gpu", "--num_processes", processes, "--num_machines", 1,
                       "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_ip", "127.0.0.1"],
    }[by]  # fmt: skip
    place = "--master_port" if by == "torchrun" else "--main_process_port"
    with reserved() as ours:
        return run(*launcher, place, ours.getsockname()[1], "-m", *command, when=when, folder=folder)


def run(*command: object, when: Callable[[], bool] | None = None, folder: Path) -> Ran:
    """Run `python -m COMMAND…`, which starts processes by itself, as `launch` does."""
    words = [sys.executable, "-m", *command]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "out").open("w+") as out, (folder / "err").open("w+") as err:
        child = forked.Popen(list(map(str, words)), stdout=out, stderr=err, env=environment, start_new_session=True)
        limit = time.monotonic() + LIMIT
        try:
            while child.poll() is None and time.monotonic() < limit:
                if when is not None and when():
                    child.send_signal(signal.SIGINT)
                    when = None
                time.sleep(0.1)
        finally:
            ended = child.poll() is not None
            if not ended:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
        said = [(folder / name).read_text() for name in ("out", "err")]
    assert ended, f"the processes did not end:\n{said[1]}"
    return Ran(child.returncode, *said)
