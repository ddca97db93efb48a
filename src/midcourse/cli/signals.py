"""Ctrl-C and SIGTERM in a long run: the first asks it to stop where nothing is lost, the second stops it at once."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from midcourse.learn.run.stop import Stop


@contextmanager
def stopping() -> Iterator[Stop]:
    """A `Stop` that a signal asks for as long as this lasts; raises `KeyboardInterrupt` where nobody hears it."""
    stop = Stop()

    def handle(*_: Any) -> None:
        if stop.asked or not stop.heard:
            raise KeyboardInterrupt
        stop.asked = True
        os.write(2, b"\nstopping after this step, with a checkpoint; once more stops at once\n")  # print may be at work

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
