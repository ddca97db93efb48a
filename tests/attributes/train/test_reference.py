"""The reference's format, by hand: its template, what it takes the loss of, and where we differ on purpose.

NeMo-Aligner writes a conversation as one sequence (prompt template with `<extra_id_…>` marks): every turn begins with a
mark and the speaker's name, an assistant's turn with a label line of its values, and the loss takes the tokens of the
assistant's turns after that line, with the mark that ends them; the user's turns, the names and the labels are masked.
"""

from __future__ import annotations

import pytest

from midcourse.attributes.conditioning import Conditioning
from midcourse.attributes.rows import Rating, Row, Turn
from midcourse.attributes.schema import Schema
from midcourse.attributes.train.examples import examples, items
from midcourse.attributes.train.recipe import ConditionedRecipe
from midcourse.learn.layout import build
from midcourse.models.tokenizer import HFTokenizer
from tests import tokenizers

SCHEMA = Schema.load("oasst")
STILL = ConditionedRecipe(dropout=0, drop_each=0)
# <|im_start|> stands for the reference's <extra_id_1>, <|im_end|> for the mark that ends a turn
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] | capitalize }}\n{{ m['content'] }}<|im_end|>{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>Assistant\n{% endif %}"
)
ROW = Row(
    (
        Turn("system", "A chat."),
        Turn("user", "Hi."),
        Turn("assistant", "Hello.", {"quality": Rating(4), "toxicity": Rating(0)}),
        Turn("user", "More."),
        Turn("assistant", "There is no more.", {"quality": Rating(2), "humor": Rating(1)}),
    )
)
PIECES = [  # (text, whether the loss takes it)
    ("<|im_start|>System\nA chat.<|im_end|><|im_start|>User\nHi.<|im_end|><|im_start|>Assistant\n", False),
    ("<extra_id_2>quality:4,toxicity:0\n", False),
    ("Hello.", True),
    ("<|im_end|>", True),
    ("<|im_start|>User\nMore.<|im_end|><|im_start|>Assistant\n", False),
    ("<extra_id_2>quality:2,humor:1\n", False),
    ("There is no more.", True),
    ("<|im_end|>", True),
]


@pytest.fixture(scope="module")
def tok() -> HFTokenizer:
    made = HFTokenizer(tokenizers.build("digits", TEMPLATE))
    made.conditioning = Conditioning(
        attributes=SCHEMA, way="inline", line="<extra_id_2>{values}\n", separator=",", value="{name}:{value}"
    )
    return made


def _ids(tok: HFTokenizer, pieces: list[tuple[str, bool]]) -> list[int]:
    return list(tok.tokenizer.encode("".join(text for text, _ in pieces), add_special_tokens=False))


def test_the_template_is_the_references(tok: HFTokenizer) -> None:
    """Up to the first answer to the id; the second one has no labels of the first before it."""
    found, _ = items([ROW], tok, SCHEMA, STILL)
    first, second = examples(found, tok, SCHEMA, STILL)
    assert list(first.trace.prompt) == _ids(tok, PIECES[:2])
    assert list(second.trace.prompt) == _ids(tok, [PIECES[0], *PIECES[2:6]])


def test_the_loss_takes_what_the_references_mask_leaves(tok: HFTokenizer) -> None:
    found, _ = items([ROW], tok, SCHEMA, STILL)
    ours = [token for one in examples(found, tok, SCHEMA, STILL) for token in build([one]).token_T]
    assert ours == [token for text, taken in PIECES if taken for token in _ids(tok, [(text, taken)])]


def test_no_end_is_added_twice(tok: HFTokenizer) -> None:
    """The reference's data sometimes ends turns by itself; a template that ends them, and a trainer that does, too."""
    found, _ = items([ROW], tok, SCHEMA, STILL)
    for one in examples(found, tok, SCHEMA, STILL):
        assert build([one]).token_T.count(tok.end_id) == 1
        assert build([one]).token_T[-1] == tok.end_id


def test_the_system_prompt_is_there(tok: HFTokenizer) -> None:
    """The reference's annotation drops it; here training, prediction and annotation see the same conversation."""
    found, _ = items([ROW], tok, SCHEMA, STILL)
    said = tok.tokenizer.encode("A chat.", add_special_tokens=False)
    for one in examples(found, tok, SCHEMA, STILL):
        prompt = list(one.trace.prompt)
        assert any(prompt[at : at + len(said)] == said for at in range(len(prompt)))


def test_missing_values_are_neither_asked_for_nor_zero(tok: HFTokenizer) -> None:
    found, _ = items([ROW], tok, SCHEMA, STILL)
    assert [set(one.values) for one in found] == [{"quality", "toxicity"}, {"quality", "humor"}]


def test_training_and_serving_read_the_same_ids(tok: HFTokenizer) -> None:
    """The reference renders with two different functions; here there is one."""
    found, _ = items([ROW], tok, SCHEMA, STILL)
    for one, number in zip(examples(found, tok, SCHEMA, STILL), (2, 4), strict=True):
        assert list(one.trace.prompt) == tok.prompt(ROW.messages[:number], ROW.turns[number].values)
