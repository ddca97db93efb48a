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
