"""The process of one job: `python -m midcourse.studio.jobs.child`, with the store's URL and the job's number on stdin.

It is started by the studio and lives on without it. It gives way to the studio: lower priority, and the first to go
where memory runs out. What becomes of the job is in the store before the process ends; if it is killed, the next one to
look at the run's folder finds its lock gone.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from contextlib import suppress
from pathlib import Path

from midcourse.cli.signals import stopping
from midcourse.errors import MidcourseError, Stopped
from midcourse.learn.run import checkpoints
from midcourse.learn.run.stop import Stop
from midcourse.store import Store
from midcourse.store.jobs import Change, Job
from midcourse.studio.jobs import folder
from midcourse.studio.jobs.reporter import Reporter
from midcourse.studio.jobs.work import WORK

NICE = 10


def main() -> int:
    """Do the job that standard input names."""
    given = json.load(sys.stdin)
    give_way()
    with Store.open(given["store"], create=False, migrate=False) as store:
        path = Path(store.jobs.get(given["job"]).folder or "")
        with folder.held(path), stopping() as stop:
            job = store.jobs.claim(os.getpid(), id=given["job"])
            if job is not None:  # otherwise somebody else has it, or nobody wants it any more
                with Reporter(store, job.id) as reporter:
                    reporter.end(**_done(job, path, reporter, stop))
    return 0


def give_way() -> None:
    """Let everything else on this machine go first, as far as the system has words for it."""
    if sys.platform == "win32":
        import psutil

        psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
        return
    os.nice(NICE)
    if sys.platform == "linux":
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("500")


def _done(job: Job, path: Path, reporter: Reporter, stop: Stop) -> Change:
    """Do the work; what has become of the job."""
    try:
        return {"state": "done", "metrics": WORK[job.kind](job, path, reporter, stop), "message": None}
    except Stopped as stopped:
        return {"state": "stopped", "message": f"{stopped}"}
    except KeyboardInterrupt:
        last = checkpoints.last(path)
        kept = f"it can go on from {last.name}" if last else "it can begin again"
        return {"state": "stopped", "message": f"stopped at once; {kept}"}
    except MidcourseError as error:
        print(error, file=sys.stderr)
        return {"state": "failed", "message": str(error)[:2000]}
    except Exception as error:  # noqa: BLE001 - whatever it is, the person who waits hears of it
        traceback.print_exc()
        return {"state": "failed", "message": f"it failed with {type(error).__name__}: {str(error)[:500]}"}


if __name__ == "__main__":
    sys.exit(main())
