"""One run of the studio in this process, from its sockets to its exit code."""

from __future__ import annotations

import asyncio
import os
import sys
import webbrowser

from midcourse.studio import server
from midcourse.studio.services import Say
from midcourse.studio.settings import StudioSettings


def run(settings: StudioSettings, say: Say) -> int:
    """Serve until Ctrl-C or SIGTERM. Raises `UserError` before anything is loaded where it cannot listen."""
    listening = server.sockets(settings)
    try:
        access = server.access(settings, listening)
    except BaseException:
        for made in listening:
            made.close()
        raise
    host = settings.allow_host[0] if settings.allow_host else settings.host
    say(f"the studio: {server.url(host, access, secret=True)}")
    say(f"loading {settings.model}; Ctrl-C ends the studio")

    def ready() -> None:
        say("ready")
        if settings.browser and _has_display():
            webbrowser.open(server.url(host, access, secret=True))

    asyncio.run(server.serve(server.Server(access), settings, listening, say, ready))
    return 0


def _has_display() -> bool:
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
