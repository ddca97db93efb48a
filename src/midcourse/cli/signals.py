"""Ctrl-C and SIGTERM in a long run: the first asks it to stop where nothing is lost, the second stops it at once."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from midcourse.cli.console import say
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


@contextmanager
def kept(what: str) -> Iterator[None]:
    """Around work that goes on where it was when it is begun again: where Ctrl-C ends it, say so."""
    try:
        yield
    except KeyboardInterrupt:
        say(f"what is {what} so far is kept; the same command goes on from there")
        raise
