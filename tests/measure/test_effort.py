"""What a model still costs: answers, verdicts, and the oracle's steers, with a model whose every word is known."""

from midcourse.measure import effort
from midcourse.measure.check import exact
from midcourse.measure.settings import MeasureSettings
from tests.measure.fakes import Scripted, trace

SETTINGS = MeasureSettings(oracle_run_on=2, oracle_tokens=4)


def test_a_right_answer_costs_nothing_and_asks_no_oracle() -> None:
    held_out = [trace("q", ["name = A"])]
    engine = Scripted({"q": "name = A"})
    [written] = effort.answer_all(engine, held_out, exact, SETTINGS)
    assert (written.text, written.passed, written.fields) == ("name = A", True, 1)
    assert (written.steers, written.typed_tokens) == (0, 0)
    assert engine.calls == 1


def test_a_wrong_answer_costs_what_the_oracle_types() -> None:
    """Wrong at byte 6 ("="): the rest, "= A" and the end, is 4 tokens, all typed at once."""
    held_out = [trace("q", ["name = A"])]
    [written] = effort.answer_all(Scripted({"q": "name: A and more"}), held_out, exact, SETTINGS)
    assert not written.passed
    assert written.text == "name: A and more"
    assert written.steers is not None
    assert written.typed_tokens is not None
    assert 1 <= written.steers <= 2
    assert len(" = A") <= written.typed_tokens <= len(" = A") + 1


def test_an_answer_stays_within_its_limit() -> None:
    held_out = [trace("q", ["x" * 100])]
    [written] = effort.answer_all(Scripted({"q": "x" * 500}), held_out, exact, SETTINGS)
    assert len(written.text) == 3 * 101 // 2
    capped = SETTINGS.model_copy(update={"answer_tokens": 7})
    [written] = effort.answer_all(Scripted({"q": "x" * 500}), held_out, exact, capped)
    assert len(written.text) == 7


def test_answers_keep_the_order_of_their_traces_and_progress_reaches_the_end() -> None:
    held_out = [trace(str(n), [f"answer {n}"]) for n in range(5)]
    engine = Scripted({str(n): f"answer {n}" if n % 2 else "wrong" for n in range(5)})
    seen: list[int] = []
    written = effort.answer_all(engine, held_out, exact, SETTINGS, seen.append)
    assert [answer.passed for answer in written] == [False, True, False, True, False]
    assert [bool(answer.steers) for answer in written] == [True, False, True, False, True]
    assert seen == sorted(seen)
    assert seen[-1] == 5


def test_the_checker_is_asked_about_the_answer_with_the_conversation() -> None:
    held_out = [trace("q", ["name = A"])]
    asked = []

    def check(answer: str, reference: str, messages: object) -> float:
        asked.append((answer, reference, messages))
        return 0.5

    [written] = effort.answer_all(Scripted({"q": "B"}), held_out, check, SETTINGS)
    assert asked == [("B", "name = A", [{"role": "user", "content": "q"}])]
    assert (written.passed, written.fields) == (False, 0.5)


def test_means() -> None:
    held_out = [trace(str(n), [f"answer {n}"]) for n in range(4)]
    engine = Scripted({str(n): "answer 1" for n in range(4)})
    side = effort.summary(effort.answer_all(engine, held_out, exact, SETTINGS))
    assert side.pass_rate == 0.25
    assert side.fields == 0.25
    assert side.steers_per_answer == 0.75
    assert effort.summary([]).pass_rate is None


def test_steers_that_were_made_on_this_model_are_counted_not_made_again() -> None:
    held_out = [trace("q", ["name", (": A", " = A")]), trace("p", ["x"])]
    engine = Scripted({"q": "name: A", "p": "x"})
    written = effort.answer_all(engine, held_out, exact, SETTINGS, steered=True)
    assert [(answer.steers, answer.typed_tokens) for answer in written] == [(1, 4), (0, 0)]
    assert engine.calls == 1
    assert effort.answer_all(engine, [], exact, SETTINGS) == []
