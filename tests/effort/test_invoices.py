"""Invoices: the house rule, the pairs of the splits, and corrections of a number."""

from __future__ import annotations

import pytest
from benchmarks.effort.tasks.invoices import EXAMPLE, Invoices, Order
from benchmarks.effort.tasks.reader import Reader, follows
from benchmarks.effort.tasks.task import SPLITS

from tests.effort.scripted import erring, steered

INVOICES = Invoices()
PROMPT = INVOICES.prompts("held-out", 0, 1)[0]._replace(facts=Order("mugs", 9, 6))
RIGHT = "Order: 9 mugs\nGoods: 9 x 6 = 54 euros\nPostage: 0 euros\nTotal: 54 + 0 = 54 euros\nPay 54 euros in 30 days."


def test_postage_is_free_from_30_euros_on():
    assert Order("pens", 2, 10).lines[2:4] == ("Postage: 10 euros", "Total: 20 + 10 = 30 euros")
    assert Order("pens", 3, 10).lines[2:4] == ("Postage: 0 euros", "Total: 30 + 0 = 30 euros")


@pytest.mark.parametrize("answer", [RIGHT, RIGHT + "\n\n", RIGHT.replace("\n", "\n\n ")])
def test_right(answer: str):
    assert INVOICES.check(PROMPT, answer) == (True, 1.0, ())


@pytest.mark.parametrize(
    ("answer", "share"),
    [
        (RIGHT.replace("Postage: 0", "Postage: 10"), 0.8),
        (RIGHT.replace("= 54", "= 45"), 0.6),
        (RIGHT + "\nThank you.", 1.0),
        (RIGHT.replace("\nPay 54 euros in 30 days.", ""), 0.8),
        ("Sure!", 0.0),
    ],
)
def test_wrong(answer: str, share: float):
    grade = INVOICES.check(PROMPT, answer)
    assert not grade.passed
    assert grade.share == pytest.approx(share)


def test_only_the_number_is_typed():
    script = erring(RIGHT, {"Postage:": " 54 euros", "54 +": " 54 =", "0 =": " 98 euros", "Pay 54 euros": "!"})
    trace, answer, steers = steered(INVOICES, PROMPT, script)
    assert trace.finished
    assert answer == RIGHT
    assert [chosen for _, chosen in steers] == ["0 euros", "0 =", "54 euros", " in 30"]
    assert steers[0][0].startswith("54")


def test_an_early_end_and_a_late_one():
    wrong = erring(RIGHT + "!!", {})
    trace, answer, steers = steered(INVOICES, PROMPT, lambda now: "" if now.endswith("mugs") else wrong(now))
    assert answer == RIGHT
    assert [chosen for _, chosen in steers] == ["\nGoods: 9", ""]
    assert [steer.ends for steer in trace.steers] == [False, True]


def test_a_model_that_never_gets_it_has_everything_typed_until_that_is_too_much():
    trace, answer, steers = steered(INVOICES, PROMPT, lambda _: "x")
    assert trace.finished
    assert answer == RIGHT
    assert len(steers) <= 16
    limited = Reader(rule=follows(RIGHT, next_too=True), limit=96, max_steers=3)
    trace, answer, steers = steered(INVOICES, PROMPT, lambda _: "x", limited)
    assert not trace.finished
    assert len(steers) == 3
    assert answer == "Order: 9 mugs\nGoods: 9"


def test_splits_share_no_goods_and_no_pair():
    drawn = {split: [p.facts for p in INVOICES.prompts(split, 0, 130)] for split in SPLITS}
    facts = [
        {(min(o.count, o.price), max(o.count, o.price)) for o in drawn[split] if isinstance(o, Order)}
        | {o.goods for o in drawn[split] if isinstance(o, Order)}
        for split in SPLITS
    ]
    assert not facts[0] & facts[1]
    assert not facts[0] & facts[2]
    assert not facts[1] & facts[2]
    assert not any(EXAMPLE.goods in found for found in facts)
    for split in SPLITS:
        free = sum(o.count * o.price >= 30 for o in drawn[split] if isinstance(o, Order)) / len(drawn[split])
        assert 0.3 < free < 0.7, "neither side of the rule is rare"
