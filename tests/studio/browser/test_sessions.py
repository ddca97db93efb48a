"""Ten people at one model: it serves them in turn, and everybody gets to the end."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from tests.studio import engines
from tests.studio.browser.listener import Listener
from tests.studio.browser.process import Studio

SESSIONS = 10
TOKENS = 240


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """Its model never ends an answer by itself."""
    with Studio(engines.model(), tmp_path_factory.mktemp("studio")) as studio:
        yield studio


def begin(studio: Studio, number: int, *, go_on: bool = False) -> str:
    """A conversation of which the model writes `TOKENS` tokens."""
    message = {"role": "user", "content": f"Person {number}: " + "tell me more. " * (3 * number)}
    sampling = {"temperature": 1.0, "seed": number, "max_tokens": TOKENS}
    made = studio.post("/traces", {"messages": [message], "sampling": sampling, "go_on": go_on}, code=201)
    return str(made["trace"])


def test_ten_sessions_share_the_model(studio: Studio, record_property: pytest.RecordProperty) -> None:
    """When the first is done nobody is far behind, though their prompts differ in length."""
    ids = [begin(studio, number) for number in range(SESSIONS)]
    behind: list[float] = []
    with ExitStack() as stack:
        listeners = [stack.enter_context(Listener(studio, id)) for id in ids]
        with ThreadPoolExecutor(SESSIONS) as pool:
            asked = [pool.submit(studio.post, f"/traces/{one.id}/write", {"version": one.version}) for one in listeners]
            assert [one.result()["trace"] for one in asked] == ids
        first = {}
        for one in listeners:
            one.wait(lambda one=one: one.state == "idle" and one.view["run"]["ended"], "the end of the answer")
            first[one.id] = one.ids
        assert {len(done) for done in first.values()} == {TOKENS}
        assert {one.view["run"]["ended"] for one in listeners} == {"limit"}
        behind = spread(listeners)
    assert max(behind) <= 0.5
    record_property("progress when half of all was written", [round(one, 2) for one in behind])
    for id, ids_ in first.items():
        stored = studio.trace(id)
        assert stored.answer(stored.head) == ids_
    studio.sound()


def spread(listeners: list[Listener]) -> list[float]:
    """How far each session was from the median, in shares of an answer, when the median was half through."""
    times = [[at for at, (name, data) in zip(one.times, one.seen, strict=True) if name == "token"] for one in listeners]
    half = statistics.median(one[TOKENS // 2] for one in times)
    progress = [sum(at <= half for at in one) / TOKENS for one in times]
    middle = statistics.median(progress)
    return [abs(one - middle) for one in progress]


def test_one_who_leaves_and_one_who_stops_do_not_hold_up_the_others(studio: Studio) -> None:
    ids = [begin(studio, number) for number in range(3)]
    with ExitStack() as stack:
        leaving, stopping, staying = (stack.enter_context(Listener(studio, id)) for id in ids)
        for one in (leaving, stopping, staying):
            studio.post(f"/traces/{one.id}/write", {"version": one.version})
        leaving.tokens(1)
        leaving.leave()
        stopping.tokens(1)
        studio.post(f"/traces/{stopping.id}/stop")
        stopping.idle()
        staying.wait(lambda: staying.view["run"]["ended"], "the end of the answer")
        assert staying.view["run"]["ended"] in ("limit", "end")
        stored = studio.trace(stopping.id)
        assert stored.answer(stored.head) == stopping.ids
