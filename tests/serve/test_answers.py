"""What the server answers is what the model writes, in the shapes that OpenAI's own client reads."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import openai
import pytest

from midcourse.engine.hf import TransformersEngine
from midcourse.engine.sampling import Sampling, Step
from midcourse.serve.text import TextReply
from midcourse.serve.writers import Piece
from midcourse.trace.text import to_text
from tests.serve.running import NAME, Running, said
from tests.tokenizers import get

GREEDY: dict[str, Any] = {"model": NAME, "temperature": 0}


def written(engine: TransformersEngine, ids: list[int], count: int, sampling: Sampling | None = None) -> list[int]:
    return [step.id for step in engine.stream(ids, sampling or Sampling(), max_tokens=count, top=0)]


def text(engine: TransformersEngine, ids: list[int]) -> str:
    return to_text(engine.tokenizer, [id for id in ids if id not in engine.tokenizer.end_ids])


def test_a_conversation_is_answered(served: Running, engine: TransformersEngine) -> None:
    answer = served.client.chat.completions.create(messages=said(), max_tokens=12, **GREEDY)
    prompt = engine.tokenizer.prompt(said())
    expected = written(engine, prompt, 12)
    [choice] = answer.choices
    assert choice.message.role == "assistant"
    assert choice.message.content == text(engine, expected)
    assert choice.finish_reason == ("stop" if expected[-1] in engine.tokenizer.end_ids else "length")
    assert choice.logprobs is None
    assert answer.object == "chat.completion"
    assert answer.model == NAME
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (len(prompt), len(expected))
    assert answer.usage.total_tokens == len(prompt) + len(expected)


def test_an_answer_ends_where_the_model_ends_it(served: Running, engine: TransformersEngine) -> None:
    """With a seed that ends it; the token that ends an answer counts, and is no text."""
    for seed in range(400):
        drawn = Sampling(temperature=1.0, seed=seed)
        expected = written(engine, engine.tokenizer.prompt(said()), 60, drawn)
        if expected[-1] in engine.tokenizer.end_ids:
            break
    answer = served.client.chat.completions.create(model=NAME, messages=said(), seed=seed, max_tokens=60)
    assert answer.choices[0].finish_reason == "stop"
    assert answer.choices[0].message.content == text(engine, expected)
    assert answer.usage is not None
    assert answer.usage.completion_tokens == len(expected)


def test_parts_and_roles(served: Running) -> None:
    parts = [{"type": "text", "text": "Wh"}, {"type": "text", "text": "y?"}]
    one: Any = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": parts}]
    other: Any = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]
    found = [
        served.client.chat.completions.create(messages=given, max_completion_tokens=9, **GREEDY).choices[0].message
        for given in (one, other)
    ]
    assert found[0].content == found[1].content
    again: Any = [*other, found[1].model_dump(), *said("And?")]  # as clients send an answer back
    assert served.client.chat.completions.create(messages=again, max_tokens=3, **GREEDY).choices[0].message.content


def test_a_seed_is_an_answer(served: Running, engine: TransformersEngine) -> None:
    how: dict[str, Any] = {"model": NAME, "messages": said(), "max_tokens": 12, "top_p": 0.95}
    first = served.client.chat.completions.create(seed=7, temperature=0.9, n=3, extra_body={"top_k": 50}, **how)
    again = served.client.chat.completions.create(seed=7, temperature=0.9, n=3, extra_body={"top_k": 50}, **how)
    prompt = engine.tokenizer.prompt(said())
    expected = [
        text(engine, written(engine, prompt, 12, Sampling(temperature=0.9, top_p=0.95, top_k=50, seed=7 + n)))
        for n in range(3)
    ]
    assert [choice.message.content for choice in first.choices] == expected
    assert [choice.message.content for choice in again.choices] == expected
    assert [choice.index for choice in first.choices] == [0, 1, 2]
    assert len(set(expected)) == 3
    free = [served.client.chat.completions.create(**how).choices[0].message.content for _ in range(4)]
    assert len(set(free)) > 1


def test_log_probabilities_are_the_models_own(served: Running, engine: TransformersEngine) -> None:
    answer = served.client.chat.completions.create(
        model=NAME, messages=said(), max_tokens=8, temperature=1.3, seed=3, logprobs=True, top_logprobs=4
    )
    prompt = engine.tokenizer.prompt(said())
    steps = list(engine.stream(prompt, Sampling(temperature=1.3, seed=3), max_tokens=8, top=4))
    found = answer.choices[0].logprobs
    assert found is not None
    assert found.content is not None
    steps = [step for step in steps if step.id not in engine.tokenizer.end_ids]
    assert [one.token for one in found.content] == [engine.tokenizer.named(step.id) for step in steps]
    assert [one.logprob for one in found.content] == pytest.approx([step.logprob for step in steps], abs=1e-4)
    assert b"".join(bytes(one.bytes or []) for one in found.content).decode(errors="replace") == (
        answer.choices[0].message.content
    )
    for one, step in zip(found.content, steps, strict=True):
        assert [top.logprob for top in one.top_logprobs] == pytest.approx([top.logprob for top in step.top], abs=1e-4)


def test_a_message_is_gone_on_with(served: Running, engine: TransformersEngine) -> None:
    """As a steered answer goes on: the prompt, then exactly what was said so far."""
    begun = "because it is"
    ids = [*engine.tokenizer.prompt(said()), *engine.tokenizer.encode(begun)]
    messages: Any = [*said(), {"role": "assistant", "content": begun}]
    for more in ({}, {"add_generation_prompt": False}):
        answer = served.client.chat.completions.create(
            messages=messages, max_tokens=9, extra_body={"continue_final_message": True, **more}, **GREEDY
        )
        assert answer.choices[0].message.content == text(engine, written(engine, ids, 9))
        assert answer.usage is not None
        assert answer.usage.prompt_tokens == len(ids)
    plain = served.client.chat.completions.create(
        messages=said(), max_tokens=9, extra_body={"add_generation_prompt": False}, **GREEDY
    )
    ids = engine.tokenizer.prompt(said(), add_generation_prompt=False)
    assert plain.choices[0].message.content == text(engine, written(engine, ids, 9))


def test_ids_come_with_an_answer_where_they_are_wanted(served: Running, engine: TransformersEngine) -> None:
    prompt = engine.tokenizer.prompt(said())
    expected = written(engine, prompt, 10)
    body = {**GREEDY, "messages": said(), "max_tokens": 10, "return_token_ids": True}
    answer = served.post("/v1/chat/completions", body).json()
    assert answer["prompt_token_ids"] == prompt
    assert answer["choices"][0]["token_ids"] == expected
    events = list(served.events("/v1/chat/completions", body | {"stream": True}))
    assert events[0]["prompt_token_ids"] == prompt
    assert [id for event in events for id in event["choices"][0].get("token_ids", [])] == expected
    body = {**GREEDY, "prompt": prompt, "max_tokens": 10, "logprobs": 1, "return_tokens_as_token_ids": True}
    found = served.post("/v1/completions", body).json()["choices"][0]["logprobs"]["tokens"]
    assert found == [f"token_id:{id}" for id in expected if id not in engine.tokenizer.end_ids]


def test_texts_and_ids_are_gone_on_with(served: Running, engine: TransformersEngine) -> None:
    tokenizer = engine.tokenizer
    rendered = "".join(tokenizer.tokenizer.apply_chat_template(said(), tokenize=False, add_generation_prompt=True))
    prompts = [tokenizer.prompt(said()), tokenizer.whole("once upon")]
    expected = [text(engine, written(engine, ids, 10)) for ids in prompts]
    create = served.client.completions.create
    assert create(prompt=rendered, max_tokens=10, **GREEDY).choices[0].text == expected[0]
    assert create(prompt=prompts[0], max_tokens=10, **GREEDY).choices[0].text == expected[0]
    several = create(prompt=["once upon", rendered], n=2, max_tokens=10, **GREEDY)
    assert [choice.text for choice in several.choices] == [expected[1], expected[1], expected[0], expected[0]]
    assert [choice.index for choice in several.choices] == [0, 1, 2, 3]
    assert several.usage is not None
    assert several.usage.prompt_tokens == sum(map(len, prompts))
    assert [one.text for one in create(prompt=prompts, max_tokens=10, **GREEDY).choices] == expected
    assert create(prompt="", **GREEDY).usage.prompt_tokens == 1  # type: ignore[union-attr]


def test_log_probabilities_of_a_text(served: Running, engine: TransformersEngine) -> None:
    ids = engine.tokenizer.whole("once upon")
    answer = served.client.completions.create(prompt="once upon", max_tokens=8, logprobs=3, **GREEDY)
    found = answer.choices[0].logprobs
    steps = [
        step for step in engine.stream(ids, Sampling(), max_tokens=8, top=3) if step.id not in engine.tokenizer.end_ids
    ]
    assert found is not None
    assert found.token_logprobs == pytest.approx([step.logprob for step in steps], abs=1e-4)
    assert found.tokens == [engine.tokenizer.named(step.id) for step in steps]
    assert found.text_offset is not None
    assert found.text_offset[0] == 0
    for top, step in zip(found.top_logprobs or [], steps, strict=True):
        assert max(top.values()) == pytest.approx(step.top[0].logprob, abs=1e-4)


def test_tokens_that_share_a_character_begin_where_it_does() -> None:
    tok = get("byte-level")
    steps = [Step(id, -1.0, ()) for id in tok.encode("a🦜 b")]
    run: Any = SimpleNamespace(ask=SimpleNamespace(count=1, n=1, model=SimpleNamespace(tokenizer=tok, name="m")))
    reply = TextReply(run, logprobs=True, ids=False, as_ids=False, with_usage=False)
    offsets = [
        offset
        for piece in (steps[:1], steps[1:])
        for choice in reply.chunks(Piece(0, "", piece))
        for offset in choice["choices"][0]["logprobs"]["text_offset"]
    ]
    assert offsets == [0, 1, 1, 1, 2]


@pytest.mark.parametrize("stream", [False, True])
def test_what_stops_an_answer_is_no_part_of_it(served: Running, engine: TransformersEngine, stream: bool) -> None:
    whole = text(engine, written(engine, engine.tokenizer.prompt(said()), 30))
    for place in (3, 7, 11):
        stop = whole[place : place + 3]
        body = {**GREEDY, "messages": said(), "max_tokens": 30, "stop": [stop, "never said"], "stream": stream}
        if stream:
            events = list(served.events("/v1/chat/completions", body))
            found = "".join(event["choices"][0]["delta"].get("content", "") for event in events)
            finish = events[-1]["choices"][0]["finish_reason"]
        else:
            choice = served.post("/v1/chat/completions", body).json()["choices"][0]
            found, finish = choice["message"]["content"], choice["finish_reason"]
        assert found == whole[: whole.index(stop)]
        assert finish == "stop"


def test_a_stream_says_what_the_whole_says(served: Running) -> None:
    for more in ({}, {"n": 2, "temperature": 1.0, "seed": 4}, {"logprobs": True, "top_logprobs": 2}):
        how: dict[str, Any] = {**GREEDY, "messages": said(), "max_tokens": 20, **more}
        whole = served.client.chat.completions.create(**how)
        texts = dict.fromkeys(range(how.get("n", 1)), "")
        ends, tokens = {}, []
        with served.client.chat.completions.create(stream=True, **how) as chunks:
            for chunk in chunks:
                [choice] = chunk.choices
                texts[choice.index] += choice.delta.content or ""
                tokens += (choice.logprobs.content or []) if choice.logprobs else []
                if choice.finish_reason:
                    ends[choice.index] = choice.finish_reason
                assert chunk.usage is None
                assert chunk.object == "chat.completion.chunk"
        assert list(texts.values()) == [choice.message.content for choice in whole.choices]
        assert [ends[n] for n in texts] == [choice.finish_reason for choice in whole.choices]
        if whole.choices[0].logprobs is not None:
            said_ = whole.choices[0].logprobs.content or []
            assert [one.token for one in tokens] == [one.token for one in said_]


def test_a_stream_says_its_usage_last(served: Running) -> None:
    chunks = list(
        served.client.chat.completions.create(
            messages=said(), max_tokens=5, stream=True, stream_options={"include_usage": True}, **GREEDY
        )
    )
    assert [chunk.usage for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens <= 5
    assert chunks[0].choices[0].delta.role == "assistant"
    texts = served.client.completions.create(prompt="once upon", max_tokens=5, stream=True, **GREEDY)
    whole = served.client.completions.create(prompt="once upon", max_tokens=5, **GREEDY)
    assert "".join(chunk.choices[0].text for chunk in texts) == whole.choices[0].text


def test_clients_helpers_work(served: Running) -> None:
    whole = served.client.chat.completions.create(messages=said(), max_tokens=20, **GREEDY).choices[0].message.content
    assert whole
    with served.client.chat.completions.stream(messages=said(), stop=whole[9:12], **GREEDY) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].message.content == whole[: whole.index(whole[9:12])]


def test_what_was_read_before_is_not_read_again(served: Running) -> None:
    system: Any = [{"role": "system", "content": "You answer in rhymes, whatever is asked, and at length. " * 3}]
    first = served.client.chat.completions.create(messages=[*system, *said("Who?")], max_tokens=4, **GREEDY)
    second = served.client.chat.completions.create(messages=[*system, *said("Where?")], max_tokens=4, **GREEDY, n=2)
    for answer, least in ((first, 0), (second, 40)):
        assert answer.usage is not None
        assert answer.usage.prompt_tokens_details is not None
        assert (answer.usage.prompt_tokens_details.cached_tokens or 0) >= least
    assert second.choices[0].message.content == second.choices[1].message.content


def test_the_context_bounds_an_answer(served: Running, model: Any) -> None:
    long = "word " * 3000
    with pytest.raises(openai.BadRequestError, match="sees at most") as found:
        served.client.chat.completions.create(messages=said(long), **GREEDY)
    assert found.value.code == "context_length_exceeded"
    assert found.value.param == "messages"
    with Running(model, max_tokens=4) as small:
        answer = small.client.chat.completions.create(messages=said(), max_tokens=50, model=NAME, temperature=0)
        assert answer.usage is not None
        assert answer.usage.completion_tokens <= 4
