"""`python -m tests.acceptance.limited SIZE MODULE …` runs a module; no file that it writes grows beyond SIZE bytes."""

from __future__ import annotations

import resource
import runpy
import sys

if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
    del sys.argv[:2]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
