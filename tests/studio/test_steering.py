"""A conversation through the API: start, stream, stop, steer, go on, undo; two tabs; reload; leave; restart."""

from __future__ import annotations

from midcourse.trace import problems
from tests.studio.running import TOKEN, Running
from tests.studio.tab import Tab, begin


def tab(studio: Running, trace: str | None = None) -> Tab:
    return Tab(studio.url, TOKEN, trace)


def check(studio: Running, *tabs: Tab) -> None:
    """The tabs, the server and the store agree."""
    for one in tabs:
        one.wait_idle()
        assert one.misfits == []
        assert one.trace == one.get()
    first = tabs[0]
    stored = studio.services.store.get(str(first.watched))
    assert problems(stored) == []
    assert stored.answer(stored.head) == first.ids
    assert len(stored.steers) == len(first.trace["steers"])


def test_the_whole_way(studio: Running) -> None:
    id = begin(studio.client, max_tokens=40)
    with tab(studio, id) as one:
        one.wait_idle()
        assert len(one.ids) == 40 or one.trace["ended"]
        check(studio, one)
        before = one.ids
        done = one.post("steer", action="correct", depth=5, text=" right", go_on=True)
        assert done["steer"] == 0
        one.wait_idle()
        assert one.ids[:4] == before[:4]
        check(studio, one)
        [steer] = one.trace["steers"]
        assert steer["kind"] == "correction"
        assert steer["on_path"]
        [fork] = one.trace["forks"]
        assert len(fork["branches"]) == 2
        after = one.ids
        one.post("undo")
        one.post("undo")
        check(studio, one)
        assert one.ids == before
        one.post("redo")
        one.post("redo")
        assert one.ids == after
        check(studio, one)
