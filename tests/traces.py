"""Hypothesis strategy for whole traces, grown as in a session: the model writes, a person steers, undoes, goes back."""

from __future__ import annotations

from hypothesis import strategies as st

from midcourse.errors import SteerError
from midcourse.models.tokenizer import HFTokenizer
from midcourse.trace import edit
from midcourse.trace.text import to_bytes
from midcourse.trace.tree import Run, Trace
from tests.texts import texts, written

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
about = st.fixed_dictionaries(
    {},
    optional={
        "reason": words,
        "tags": st.lists(words, max_size=2),
        "weight": st.floats(0, 10),
        "author": words,
        "created": st.just("2026-11-22T12:00:00Z"),
        "aside": st.booleans(),
        "serves": st.lists(words.filter(bool), max_size=2),
    },
)


def a_trace(tok: HFTokenizer, **more: object) -> Trace:
    """An empty trace in the tokens of `tok`."""
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello 你好"}]
    return Trace("t", messages, tuple(tok.prompt(messages)), "some/model", tok.fingerprint, tok.end_ids, **more)


@st.composite
def traces(draw: st.DrawFn, tok: HFTokenizer, max_steps: int = 8) -> Trace:
    """A trace after a few steps of a session."""
    trace = a_trace(
        tok,
        attributes=draw(st.dictionaries(words, st.floats(-5, 5), max_size=2)),
        tags=tuple(draw(st.lists(words, max_size=2))),
        weight=draw(st.floats(0, 3)),
        author=draw(st.none() | words),
        finished=draw(st.booleans()),
    )
    for _ in range(draw(st.integers(0, max_steps))):
        answer = trace.answer(trace.head)
        byte = draw(st.integers(0, len(to_bytes(tok, answer))))
        depth = draw(st.integers(0, len(answer)))
        step = draw(st.sampled_from(["grow", "grow", "steer", "steer", "end", "mark", "back", "undo", "redo", "list"]))
        try:
            if step == "grow":
                ids = draw(written(tok, 3).filter(bool))
                ids += [tok.end_id] if draw(st.integers(0, 5)) == 0 else []
                logprobs = draw(st.none() | st.just([-0.5, *[float("-inf")] * (len(ids) - 1)]))
                trace.grow(ids, draw(st.sampled_from(["model", "model", "import"])), logprobs)
            elif step == "steer":
                more = draw(about) | {"source": draw(st.sampled_from(["human", "teacher"]))}
                edit.steer_text(trace, tok, draw(texts(3)), byte=byte, end=draw(st.booleans()), **more)
            elif step == "end":
                edit.end(trace, tok, depth=depth, **draw(about))
            elif step == "mark":
                edit.mark(trace, tok, byte=byte, **draw(about))
            elif step == "list":
                at = trace.at(trace.head, depth)
                bad = [trace.branch(at, draw(written(tok, 2).filter(bool)), "model") for _ in range(2)]
                runs = [Run(span.id, depth, depth + len(span.ids)) for span in bad]
                trace.steer(at, draw(written(tok, 2).filter(bool)), runs, move=draw(st.booleans()), **draw(about))
            elif step == "back":
                trace.move(trace.at(trace.head, depth))
            elif step == "undo":
                trace.undo()
            else:
                trace.redo()
        except SteerError:
            pass  # such a step says nothing in such a place, and must have changed nothing
    return trace
