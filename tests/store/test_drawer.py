"""What is put in the drawer is there, exactly, for everybody and after a restart."""

from __future__ import annotations

import pytest

from midcourse.errors import UserError
from midcourse.store import Store


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.server)])
def where(request: pytest.FixtureRequest) -> str:
    name = {"sqlite": "url", "postgres": "postgres_url"}[request.param]
    return str(request.getfixturevalue(name))


def test_a_value_comes_back_after_a_restart(where: str) -> None:
    value = {"theme": "dark", "keys": {"a\x00": ["é\ud800", 1, 2.5, None, True]}}
    with Store.open(where) as store:
        assert store.recall("preferences") is None
        assert store.recall("preferences", {}) == {}
        store.remember("preferences", value)
    with Store.open(where) as store:
        assert store.recall("preferences") == value
        store.remember("preferences", 0)
        assert store.recall("preferences", 1) == 0
        assert store.forget("preferences")
        assert not store.forget("preferences")
        assert store.recall("preferences") is None


def test_values_by_the_beginning_of_their_keys(where: str) -> None:
    with Store.open(where) as store:
        for key in ("sampling/b", "sampling/a", "Sampling/c", "samplingx", "s%/d"):
            store.remember(key, key)
        assert list(store.recall_all("sampling/").items()) == [("sampling/a",) * 2, ("sampling/b",) * 2]
        assert store.recall_all("s%") == {"s%/d": "s%/d"}
        assert len(store.recall_all("")) == 5


def test_what_json_cannot_hold_is_refused(store: Store) -> None:
    with pytest.raises(UserError, match="key: Object of type object is not JSON serializable"):
        store.remember("key", object())
