"""`python -m tests.acceptance.limited SIZE RIGHTS MODULE …` runs a module in a process that may less.

No file that it writes grows beyond SIZE bytes (`-`: no limit); where RIGHTS is `none`, root obeys those of files, too.
"""

from __future__ import annotations

import ctypes
import resource
import runpy
import sys

DAC = 1 << 1 | 1 << 2  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH
VERSION = 0x20080522  # _LINUX_CAPABILITY_VERSION_3


def obey() -> None:
    """Give up the two capabilities that let root pass over the rights of files."""
    libc = ctypes.CDLL(None, use_errno=True)
    self, sets = (ctypes.c_uint32 * 2)(VERSION, 0), (ctypes.c_uint32 * 6)()
    assert libc.capget(self, sets) == 0
    for number in (0, 1):  # effective and permitted
        sets[number] &= ~DAC
    assert libc.capset(self, sets) == 0


if __name__ == "__main__":
    size, rights = sys.argv[1:3]
    sys.dont_write_bytecode = True  # Python would cut a module that it compiles just now, and find that whole later
    if size != "-":
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(size), int(size)))
    if rights == "none":
        obey()
    del sys.argv[:3]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
