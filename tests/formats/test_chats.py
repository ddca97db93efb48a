"""Conversations with several versions of an answer, from each tool that keeps them."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from midcourse.errors import UserError
from midcourse.formats import Reading, inputs, read
from tests.formats.plain import came, plain, problems, taken, written
from tests.tokenizers import get

ASKED = [{"role": "user", "content": "Tell me."}]
LONG = "The winter in the north is longer than the winter in the south, and the weather there is cold"


def webui(**messages: dict[str, Any]) -> dict[str, Any]:
    """A chat of Open WebUI: an id, what it says, and which message it follows; the last one is current."""
    tree: dict[str, Any] = {}
    for id, one in messages.items():
        tree[id] = {"id": id, "parentId": None, "childrenIds": [], "role": "assistant", "model": "m", **one}
    return {"id": "chat", "chat": {"history": {"messages": tree, "currentId": list(tree)[-1]}}}


ASK = {"role": "user", "content": "Tell me."}


def outputs(path: Path, **reading: Any) -> list[Any]:
    return [line["output"] for line in taken(path, **reading)]


def notices(path: Path) -> list[str]:
    return [notice.removeprefix(f"{path}: ") for one in came(path) for notice in one.notices]


# ---- Open WebUI ------------------------------------------------------------------------------------------------------


def test_open_webui_knows_what_stood_there_before_an_edit(tmp_path: Path) -> None:
    said = {"parentId": "a", "content": f"{LONG}.", "originalContent": f"{LONG}. Hope this helps!"}
    path = written(tmp_path / "a.json", webui(a=ASK, b=said))
    assert taken(path) == [
        {"messages": ASKED, "output": [f"{LONG}.", {"rejected": " Hope this helps!", "chosen": "", "end": True}]}
    ]


def test_open_webui_an_empty_chat_is_left_out(tmp_path: Path) -> None:
    empty = {"id": "b", "chat": {"history": {"messages": {}, "currentId": None}}}
    path = written(tmp_path / "a.jsonl", empty)
    assert (taken(path), "nothing was said" in " ".join(notices(path))) == ([], True)


def test_open_webui_siblings_that_are_edits_and_that_are_not(tmp_path: Path) -> None:
    chat = webui(
        a=ASK,
        b={"parentId": "a", "content": LONG.replace("north", "south")},
        c={"parentId": "a", "content": "The Café."},
        d={"parentId": "a", "content": "The winter café."},
        e={"parentId": "a", "content": "Another model's", "model": "n"},
        f={"parentId": "a", "content": "The", "error": {"content": "no network"}},
        g={"parentId": "a", "content": LONG},
    )
    path = written(tmp_path / "a.json", chat)
    edit, anew = outputs(path)
    assert [item for item in edit if not isinstance(item, str)] == [{"rejected": " south", "chosen": " north"}]
    assert [item["rejected"] for item in anew if not isinstance(item, str)] == [" Café.", " café."]
    assert notices(path) == [
        "1 × answers of another model beside the one that was kept are left out",
        "1 × answers that ended in an error are left out",
    ]


def test_open_webui_only_the_way_to_the_current_message(tmp_path: Path) -> None:
    chat = webui(
        a=ASK,
        b={"parentId": "a", "content": "One."},
        c={"role": "user", "parentId": "b", "content": "Abandoned"},
        d={"parentId": "c", "content": "Whatever"},
        e={"parentId": "a", "content": '<details type="reasoning" done="true">\n> hm\n</details>\nTwo.'},
    )
    chat["chat"]["params"] = {"system": "Be brief."}
    path = written(tmp_path / "a.json", chat)
    (line,) = taken(path)
    assert line["messages"] == [{"role": "system", "content": "Be brief."}, *ASKED]
    assert line["output"] == [{"rejected": "One.", "chosen": "Two."}]
    assert notices(path) == [
        "1 × answers lose what is folded away in them (reasoning, tool calls)",
        "1 × answers share no beginning with another version: it is rejected as a whole",
    ]


def test_a_log_that_has_grown_brings_in_what_is_new(tmp_path: Path) -> None:
    first = {"a": ASK, "b": {"parentId": "a", "content": "The one"}, "c": {"parentId": "a", "content": "The other"}}
    more = {
        "d": {**ASK, "parentId": "c"},
        "e": {"parentId": "d", "content": "x"},
        "f": {"parentId": "d", "content": "y"},
    }
    ids = []
    for messages in (first, {**first, **more}):
        path = written(tmp_path / "a.json", webui(**messages))
        ids.append([trace.id for one in came(path) for trace in one.traces])
    assert len(ids[0]) == 1
    assert len(ids[1]) == 2
    assert ids[1][0] == ids[0][0]


BROKEN: list[tuple[Callable[[dict[str, Any]], Any], str]] = [
    (lambda chat: chat["chat"]["history"].update(currentId="z"), "chat.history.currentId: there is no message 'z'"),
    (lambda chat: chat["chat"]["history"].update(currentId=None), "chat.history.currentId: is missing"),
    (lambda chat: tree(chat)["b"].update(parentId="z"), "chat.history.messages.b.parentId: there is no message 'z'"),
    (lambda chat: tree(chat)["a"].update(parentId="b"), "chat.history.messages.b.parentId: goes round in a circle"),
    (lambda chat: tree(chat)["a"].update(role="x"), "chat.history.messages.a.role: 'x' is no role"),
    (lambda chat: tree(chat)["b"].pop("content"), "chat.history.messages.b.content: is missing"),
]


def tree(chat: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = chat["chat"]["history"]["messages"]
    return found


@pytest.mark.parametrize(("spoil", "says"), BROKEN)
def test_open_webui_what_is_wrong(spoil: Callable[[dict[str, Any]], Any], says: str, tmp_path: Path) -> None:
    chat = webui(a=ASK, b={"parentId": "a", "content": "One."})
    good = deepcopy(chat)
    spoil(chat)
    path = tmp_path / "chats.json"
    path.write_text(json.dumps([good, chat]))
    (said,) = problems(path)
    assert said.startswith(f":1: [1].{says}")


# ---- SillyTavern -----------------------------------------------------------------------------------------------------

HEAD = {"user_name": "Ada", "character_name": "Eve", "chat_metadata": {}}
GREETING = {"name": "Eve", "is_user": False, "mes": "Hello!", "swipes": ["Hi!", "Hello!"], "swipe_id": 1}
ADA = {"name": "Ada", "is_user": True, "mes": "Tell me."}
EVE = {"name": "Eve", "is_user": False, "mes": "The one", "swipes": ["The one", "The other", "The one"], "swipe_id": 0}
HIDDEN = {"name": "Eve", "is_user": False, "is_system": True, "mes": "hidden"}


def test_sillytavern(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", HEAD, GREETING, HIDDEN, ADA, EVE, HEAD, ADA, {**EVE, "swipes": None})
    (line,) = taken(path, system="You are Eve.")
    assert line["messages"] == [
        {"role": "system", "content": "You are Eve."}, {"role": "assistant", "content": "Hello!"}, *ASKED
    ]  # fmt: skip
    assert "".join(item if isinstance(item, str) else item["rejected"] for item in line["output"]) == "The other"
    other = {**EVE, "mes": "The other", "swipe_id": None}  # what is shown is what was kept
    (line,) = taken(written(tmp_path / "b.jsonl", HEAD, ADA, other))
    assert "".join(item if isinstance(item, str) else item["rejected"] for item in line["output"]) == "The one"
    assert notices(path) == ["1 × conversations have no answer with another version: nothing of them comes in"]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ({**EVE, "mes": None}, ":4: mes: is missing"),
        ({**EVE, "swipes": [1]}, ":4: swipes: should be a list of texts"),
        ({**EVE, "swipe_id": 7}, ":4: swipe_id: should be one of the 3 swipes, counted from 0"),
        ("{", ":4: is not JSON"),
    ],
)
def test_sillytavern_what_is_wrong(line: Any, says: str, tmp_path: Path) -> None:
    said = problems(written(tmp_path / "a.jsonl", HEAD, ADA, EVE, line))
    assert said[0].startswith(says)
    assert said[1:] in ([], [":1: this chat has broken lines, so nothing of it is taken"])


# ---- LM Studio -------------------------------------------------------------------------------------------------------


def studio(*messages: tuple[str, int, list[Any]]) -> dict[str, Any]:
    def version(role: str, content: Any) -> dict[str, Any]:
        parts = [{"type": "text", "text": content}]
        if role == "user":
            return {"type": "singleStep", "role": role, "content": parts}
        think = {"type": "contentBlock", "style": {"type": "thinking"}, "content": [{"type": "text", "text": "hm"}]}
        steps = [think, {"type": "debugInfoBlock"}, {"type": "contentBlock", "content": parts}]
        return {"type": "multiStep", "role": role, "steps": steps}

    made = [
        {"versions": [version(role, one) for one in versions], "currentlySelected": chosen}
        for role, chosen, versions in messages
    ]
    fields = [{"key": "llm.prediction.systemPrompt", "value": "Be brief."}]
    return {"name": "x", "systemPrompt": "", "messages": made, "perChatPredictionConfig": {"fields": fields}}


def test_lm_studio(tmp_path: Path) -> None:
    chat = studio(("user", 0, ["Tell me."]), ("assistant", 1, ["The one.", "The other."]), ("user", 0, ["More."]))
    path = tmp_path / "1.conversation.json"
    path.write_text(json.dumps(chat, indent=2))
    (line,) = taken(path)
    assert line["messages"] == [{"role": "system", "content": "Be brief."}, *ASKED]
    assert "".join(item if isinstance(item, str) else item["chosen"] for item in line["output"]) == "The other."
    assert notices(path) == ["2 × answers lose their thinking"]


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ({"versions": []}, "messages[1].currentlySelected: should be one of the 0 versions, counted from 0"),
        ({"versions": [3]}, "messages[1].versions[0]: should be a version, not a number"),
        ({"versions": [{"role": "x", "content": "y"}]}, "messages[1].versions[0].role: 'x' is no role"),
        ({"versions": [{"role": "user"}]}, "messages[1].versions[0].content: is missing"),
        ({"versions": [{"role": "assistant", "steps": 3}]}, "messages[1].versions[0].steps: should be a list"),
        ({}, "messages[1].versions: is missing"),
        (7, "messages[1]: should be a message with versions, not a number"),
    ],
)
def test_lm_studio_what_is_wrong(message: Any, says: str, tmp_path: Path) -> None:
    chat = studio(("user", 0, ["Tell me."]))
    chat["messages"].append(message)
    said = problems(written(tmp_path / "a.jsonl", chat))
    assert any(one.startswith(f":1: {says}") for one in said)


# ---- an edited copy --------------------------------------------------------------------------------------------------


def talk(*said: str, id: str | None = None) -> dict[str, Any]:
    turns = [{"role": ("user", "assistant")[number % 2], "content": one} for number, one in enumerate(said)]
    return {"messages": turns} | ({"id": id} if id else {})


def joined(tmp_path: Path, edited: list[Any], originals: list[Any]) -> tuple[list[Any], list[str]]:
    paths = written(tmp_path / "new.jsonl", *edited), written(tmp_path / "old.jsonl", *originals)
    found = list(read(inputs([paths[0]], paths[1]), get("byte-level"), model="any"))
    said = [str(problem).replace(f"{tmp_path}/", "") for one in found for problem in one.problems]
    return [plain(trace) for one in found for trace in one.traces], said


def test_an_edited_copy(tmp_path: Path) -> None:
    old = [talk("a", "The one", "b", "The two", id="1"), talk("c", "same", id="2")]
    new = [talk("a", "The one.", "b", "The 2", id="1"), talk("c", "same", id="2")]
    found, said = joined(tmp_path, new, old)
    assert said == []
    assert [line["messages"] for line in found] == [new[0]["messages"][:1], new[0]["messages"][:3]]
    assert found[0]["output"] == ["The one", {"rejected": {"text": "", "end": True}, "chosen": "."}]


def test_an_edited_copy_in_one_object(tmp_path: Path) -> None:
    pair = {"original": talk("a", "b")["messages"], "edited": talk("a", "c")["messages"], "system": "s"}
    (line,) = taken(written(tmp_path / "a.jsonl", pair))
    assert line["messages"] == [{"role": "system", "content": "s"}, {"role": "user", "content": "a"}]


@pytest.mark.parametrize(
    ("new", "old", "says"),
    [
        ([talk("a", "b"), talk("c", "d")], [talk("a", "b")], "new.jsonl:2: old.jsonl has no object in the place"),
        ([talk("a", "b")], [talk("a", "b"), talk("c", "d")], "old.jsonl:2: new.jsonl has no object in the place"),
        ([talk("a", "b", id="1")], [talk("a", "b", id="2")], "new.jsonl:1: id: '1', and old.jsonl:1 is '2'"),
        ([talk("a", "b", "c")], [talk("a", "b")], "new.jsonl:1: edited: has not the same turns as original"),
        ([talk("a", "b")], ["{"], "old.jsonl:1: is not JSON"),
        ([{"x": 1}], [talk("a", "b")], "new.jsonl:1: "),
    ],
)
def test_an_edited_copy_what_is_wrong(new: list[Any], old: list[Any], says: str, tmp_path: Path) -> None:
    _, said = joined(tmp_path, new, old)
    assert said
    assert said[-1].startswith(says)


def test_an_original_is_of_one_file() -> None:
    with pytest.raises(UserError, match="old is the original of one file, and 2 were given"):
        inputs(["a", "b"], "old")
    assert Reading().system == ""


def test_a_plain_conversation_says_what_is_missing(tmp_path: Path) -> None:
    (said,) = problems(written(tmp_path / "a.jsonl", talk("a", "b"), talk("c", "d")))
    assert said.startswith(":1: is a conversation in which nothing is steered; --original names the file")
