"""The command line: every command parses, calls one function and renders.

Results go to standard output, progress and notices to standard error. Exit codes: 0 done, 1 failed, 2 bad usage or
input, 130 interrupted. Heavy modules are imported inside the commands, so that `--help` answers at once.
"""

from __future__ import annotations

from midcourse.cli.app import main

__all__ = ["main"]
