"""Who may use the studio is decided before anything is loaded, from settings that a person may get wrong."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from midcourse import config
from midcourse.engines import EngineSettings
from midcourse.errors import UserError
from midcourse.studio import access, listen
from midcourse.studio.access import Access
from midcourse.studio.settings import StudioSettings
from midcourse.web import listen as sockets
from tests.ran import Ran

LONG = "long-enough-for-others"


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this user's own secrets are."""
    for name in ("XDG_STATE_HOME", "HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "state"))
    return tmp_path / "state"


@contextmanager
def granted(**given: Any) -> Iterator[Access]:
    settings = StudioSettings(**{"port": 0} | given)
    listening = sockets.sockets(settings)
    try:
        yield listen.granted(settings, listening)
    finally:
        sockets.close(listening)


def test_by_default_only_this_machine_reaches_it() -> None:
    listening = sockets.sockets(StudioSettings(port=0))
    assert [made.getsockname()[0] for made in listening] == ["127.0.0.1"]
    sockets.close(listening)


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_other_machines_need_a_chosen_token(host: str) -> None:
    for given in ({}, {"token": "short"}, {"token": LONG}, {"allow_host": ["box.example"]}):
        with pytest.raises(UserError, match=r"--token-file|--allow-host"), granted(host=host, **given):
            pass
    with granted(host=host, token=LONG, allow_host=["Box.example"]) as found:
        own = {f"{name}:{found.port}" for name in ("127.0.0.1", "localhost", "[::1]", "box.example")}
        assert found.hosts == {*own, "box.example"}  # a proxy may stand before it, at the standard port


def test_localhost_is_this_machine() -> None:
    with granted(host="localhost") as found:
        assert f"localhost:{found.port}" in found.hosts


@pytest.mark.parametrize("host", ["no.such.host.invalid", "192.0.2.1", "a" * 70, "x y", "\x00"])
def test_a_host_that_is_not_here_is_one_clear_error(mc: Callable[..., Ran], tmp_path: Path, host: str) -> None:
    ran = mc("studio", "--no-browser", "--port", "0", f"--host={host}", "--store", tmp_path / "none.db")
    assert ran.code == 2
    assert len(ran.err.strip().splitlines()) == 1


def test_a_port_that_is_taken_is_one_clear_error(mc: Callable[..., Ran], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = mc("studio", "--no-browser", "--port", port, "--store", tmp_path / "traces.db")
    assert ran.code == 2
    [line] = ran.err.strip().splitlines()
    assert line.startswith(
        f"error: cannot listen at 127.0.0.1, port {port}: Address already in use; give another --port"
    )


def test_the_standard_port_can_be_left_away() -> None:
    assert sockets.hosts(["127.0.0.1", "::1"], ["a.b"], 80) >= {"127.0.0.1", "[::1]", "a.b", "a.b:80"}
    assert sockets.hosts(["127.0.0.1"], [], 81) == {"127.0.0.1:81"}


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({}, "http://127.0.0.1:7/"),
        ({"host": "localhost"}, "http://localhost:7/"),
        ({"host": "::1"}, "http://[::1]:7/"),
        ({"host": "0.0.0.0", "allow_host": ["box.example"]}, "http://box.example:7/"),
        ({"host": "::", "allow_host": ["[fe80::1]"]}, "http://[fe80::1]:7/"),
        ({"allow_host": ["box.example:8443"]}, "http://box.example:8443/"),
    ],
)
def test_the_address_can_be_followed(given: dict[str, Any], shown: str) -> None:
    assert listen.url(StudioSettings(**given), 7) == shown
    assert httpx.URL(shown).netloc.decode() in sockets.hosts(
        ["127.0.0.1", "::1"], ["localhost", *given.get("allow_host", [])], 7
    )


def test_a_token_file_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "new" / "token"
    with granted(token_file=file) as first:
        assert file.read_text().strip() == first.token
        assert file.stat().st_mode & 0o777 == 0o600
    with granted(token_file=file) as second:
        assert second.token == first.token
        assert second.key == first.key


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o622, 0o666])
def test_a_token_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "token"
    file.write_text(LONG)
    file.chmod(mode)
    with pytest.raises(UserError, match="chmod 600") as caught, granted(token_file=file):
        pass
    assert LONG not in str(caught.value)


@pytest.mark.parametrize("text", ["", "two words", "a\nb", "ä" * 20, "a;b", "x" * 300, "a\x00b"])
def test_a_token_file_holds_one_token(tmp_path: Path, text: str) -> None:
    file = tmp_path / "token"
    file.touch(0o600)
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match="one token") as caught, granted(token_file=file):
        pass
    assert not text or text not in str(caught.value)


def test_a_token_file_that_cannot_be_read_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for file in (tmp_path / "folder", Path("/proc/none/token"), tmp_path / ("a" * 300)):
        with pytest.raises(UserError, match="the secret cannot be"), granted(token_file=file):
            pass


@pytest.mark.parametrize("token", ["", "two words", "a;b", 'a"b', "a,b", "ä", "a\nb", "x" * 201, "<script>"])
def test_a_token_is_plain(token: str) -> None:
    with pytest.raises(ValueError, match="characters"):
        StudioSettings(token=token)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["http://a", "a:", "a:b", "a:123456", "a/b", "*", "", "a b", ".*", "[::1"])
def test_an_allowed_host_is_a_name(name: str) -> None:
    with pytest.raises(ValueError, match="no name of a host"):
        StudioSettings(allow_host=[name])


def test_tokens_are_new_each_time_and_cookies_stay(state: Path) -> None:
    with granted() as first, granted() as second:
        assert first.token != second.token
        assert len(first.token) >= 32
        assert first.key == second.key
    again = Access("other", first.hosts, first.port, second.key)
    assert again.signed_here(first.signed())
    [kept] = state.rglob("studio.key")
    assert kept.stat().st_mode & 0o777 == 0o600


def test_a_cookie_is_for_one_port() -> None:
    first = Access("a", frozenset(), 1, b"key")
    assert not Access("a", frozenset(), 2, b"key").signed_here(first.signed())


def test_another_chosen_token_locks_everyone_out() -> None:
    with granted(token=LONG) as first, granted(token=LONG + "2") as second:
        assert not Access(second.token, second.hosts, first.port, second.key).signed_here(first.signed())


def test_without_a_place_for_a_key_the_studio_still_starts(state: Path) -> None:
    state.write_text("no folder")
    with granted() as found:
        assert found.signed_here(found.signed())


def test_an_old_ticket_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Access("a", frozenset(), 1, b"key")
    monkeypatch.setattr(access, "TICKET", -1.0)
    assert not found.takes(found.ticket())


def test_secrets_are_not_shown_by_accident() -> None:
    with granted(token=LONG) as found:
        assert LONG not in repr(found) + repr(StudioSettings(token=LONG)) + str(StudioSettings(token=LONG))  # type: ignore[arg-type]
        assert repr(found.key) not in repr(found)


def test_the_settings_that_are_shown_are_read(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "studio.md").read_text(encoding="utf-8")
    [shown] = re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "studio.yaml").write_text(shown)
    assert config.resolve(StudioSettings, None, tmp_path / "studio.yaml").port == 9000
    engines = EngineSettings.model_fields.keys() - {"engine"}  # docs/cli.md has those
    for name in StudioSettings.model_fields.keys() - engines:
        assert f"`MIDCOURSE_{name.upper()}" in page
