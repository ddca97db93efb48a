"""One run of the model in one trace: a thread that asks the desk for tokens, keeps them, and tells who listens."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Literal

from midcourse.errors import MidcourseError
from midcourse.session import Stream
from midcourse.studio.schemas.traces import RunView

if TYPE_CHECKING:
    from midcourse.studio.live.trace import LiveTrace

TOLD = 1.0  # seconds between two messages about how quickly it writes
WORTH = 64  # tokens from which on it is worth saying that they are being read
log = logging.getLogger("midcourse.studio")
Ended = Literal["end", "limit", "stopped", "left", "failed"]


class Run:
    """What the model writes, from the request to the end. `view` is what was told about it last."""

    def __init__(self, trace: LiveTrace, stream: Stream, asked: float, ahead: int) -> None:
        self.trace = trace
        self.stream = stream
        self.asked = asked  # when it was asked for, by `time.perf_counter`
        self.over = threading.Event()
        self.quiet = False  # whoever halted it tells what has become of the trace
        self.left = False  # nobody was watching any more
        self.unwatched = 0.0  # seconds since somebody did
        self.view = RunView(state="queued", ahead=ahead)
        self._first = self._told = 0.0
        self._tokens = 0

    def __call__(self) -> None:
        """Write until the end."""
        message = None
        try:
            for step in self.stream:
                now = time.perf_counter()
                self._tokens += 1
                with self.trace.lock:
                    if self._tokens == 1:
                        self._first = self._told = now
                        self._tell(self._writing(now))
                    elif now - self._told >= TOLD:
                        self._told = now
                        self._tell(self._writing(now))
                    self.trace.wrote(step)
        except MidcourseError as error:
            message = str(error)
        except Exception:
            log.exception("a run has failed")
            message = "something went wrong in the studio; its log says what"
        finally:
            self.stream.close()
        self.end(message)

    def reads(self, fed: int, reused: int) -> None:
        """The model begins to read; on the desk's thread, if there is one."""
        if fed >= WORTH:
            with self.trace.lock:
                self._tell(RunView(state="reading", reused=reused, read=fed))

    def end(self, message: str | None = None) -> None:
        """It is over: say why, and what the trace is now."""
        ended: Ended = self.stream.ended or "stopped"
        if message is not None:
            ended = "failed"
        elif ended == "stopped" and self.left:
            ended = "left"
        last = self._writing(time.perf_counter()).model_dump()
        self.view = RunView(**{**last, "state": "idle", "ended": ended, "message": message})
        self.trace.ended(self)
        self.over.set()

    def _writing(self, now: float) -> RunView:
        if not self._tokens:
            return self.view.model_copy(update={"state": "writing", "ahead": 0})
        reuse = self.stream.reuse if any(self.stream.reuse or ()) else None  # only an endpoint may know
        seconds = now - self._first
        return RunView(
            state="writing",
            reused=reuse.reused if reuse else None,
            read=reuse.fed if reuse else None,
            first_token_ms=round((self._first - self.asked) * 1000, 1),
            tokens=self._tokens,
            tokens_per_second=round((self._tokens - 1) / seconds, 1) if self._tokens > 1 and seconds > 0 else None,
        )

    def _tell(self, view: RunView) -> None:
        self.view = view
        self.trace.tell_run(self)
