"""What is supervised: the answer and its end, given what is asked; nothing else."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from midcourse.attributes.conditioning import Conditioning
from midcourse.attributes.rows import Rating, Row, Turn
from midcourse.attributes.schema import Schema
from midcourse.attributes.train.examples import asked, examples, items
from midcourse.attributes.train.length import fit
from midcourse.attributes.train.recipe import ConditionedRecipe
from midcourse.learn.layout import build
from midcourse.models.tokenizer import HFTokenizer
from tests import tokenizers

SCHEMA = Schema.load("helpsteer")
STILL = ConditionedRecipe(dropout=0, drop_each=0)


def _rated(**values: float) -> dict[str, Rating]:
    return {name: Rating(value) for name, value in values.items()}


ROW = Row(
    (
        Turn("user", "What is a fjord?"),
        Turn("assistant", "An inlet.", _rated(helpfulness=2, verbosity=0)),
        Turn("user", "More, please."),
        Turn("assistant", "A long, narrow arm of the sea between cliffs.", _rated(verbosity=3)),
    )
)


@pytest.fixture(scope="module")
def tok() -> HFTokenizer:
    made = HFTokenizer(tokenizers.build("byte-level"))
    made.conditioning = Conditioning(attributes=SCHEMA)
    return made


def _text(tok: HFTokenizer, ids: Any) -> str:
    """Without spaces: this tokenizer puts one before every part."""
    return "".join(b"".join(map(tok.token_bytes, ids)).decode().split())


def test_each_answer_has_its_own_values_in_the_conversation_so_far(tok: HFTokenizer) -> None:
    found, counts = items([ROW], tok, SCHEMA, STILL)
    first, second = examples(found, tok, SCHEMA, STILL)
    assert counts.answers == 2
    for example, said, unsaid in (
        (first, "Answerwithhelpfulness2,verbosity0.", "verbosity3"),
        (second, "Answerwithverbosity3.", "verbosity0"),
    ):
        prompt = _text(tok, example.trace.prompt)
        assert said in prompt
        assert unsaid not in prompt
    assert "Aninlet." in _text(tok, second.trace.prompt)


def test_the_loss_looks_at_the_answer_and_its_end_alone(tok: HFTokenizer) -> None:
    found, _ = items([ROW], tok, SCHEMA, STILL)
    for example, answer in zip(examples(found, tok, SCHEMA, STILL), (1, 3), strict=True):
        layout = build([example])
        wanted = [*tok.encode(ROW.turns[answer].content), tok.end_id]
        assert layout.token_T == wanted
        assert layout.row_T[0] == len(example.trace.prompt) - 1
        assert example.trace.prompt == tuple(tok.prompt(ROW.messages[:answer], ROW.turns[answer].values))


def test_examples_in_a_pack_do_not_see_each_other(tok: HFTokenizer) -> None:
    found, _ = items([ROW], tok, SCHEMA, STILL)
    made = examples(found, tok, SCHEMA, STILL)
    layout, alone = build(made), [build([one]) for one in made]
    start = 0
    for one in alone:
        for place in range(len(one.row_T)):
            path = [layout.token_N[row] for row in layout.path(layout.row_T[start + place])]
            assert path == [one.token_N[row] for row in one.path(one.row_T[place])]
        start += len(one.row_T)


def test_dropout_asks_for_parts_and_for_nothing_and_is_the_same_every_time(tok: HFTokenizer) -> None:
    recipe = ConditionedRecipe(dropout=0.2, drop_each=0.3)
    found, _ = items([ROW], tok, SCHEMA, recipe)
    kinds = Counter(tuple(asked(found[0], SCHEMA, recipe, epoch)) for epoch in range(2000))
    share = {kind: count / 2000 for kind, count in kinds.items()}
    # all: 0.8 · 0.7 · 0.7 = 0.392; one of them: 0.8 · 0.7 · 0.3 = 0.168; none: 0.2 + 0.8 · 0.09 = 0.272
    assert share[("helpfulness", "verbosity")] == pytest.approx(0.392, abs=0.04)
    assert share[("helpfulness",)] == pytest.approx(0.168, abs=0.04)
    assert share[()] == pytest.approx(0.272, abs=0.04)
    again = items([ROW], tok, SCHEMA, recipe)[0]
    assert all(asked(found[1], SCHEMA, recipe, e) == asked(again[1], SCHEMA, recipe, e) for e in range(20))


def test_noise_moves_values_along_the_scale(tok: HFTokenizer) -> None:
    recipe = ConditionedRecipe(dropout=0, drop_each=0, jitter=0.5)
    found, _ = items([ROW], tok, SCHEMA, recipe)
    seen = {asked(found[1], SCHEMA, recipe, epoch)["verbosity"] for epoch in range(200)}
    assert {2, 3, 4} <= seen <= set(SCHEMA["verbosity"].levels)


def test_a_tenth_beyond_an_end_of_the_scale_is_that_end(tok: HFTokenizer) -> None:
    verbosity = {"name": "verbosity", "minimum": 0.25, "maximum": 1.75, "step": 0.5}
    scale = Schema.model_validate({"name": "s", "attributes": [verbosity]})
    row = Row((Turn("user", "Hello."), Turn("assistant", "Hi.", _rated(verbosity=0.25))))
    recipe = STILL.model_copy(update={"rounded": False})
    found, _ = items([row], tok, SCHEMA, recipe)
    assert asked(found[0], scale, recipe, 0) == {"verbosity": 0.25}


def test_values_between_steps_are_rounded_or_kept_to_a_tenth(tok: HFTokenizer) -> None:
    row = Row((Turn("user", "Hello."), Turn("assistant", "Hi.", _rated(verbosity=2.88))))
    found, _ = items([row], tok, SCHEMA, STILL)
    assert asked(found[0], SCHEMA, STILL, 0) == {"verbosity": 3}
    assert asked(found[0], SCHEMA, STILL.model_copy(update={"rounded": False}), 0) == {"verbosity": 2.9}


def test_missing_is_missing_and_the_unrated_are_left_out(tok: HFTokenizer) -> None:
    bare = Row((Turn("user", "Hello."), Turn("assistant", "Hello!")))
    found, counts = items([bare, ROW], tok, SCHEMA, STILL)
    assert (counts.unrated, len(found)) == (1, 2)
    kept, _ = items([bare], tok, SCHEMA, ConditionedRecipe(unrated=True))
    assert asked(kept[0], SCHEMA, STILL, 0) == {}


def test_what_fits_does_so_in_every_epoch() -> None:
    """Tenths take more tokens than the ends of a scale; a template's own system message more than our line may."""
    template = (
        "{% if messages[0]['role'] != 'system' %}<|im_start|>{{ 'You are kind and helpful. ' * 6 }}<|im_end|>"
        "{% endif %}{% for m in messages %}<|im_start|>{{ m['role'] }} {{ m['content'] }}<|im_end|>{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant {% endif %}"
    )
    tok = HFTokenizer(tokenizers.build("digits", template))
    tok.conditioning = Conditioning(attributes=SCHEMA)
    turn = Turn("assistant", "Yes.", {"verbosity": Rating(1.7, "judge"), "helpfulness": Rating(3.4, "judge")})
    words = " ".join(["word"] * 300)
    for wide in (True, False):
        recipe = STILL.model_copy(update={"max_length": 200, "rounded": False, "jitter": 1.0, "dropout": 0.5 * wide})
        found, counts = items([Row((Turn("user", words), turn))], tok, SCHEMA, recipe)
        assert counts.shortened == 1
        for epoch in range(20):
            (example,) = examples(found, tok, SCHEMA, recipe, epoch)
            assert len(example.trace.prompt) + len(found[0].ids) + 1 <= 200


def test_only_peoples_ratings_if_so_wanted(tok: HFTokenizer) -> None:
    turn = Turn("assistant", "Hi.", {"verbosity": Rating(1), "helpfulness": Rating(3.4, "judge")})
    row = Row((Turn("user", "Hello."), turn))
    everything, _ = items([row], tok, SCHEMA, STILL)
    assert asked(everything[0], SCHEMA, STILL, 0) == {"helpfulness": 3, "verbosity": 1}
    human, _ = items([row], tok, SCHEMA, ConditionedRecipe(labels="human"))
    assert dict(human[0].values) == {"verbosity": 1}
    assert (everything[0].by, human[0].by) == ({"human", "judge"}, {"human"})


def test_what_is_too_long_loses_the_middle_of_its_longest_message_and_is_counted(tok: HFTokenizer) -> None:
    words = " ".join(f"word{number}" for number in range(300))
    row = Row(
        (
            Turn("system", "Be kind."),
            Turn("user", f"Begin {words} end."),
            Turn("assistant", "Yes.", _rated(verbosity=1)),
        )
    )
    recipe = STILL.model_copy(update={"max_length": 400})
    found, counts = items([row], tok, SCHEMA, recipe)
    assert (counts.shortened, counts.cut, counts.hopeless) == (1, 0, 0)
    said = str(found[0].before[1]["content"])
    assert said.startswith("Begin")
    assert said.endswith("end.")
    (example,) = examples(found, tok, SCHEMA, recipe)
    assert 320 < len(build([example])) <= 400
    assert found[0].before[0]["content"] == "Be kind."


def test_an_answer_that_is_too_long_loses_its_end_and_is_not_ended(tok: HFTokenizer) -> None:
    row = Row((Turn("user", "Go."), Turn("assistant", "very " * 900, _rated(verbosity=4))))
    recipe = STILL.model_copy(update={"max_length": 400})
    found, counts = items([row], tok, SCHEMA, recipe)
    assert counts.cut == 1
    (example,) = examples(found, tok, SCHEMA, recipe)
    assert tok.end_id not in build([example]).token_T


def test_where_an_answer_could_end_can_count_more(tok: HFTokenizer) -> None:
    text = "One. Two is\nlonger! Is 3.5 three"
    row = Row((Turn("user", "Go."), Turn("assistant", text, _rated(verbosity=4))))
    recipe = STILL.model_copy(update={"ending": 5.0})
    (one,) = examples(items([row], tok, SCHEMA, recipe)[0], tok, SCHEMA, recipe)
    whole, places = one.segments
    ids = one.trace.spans[0].ids
    before = [b"".join(map(tok.token_bytes, ids[: part.start])).decode() for part in places.slices]
    assert before == ["One.", "One. Two is\n", "One. Two is\nlonger!", text]
    assert places.weight == 5 * whole.weight
    assert places.steer != whole.steer  # each is divided by its own length where answers count the same
    cut = STILL.model_copy(update={"ending": 1.0, "max_length": 400})
    long = Row((Turn("user", "Go."), Turn("assistant", "very " * 900, _rated(verbosity=4))))
    (example,) = examples(items([long], tok, SCHEMA, cut)[0], tok, SCHEMA, cut)
    assert len(example.segments) == 1  # it does not end, and could not before


def test_no_room_at_all_is_said(tok: HFTokenizer) -> None:
    assert fit(tok, [{"role": "user", "content": "short"}], 5, 10, lambda _: 50) is None
    _, counts = items([ROW], tok, SCHEMA, STILL.model_copy(update={"max_length": 16}))
    assert counts.hopeless == 2
