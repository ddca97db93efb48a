"""A procedure with an easy mistake in the middle: an order becomes an invoice, worked out line by line.

    3 mugs at 4 euros

    Order: 3 mugs
    Goods: 3 x 4 = 12 euros
    Postage: 10 euros
    Total: 12 + 10 = 22 euros
    Pay 22 euros in 30 days.

The prompt shows one invoice like this one, so the model has the form right. What it cannot know is the house rule in
the middle: postage is 10 euros, and nothing from 30 euros of goods on. Everything after a mistake is wrong too. Splits
share no goods and no pair of numbers, in either order.
"""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

from benchmarks.effort.tasks.reader import Reader, follows
from benchmarks.effort.tasks.task import Grade, Prompt, Split, drawn

from midcourse.steerers import Steerer
from midcourse.trace import Message
from midcourse.trace.text import Tokenizer

POSTAGE = 10
FREE_FROM = 30

_GOODS: dict[Split, str] = {
    "train": """
        balls bells belts books bowls boxes brooms brushes bulbs candles caps cards chairs clocks cups curtains desks
        dolls doors forks frames gloves hammers hats jars keys kites knives ladders maps masks mirrors nails needles
        paints pens pins pipes plates pots""",
    "dev": "ropes rulers saws scarves screws seats shelves shirts shoes socks",
    "held-out": """
        spoons stamps stools tables tents ties tiles towels toys trays umbrellas vases wallets watches wheels whistles
        mugs rugs pans bags""",
}


class Order(NamedTuple):
    """So many pieces at so many euros each."""

    goods: str
    count: int
    price: int

    @property
    def text(self) -> str:
        """As the customer puts it."""
        return f"{self.count} {self.goods} at {self.price} euros"

    @property
    def lines(self) -> tuple[str, ...]:
        """The invoice, line by line."""
        sum_ = self.count * self.price
        postage = 0 if sum_ >= FREE_FROM else POSTAGE
        return (
            f"Order: {self.count} {self.goods}",
            f"Goods: {self.count} x {self.price} = {sum_} euros",
            f"Postage: {postage} euros",
            f"Total: {sum_} + {postage} = {sum_ + postage} euros",
            f"Pay {sum_ + postage} euros in 30 days.",
        )


SYSTEM = "Write the invoice."
EXAMPLE = Order("lamps", 2, 6)
_COUNTS = range(2, 10)
_PRICES = (2, 3, 5, 6, 9, 10, 20, 30)  # by these the model can multiply


def _pairs(split: Split) -> list[tuple[int, int]]:
    """The count and price of a split's orders."""
    rests = {"train": (0, 1, 4), "dev": (2,), "held-out": (3,)}[split]
    known = sorted({(min(pair), max(pair)) for pair in product(_COUNTS, _PRICES)})
    mine = {pair for i, pair in enumerate(known) if i % 5 in rests}
    return [pair for pair in product(_COUNTS, _PRICES) if (min(pair), max(pair)) in mine]


class Invoices:
    """Orders become invoices."""

    name = "invoices"
    title = "orders to invoices (procedure)"
    limit = 96

    def prompts(self, split: Split, seed: int, count: int) -> list[Prompt]:
        """Distinct orders, after the example."""
        orders = [Order(goods, *pair) for goods, pair in product(_GOODS[split].split(), _pairs(split))]
        shown: list[Message] = [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": EXAMPLE.text},
            {"role": "assistant", "content": "\n".join(EXAMPLE.lines)},
        ]
        return [
            Prompt(f"invoices-{split}-{seed}-{i}", [*shown, {"role": "user", "content": order.text}], order)
            for i, order in enumerate(drawn(orders, count, self.name, split, seed))
        ]

    def reference(self, prompt: Prompt) -> str:
        """The invoice."""
        return "\n".join(_order(prompt).lines)

    def check(self, prompt: Prompt, answer: str) -> Grade:
        """Every line counts when it stands there exactly; blank lines and blanks around lines do not matter."""
        given = [line.strip() for line in answer.splitlines() if line.strip()]
        lines = _order(prompt).lines
        faults = [f"missing: {line}" for line in lines if line not in given]
        share = 1 - len(faults) / len(lines)
        if not faults and given != list(lines):
            faults.append("something else than the invoice")
        return Grade(not faults, share, tuple(faults))

    def steerer(self, prompt: Prompt, tokenizer: Tokenizer) -> Steerer:  # noqa: ARG002
        """Types the number, or the word, that is wrong, and the next word of its line."""
        return Reader(rule=follows(self.reference(prompt), next_too=True), limit=self.limit, max_steers=16)


def _order(prompt: Prompt) -> Order:
    assert isinstance(prompt.facts, Order)
    return prompt.facts
