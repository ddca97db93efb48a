"""Together = one by one, for every architecture, whatever the lengths and windows."""

from __future__ import annotations

import pytest
import torch

from midcourse.engine import together
from midcourse.engine.context import Context, Kind
from midcourse.models import Loaded
from tests import architectures, tiny
from tests.engine.helpers import loaded

LENGTHS = (3, tiny.WINDOW - 1, tiny.WINDOW, 3 * tiny.WINDOW, 1)


def read(held: Loaded, kind: Kind, rows: list[list[int]], stop: int) -> list[Context]:
    """Each row but its last `stop` tokens."""
    contexts = []
    for ids in rows:
        contexts.append(Context(held, kind))
        if part := ids[: len(ids) - stop]:
            contexts[-1].begin(part)
            contexts[-1].read(part)
    return contexts


@pytest.mark.parametrize("name", sorted(architectures.ALL))
def test_together_is_one_by_one(name: str) -> None:
    """Or the model says that it is not, and is read one by one."""
    held = loaded(name)
    kind = Kind.of(held)
    assert kind.windows is not None or name not in tiny.ATTENTION
    if not together.check(held, kind):
        assert name not in tiny.ATTENTION
        return
    rows = [tiny.ids(length + 4, seed=length) for length in LENGTHS]
    whole = read(held, kind, rows, 0)
    contexts = read(held, kind, rows, 3)
    for left in (3, 2, 1):
        together.read(contexts, [[ids[-left]] for ids in rows])
    for one, other, ids in zip(whole, contexts, rows, strict=True):
        assert one.logits_V is not None
        assert other.logits_V is not None
        assert torch.allclose(one.logits_V.log_softmax(-1), other.logits_V.log_softmax(-1), atol=1e-4)
        assert other.ids == ids
        other.begin(further := [*ids[:-2], 5, 6])  # and it rolls back as ever
        other.read(further)
        one.begin(further)
        together.read([one], [further[len(one.ids) :]])
        assert torch.allclose(one.logits_V.log_softmax(-1), other.logits_V.log_softmax(-1), atol=1e-4)


@pytest.mark.parametrize("name", tiny.ATTENTION)
@pytest.mark.parametrize("count", [2, tiny.WINDOW, 2 * tiny.WINDOW + 1])
def test_a_few_at_once(name: str, count: int) -> None:
    held = loaded(name)
    kind = Kind.of(held)
    for length in (1, tiny.WINDOW - 1, 3 * tiny.WINDOW):
        ids = tiny.ids(length + count)
        [whole] = read(held, kind, [ids], 0)
        [context] = read(held, kind, [ids], count)
        together.read([context], [ids[length:]])
        assert whole.logits_V is not None
        assert context.logits_V is not None
        assert torch.allclose(whole.logits_V.log_softmax(-1), context.logits_V.log_softmax(-1), atol=1e-4)
        assert context.ids == ids


@pytest.mark.parametrize("name", tiny.ATTENTION)
def test_a_few_of_several(name: str) -> None:
    """As guidance reads a correction: as many tokens of each, after contexts of any length."""
    held = loaded(name)
    kind = Kind.of(held)
    count = tiny.WINDOW + 1
    rows = [tiny.ids(length + count, seed=length) for length in LENGTHS]
    contexts = read(held, kind, rows, count)
    together.read(contexts, [ids[-count:] for ids in rows])
    for one, other in zip(read(held, kind, rows, 0), contexts, strict=True):
        assert one.logits_V is not None
        assert other.logits_V is not None
        assert torch.allclose(one.logits_V.log_softmax(-1), other.logits_V.log_softmax(-1), atol=1e-4)


@pytest.mark.parametrize("name", tiny.ATTENTION)
def test_each_by_as_many_as_it_likes(name: str) -> None:
    """One is written, one is corrected, the prompts of others are read: in the same pass."""
    held = loaded(name)
    kind = Kind.of(held)
    counts = [1, tiny.WINDOW + 2, 2, 3 * tiny.WINDOW, 1]
    rows = [tiny.ids(length + count, seed=length) for length, count in zip((*LENGTHS[:3], 0, 7), counts, strict=True)]
    contexts = [context for ids, count in zip(rows, counts, strict=True) for context in read(held, kind, [ids], count)]
    contexts[3].begin(rows[3])  # nothing of it is read yet
    together.read(contexts, [ids[-count:] for ids, count in zip(rows, counts, strict=True)])
    for one, other in zip(read(held, kind, rows, 0), contexts, strict=True):
        assert one.logits_V is not None
        assert other.logits_V is not None
        assert torch.allclose(one.logits_V.log_softmax(-1), other.logits_V.log_softmax(-1), atol=1e-4)
        assert one.ids == other.ids


@pytest.mark.parametrize("name", tiny.ATTENTION)
def test_what_is_borrowed_is_as_if_it_was_read(name: str) -> None:
    held = loaded(name)
    kind = Kind.of(held)
    ids = tiny.ids(5 * tiny.WINDOW)
    rows = [ids, [*ids[:-4], 9, 5, 9], [*ids[:11], 4, 6]]
    [lender] = read(held, kind, rows[:1], 0)
    for row, common in ((rows[1], len(ids) - 4), (rows[2], 11), (ids, len(ids) - 1)):
        [whole] = read(held, kind, [row], 0)
        other = Context(held, kind)
        other.begin(row)
        assert other.borrow(lender, row) == common
        assert other.borrow(lender, row) == 0
        other.read(row)
        assert whole.logits_V is not None
        assert other.logits_V is not None
        assert torch.allclose(whole.logits_V.log_softmax(-1), other.logits_V.log_softmax(-1), atol=1e-4)
        assert other.ids == row
    held.changed()
    fresh = Context(held, kind)
    fresh.begin(ids)
    assert fresh.borrow(lender, ids) == 0  # other weights have computed that


def test_a_context_keeps_its_own_distribution_only() -> None:
    held = loaded("llama")
    contexts = read(held, Kind.of(held), [tiny.ids(5, seed=seed) for seed in range(4)], 1)
    together.read(contexts, [[7]] * 4)
    for context in contexts:
        assert context.logits_V is not None
        assert context.logits_V.untyped_storage().nbytes() == context.logits_V.nbytes
