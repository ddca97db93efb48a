"""Endpoints that can do less than llama.cpp's own: found out, said, and steered on exactly through their text."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from midcourse.engine.choice import Sampling
from midcourse.engine.llamacpp.embedded import Embedded
from midcourse.engine.openai.engine import OpenAIEngine
from midcourse.engine.openai.replies import pieces
from midcourse.errors import EndpointError, ModelError, UserError
from midcourse.remote import Remote, RemoteSettings
from midcourse.session import Session
from midcourse.trace import problems
from midcourse.trace.text import to_text
from tests.engine import beds, proxy
from tests.toys import ToyTokenizer
from tests.waiting import PATIENCE

Open = Callable[..., OpenAIEngine]
SAID = [{"role": "user", "content": "say the"}]


@pytest.fixture(scope="module")
def server() -> Iterator[Embedded]:
    served = beds.serve(ascii=True, ends=True)
    yield served
    served.close()


@pytest.fixture
def through(server: Embedded) -> Iterator[Open]:
    """An engine that sees the server through a door."""
    doors: list[proxy.Proxy] = []
    engines: list[OpenAIEngine] = []

    def make(refuse: proxy.Refuse, change: proxy.Change = lambda value: value, **options: Any) -> OpenAIEngine:
        cut = options.pop("cut_after", None)
        doors.append(proxy.Proxy(server.url, server.key.get_secret_value(), refuse, change, cut_after=cut))
        tokenizer = options.pop("tokenizer", beds.loaded(ascii=True, ends=True).tokenizer)
        remote = Remote(doors[-1].url, RemoteSettings(retries=1, wait=0.01))
        try:
            engines.append(OpenAIEngine(remote, tokenizer, "tiny", **options))
        except BaseException:
            remote.close()
            raise
        return engines[-1]

    yield make
    for engine in engines:
        engine.close()
    for door in doors:
        door.close()


def everything(path: str, body: dict[str, Any]) -> None:
    """Nothing is refused."""


# ---- what is found out -------------------------------------------------------------------------------------------


def test_what_each_endpoint_can_is_found_out(through: Open) -> None:
    whole = through(everything).found
    assert (whole.way, whole.ids_back, whole.top, whole.extras, whole.context) == ("ids", False, 20, True, 320)
    text = through(proxy.text_only, proxy.without_ids).found
    assert (text.way, text.top, text.extras) == ("text", 20, True)
    bare = through(proxy.strict, proxy.without_logprobs).found
    assert (bare.way, bare.top, bare.extras) == ("text", 0, False)
    strict = through(proxy.strict).found
    assert (strict.way, strict.top) == ("text", 5)
    chat = through(proxy.chat_only).found
    assert (chat.way, chat.ids_back, chat.top) == ("chat", False, 20)


def test_ids_that_an_endpoint_names_are_taken(through: Open) -> None:
    """As vLLM does, with `return_token_ids`."""

    def named(reply: dict[str, Any]) -> dict[str, Any]:
        for choice in reply.get("choices", []):
            content = (choice.get("logprobs") or {}).get("content") or []
            choice["token_ids"] = [one["id"] for one in content]
            choice["logprobs"] = {
                "tokens": [f"token_id:{one['id']}" for one in content],
                "token_logprobs": [one["logprob"] for one in content],
                "top_logprobs": [
                    {f"token_id:{other['id']}": other["logprob"] for other in one["top_logprobs"]} for one in content
                ],
            }
        return reply

    engine = through(everything, named)
    assert engine.abilities.exact_ids
    bed = beds.Bed(engine, beds.loaded(ascii=True, ends=True))
    prompt = beds.ids(12)
    steps = list(engine.stream(prompt, Sampling(), max_tokens=6, top=3))
    assert [step.id for step in steps] == bed.greedy(prompt, 6)
    assert all(step.top[0].id == step.id and step.top[0].logprob == step.logprob for step in steps)


def test_where_nothing_can_be_steered_is_said(through: Open) -> None:
    with pytest.raises(UserError, match="does not go on with an answer that has begun"):
        through(proxy.forgetful)


def test_other_tokens_are_refused(through: Open) -> None:
    with pytest.raises(UserError, match=r"not those of the model|nothing can be steered|has no /completions"):
        through(everything, tokenizer=ToyTokenizer())


def test_ids_that_mean_something_else_are_refused(through: Open) -> None:
    def shifted(reply: dict[str, Any]) -> dict[str, Any]:
        for choice in reply.get("choices", []):
            content = (choice.get("logprobs") or {}).get("content") or []
            choice["token_ids"] = [one["id"] + 1 for one in content]
        return reply

    with pytest.raises(ModelError, match="the tokens of tiny are not those"):
        through(everything, shifted)


def test_the_models_of_an_endpoint(through: Open) -> None:
    found = through(everything).found.model
    assert through(everything, model=found).found.model == found
    with pytest.raises(UserError, match="has no model 'other', but"):
        through(everything, model="other")


# ---- steering ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("refuse", "change"),
    [
        (everything, lambda value: value),
        (proxy.text_only, proxy.without_ids),
        (proxy.strict, proxy.without_logprobs),
        (proxy.chat_only, lambda value: value),
        (proxy.chat_only, proxy.without_logprobs),
    ],
    ids=["ids", "text", "bare", "chat", "chat, bare"],
)
def test_steers_are_exact_whatever_the_endpoint_can(through: Open, refuse: proxy.Refuse, change: proxy.Change) -> None:
    """The texts of all of them are those of the same model here; corrections with characters of several bytes too."""
    engine = through(refuse, change)
    here = beds.bed("transformers", ascii=True, ends=True)
    texts = []
    for one in (engine, here.engine):
        session = Session.start(SAID, one, lambda _: None)
        for _ in session.resume(max_tokens=6):
            pass
        session.steer("é 中🙂 x", byte=3)
        for _ in session.resume(max_tokens=8):
            pass
        assert problems(session.trace) == []
        (steer,) = session.trace.steers
        assert steer.chosen is not None
        texts.append((to_text(one.tokenizer, session.answer()), session.ended))
    assert texts[0] == texts[1]


def test_a_chat_is_sent_the_conversation_and_the_answer_so_far(through: Open) -> None:
    engine = through(proxy.chat_only)
    session = Session.start(SAID, engine, lambda _: None, system="be brief")
    session.steer("the one")
    next(session.resume(max_tokens=3))
    session.stop()
    with pytest.raises(UserError, match="only takes conversations"):
        list(engine.stream(beds.ids(9), Sampling(), max_tokens=2))


def test_nobody_there() -> None:
    remote = Remote("http://127.0.0.1:1/v1", RemoteSettings(retries=0))
    with pytest.raises(EndpointError, match="does not answer, after 1 try"):
        OpenAIEngine(remote, ToyTokenizer(), "toy")
    remote.close()


def test_many_requests_at_once(through: Open) -> None:
    """As many as the client may have under way, and no more."""
    busy, most, lock = [0], [0], threading.Lock()
    several = threading.Event()

    def counted(path: str, body: dict[str, Any]) -> None:
        if not body.get("stream"):
            return
        with lock:
            busy[0] += 1
            most[0] = max(most[0], busy[0])
            if busy[0] > 1:
                several.set()
        several.wait(PATIENCE)
        with lock:
            busy[0] -= 1

    engine = through(counted)
    rows = engine.batch([beds.ids(9, seed=seed) for seed in range(12)], Sampling(), max_tokens=4)
    assert len(rows) == 12
    assert all(row.ids for row in rows)
    assert 2 <= most[0] <= engine.remote.settings.concurrency


# ---- replies -----------------------------------------------------------------------------------------------------


def test_replies_without_a_choice_are_empty_pieces() -> None:
    assert pieces({"choices": [], "usage": {}}).text == ""
    assert pieces({"choices": [{"index": 0, "delta": {"role": "assistant", "content": None}}]}).text == ""


def test_both_shapes_of_probabilities_say_the_same() -> None:
    lists = {
        "text": " a b", "finish_reason": "length",
        "logprobs": {
            "tokens": [" a", " b"], "token_logprobs": [-0.5, None], "top_logprobs": [{" a": -0.5, " x": -1.0}, None],
        },
    }  # fmt: skip
    objects = {
        "text": " a b", "finish_reason": "length",
        "logprobs": {
            "content": [
                {
                    "token": " a", "logprob": -0.5,
                    "top_logprobs": [{"token": " a", "logprob": -0.5}, {"token": " x", "logprob": -1.0}],
                },
                {"token": " b", "logprob": None, "top_logprobs": []},
            ]
        },
    }  # fmt: skip
    one, other = (pieces({"choices": [choice]}) for choice in (lists, objects))
    assert repr(one) == repr(other)
    assert one.finish == "length"


# ---- endpoints that misbehave ------------------------------------------------------------------------------------


def test_a_stream_that_just_ends_is_no_answer(through: Open) -> None:
    """A proxy that gives up closes the connection, and nothing else says that words are missing."""
    engine = through(everything)
    prompt = beds.ids(12)
    whole = [step.id for step in engine.stream(prompt, Sampling(), max_tokens=6)]
    cut = through(everything, cut_after=3)
    found: list[int] = []
    with pytest.raises(EndpointError, match="broke off in mid-answer"):
        found.extend(step.id for step in cut.stream(prompt, Sampling(), max_tokens=6))
    assert 0 < len(found) < 6
    assert found == whole[: len(found)]


def test_what_goes_wrong_with_one_of_many_is_said_as_it_is(through: Open) -> None:
    cut = through(everything, cut_after=3)
    with pytest.raises(EndpointError, match="broke off in mid-answer"):
        cut.batch([beds.ids(9, seed=seed) for seed in range(3)], Sampling(), max_tokens=6)


@pytest.mark.parametrize("reply", ["null", "[]", "{}", '{"choices": []}', '{"choices": null}', '"ok"'])
def test_replies_that_are_none_are_no_answers(through: Open, reply: str) -> None:
    with pytest.raises(UserError, match="nothing can be steered there"):
        through(everything, lambda _: json.loads(reply))


def test_what_is_not_there_is_said_to_be_a_matter_of_the_address(through: Open) -> None:
    with pytest.raises(UserError, match=r"\(404 no such thing\): an address goes up to its /v1, and --endpoint-model"):
        through(lambda *_: (404, "no such thing"))
