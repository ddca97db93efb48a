"""The server as a process of its own: what it says, how it ends, and what it refuses before anything is loaded."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest

from midcourse.web import listen
from midcourse.web.place import Place
from tests import forked
from tests.ran import Ran
from tests.serve.running import said
from tests.waiting import PATIENCE

KEY = "a-key-that-nobody-should-see"


@pytest.mark.parametrize(
    ("number", "code", "by"), [(signal.SIGINT, 130, subprocess.Popen), (signal.SIGTERM, 0, forked.Popen)]
)
def test_from_start_to_end(
    model: Path, trained: dict[str, Path], tmp_path: Path, number: int, code: int, by: type[subprocess.Popen[Any]]
) -> None:
    config = tmp_path / "serve.yaml"
    config.write_text(f"model: {model}\nname: tiny\nport: 0\nadapter: [poet={trained['poet']}]\n")
    process = by(
        [sys.executable, "-m", "midcourse", "serve", "--config", str(config)],
        stderr=subprocess.PIPE,
        env=os.environ | {"OMP_NUM_THREADS": "1", "MIDCOURSE_API_KEY": KEY},
        text=True,
    )
    watchdog = threading.Timer(PATIENCE, process.kill)
    watchdog.start()
    try:
        assert process.stderr is not None
        lines: list[str] = []
        while "ready" not in lines:
            lines.append(process.stderr.readline().rstrip("\n"))
            assert lines[-1], lines
        [url] = re.findall(r"http://127.0.0.1:[0-9]+/v1$", lines[0])
        with openai.OpenAI(base_url=url, api_key=KEY, max_retries=0, timeout=PATIENCE) as client:
            assert [one.id for one in client.models.list()] == ["tiny", "poet"]
            how = {"messages": said(), "temperature": 0, "max_tokens": 5}
            texts = [
                client.chat.completions.create(model=name, **how).choices[0].message.content  # type: ignore[call-overload]
                for name in ("tiny", "poet")
            ]
            with pytest.raises(openai.NotFoundError):
                client.chat.completions.create(model="nobody", **how)  # type: ignore[call-overload]
        assert texts[0] != texts[1]
        process.send_signal(number)
        rest = process.stderr.read()
        assert process.wait(PATIENCE) == code
    finally:
        watchdog.cancel()
        process.kill()
        process.wait(PATIENCE)
        process.stderr.close()
    whole = "\n".join([*lines, rest])
    assert "the server has ended" in whole
    assert re.search(r"^\d\d:\d\d:\d\d POST /v1/chat/completions 404 \d+ ms$", whole, re.MULTILINE)
    assert KEY not in whole
    assert "Traceback" not in whole


def test_what_is_refused_before_anything_is_loaded(mc: Callable[..., Ran], tmp_path: Path) -> None:
    [taken] = listen.sockets(Place())
    with taken:
        port = taken.getsockname()[1]
        for flags, why in (
            (["--port", str(port)], f"cannot listen at 127.0.0.1, port {port}"),
            (["--port", "0", "--host", "0.0.0.0"], "--api-key-file or MIDCOURSE_API_KEY"),
            (["--port", "0", "--adapter", f"poet={tmp_path}"], "--adapter: poet: .* is no adapter"),
            (["--port", "0", "--api-key", "with blanks in it"], "--api-key: .*should be 1 to 200"),
            (["--port", "0", "--model", str(tmp_path)], "is no model"),
        ):
            ran = mc("serve", *flags)
            assert ran.code == 2, ran.err
            assert re.search(why, " ".join(ran.err.split())), ran.err
            assert "with blanks in it" not in ran.err
