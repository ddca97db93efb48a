from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from midcourse.session import Session
from midcourse.steerers import Teacher, at_depth, diverging_from, effort, least_sure, steer_answer, steer_batch
from midcourse.trace import Trace, problems
from midcourse.trace.text import to_text
from tests.toys import END, ToyEngine, ToyTokenizer, copyist

TOK = ToyTokenizer()
ASK = [{"role": "user", "content": "go"}]
TEXT = "name = one\nage = two\n"
WRONG = {"name = ": "six"}


class ReversedTokenizer(ToyTokenizer):
    """Another vocabulary: every id stands for something else, and nothing is merged."""

    fingerprint = "reversed"
    end_id = 999 - END
    end_ids = frozenset({999 - END})

    def encode(self, text: str) -> list[int]:
        return [999 - byte for byte in text.encode()]

    def token_bytes(self, token: int) -> bytes:
        return super().token_bytes(999 - token)

    def prompt(self, messages: list[dict[str, str]], attributes: Mapping[str, float] | None = None) -> list[int]:  # type: ignore[override]
        return [999 - token for token in TOK.prompt(messages)]


class TeacherEngine(ToyEngine):
    """Knows the answer, in its own tokens; `seen` are the contexts that it was asked about."""

    def __init__(self, rule: Callable[[list[int], int], int]) -> None:
        super().__init__(rule=lambda ids, _: self._other(rule, ids))
        self.tokenizer = ReversedTokenizer()
        self.model_name = "teacher"
        self.seen: list[str] = []

    def _other(self, rule: Callable[[list[int], int], int], ids: list[int]) -> int:
        own = [999 - token for token in ids]
        start = len(own) - own[::-1].index(257)
        begun = to_text(TOK, own[start:])
        self.seen.append(to_text(TOK, own))
        made = rule([*own[:start], *TOK.encode(begun)], 0)
        return 999 - (made if made == END else TOK.token_bytes(made)[0])

    def stream(self, *arguments: object, **options: object):  # type: ignore[no-untyped-def, override]
        for step in super().stream(*arguments, **options):  # type: ignore[arg-type]
            yield step
            if step.id in self.tokenizer.end_ids:
                return


def taught(teacher: Teacher, wrong: dict[str, str] | None = None, tail: str = "") -> Trace:
    engine = ToyEngine(copyist(TEXT, WRONG if wrong is None else wrong, tail=tail))
    trace = steer_answer(Session.start(ASK, engine, lambda _: None, system="be brief"), teacher)
    assert problems(trace) == []
    return trace


def a_teacher(**options: object) -> Teacher:
    settings: dict[str, object] = {"where": diverging_from(TEXT), "max_typed": 6, "max_tokens": 60, **options}
    return Teacher(engine=TeacherEngine(copyist(TEXT, {})), **settings)  # type: ignore[arg-type]


def test_what_it_would_write_is_the_correction() -> None:
    trace = taught(a_teacher(tags=("t",), reason="r"))
    first = trace.steers[0]
    assert first.chosen is not None
    assert to_text(TOK, trace.run_ids(first.chosen)).startswith("one\n")
    assert to_text(TOK, trace.run_ids(first.rejected[0])).startswith("six")
    assert trace.spans[first.chosen.span].source == "teacher"
    assert (first.author, first.tags, first.reason) == ("teacher", ("t",), "r")
    assert to_text(TOK, trace.answer(trace.head)) == TEXT
    assert trace.finished
    assert effort(trace) == (0, 0)
    assert effort(trace, ["teacher"]).steers == 1


def test_it_sees_the_conversation_the_instruction_and_the_answer_so_far() -> None:
    teacher = a_teacher(instruction="do it well")
    taught(teacher)
    seen = teacher.engine.seen[0]  # type: ignore[attr-defined]
    assert "be brief\n\ndo it well" in seen
    assert "go" in seen
    assert seen.endswith("assistant\nname = ")


def test_it_ends_the_answer() -> None:
    trace = taught(a_teacher(), wrong={}, tail="Hope this helps!")
    assert trace.steers[0].ends
    assert to_text(TOK, trace.answer(trace.head)) == TEXT
    assert trace.finished


def test_where_it_agrees_nothing_happens() -> None:
    trace = taught(a_teacher(where=at_depth(3)), wrong={})
    assert trace.steers == []
    assert trace.finished


def test_more_of_the_same_is_no_correction() -> None:
    """The model was stopped in the middle of what the teacher would write."""
    engine = ToyEngine(copyist(TEXT, {}))
    session = Session.start(ASK, engine, lambda _: None)
    list(session.resume(max_tokens=4))
    trace = steer_answer(session, a_teacher(where=at_depth(3), every=1))
    assert trace.steers == []
    assert trace.finished


def test_an_end_too_early_is_rejected() -> None:
    engine = ToyEngine(lambda ids, _: END if ids[-4:] == list(b"one\n") else copyist(TEXT, {})(ids, 0))
    trace = steer_answer(Session.start(ASK, engine, lambda _: None), a_teacher())
    assert trace.run_ids(trace.steers[0].rejected[0]) == [END]
    assert to_text(TOK, trace.answer(trace.head)) == TEXT
    assert trace.finished


def test_only_so_many_steers() -> None:
    trace = taught(a_teacher(max_steers=0))
    assert trace.steers == []


def test_a_look_every_few_tokens_and_a_limit() -> None:
    trace = taught(a_teacher(every=8))
    assert trace.steers[0].rejected[0].stop <= 8
    assert len(trace.answer(trace.head)) <= 60
    assert not taught(a_teacher(max_tokens=3, max_steers=0)).finished


def test_so_many_tokens_are_rejected() -> None:
    trace = taught(a_teacher(rejected=2))
    run = trace.steers[0].rejected[0]
    assert run.stop - run.start == 2


def test_where_the_model_is_least_sure() -> None:
    session = Session.start(ASK, ToyEngine(), lambda _: None)
    session.wrote(TOK.encode("abx="), [-0.1, -3.0, -2.0])
    session.wrote(TOK.encode("y"), [-0.5])
    assert least_sure()(session, 0) == 1
    assert least_sure()(session, 2) == 2
    assert least_sure()(session, 3) is None
    assert least_sure(-0.4)(session, 3) == 3
    session.steer("?", depth=1)
    assert least_sure()(session, 0) is None


def test_a_context_too_short_for_it() -> None:
    teacher = a_teacher()
    teacher.engine.context_length = 5  # type: ignore[misc]
    assert taught(teacher).steers == []


@pytest.mark.parametrize("every", [None, 5])
def test_a_batch_is_like_one_at_a_time(every: int | None) -> None:
    wrongs = [{"name = ": "six"}, {"age = ": "ten"}, {}, {"name": "!"}]
    teacher = a_teacher(every=every)
    prompts = [[{"role": "user", "content": f"go {n}"}] for n in range(3)]
    engine = ToyEngine(copyist(TEXT, wrongs[1]))
    single = [steer_answer(Session.start(prompt, engine, lambda _: None), teacher) for prompt in prompts]
    together = steer_batch(engine, prompts, teacher)
    assert [t.answer(t.head) for t in together] == [t.answer(t.head) for t in single]
    assert [len(t.steers) for t in together] == [len(t.steers) for t in single] == [1, 1, 1]
    assert all(trace.finished for trace in together)
