"""One run of the studio in this process, from its sockets to its exit code."""

from __future__ import annotations

import os
import sys
import threading
import webbrowser

from midcourse import engines
from midcourse.studio import listen, server
from midcourse.studio.alone import alone
from midcourse.studio.services import Say
from midcourse.studio.settings import StudioSettings
from midcourse.web import listen as sockets
from midcourse.web import server as web


def run(settings: StudioSettings, say: Say) -> int:
    """Serve until Ctrl-C (which is 130) or SIGTERM (which is 0).

    Raises `UserError`, before anything is loaded, where settings do not fit together, it cannot listen, or another
    studio has this store.
    """
    engines.checked(settings, settings.adapter)
    os.environ.pop("MIDCOURSE_TOKEN", None)  # children have no need of it
    with alone(settings.store) as tell:
        listening = sockets.sockets(settings)
        try:
            access = listen.granted(settings, listening)
        except BaseException:
            sockets.close(listening)
            raise
        tell(listen.url(settings, access.port))
        say(f"the studio: {listen.url(settings, access.port, access.token)}")
        say(f"loading {settings.model}; Ctrl-C ends the studio")

        def ready() -> None:
            say("ready")
            if settings.browser and _has_display():
                url = listen.url(settings, access.port, access.ticket())
                threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()  # some wait for their end

        serving = server.Server(access)
        return web.run(
            serving,
            listening,
            server.opened(serving, settings, say),
            ready,
            end=lambda: say("the studio has ended; everything is in the store"),
        )


def _has_display() -> bool:
    if sys.platform in ("win32", "darwin"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
