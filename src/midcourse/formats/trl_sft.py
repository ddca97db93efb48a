"""Fine-tuning data as TRL takes it: tokens with a mask, or a prompt and its completion.

    {"input_ids": [1, 2, 3], "labels": [-100, -100, 3]}
    {"input_ids": [1, 2, 3], "assistant_masks": [0, 0, 1]}       or completion_mask
    {"prompt": "…", "completion": "…"}                            texts or messages
    {"messages": [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]}

Ids are those of the tokenizer that made them, so they have to be this model's. They are kept exactly; the conversation
is read off the marks of the template. Where nothing is masked every answer is trained, with its end.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any

from midcourse.formats import kto, markup, masked, spans
from midcourse.formats.item import ABOUT, Item, Native, kind
from midcourse.formats.masked import Answer, Part
from midcourse.formats.messages import conversation
from midcourse.formats.preference import prompted

TITLE = "TRL's masked fine-tuning"
IGNORED = -100  # the label of a token without a loss
MASKS = ("labels", "assistant_masks", "completion_mask")
PROMPTS = "prompts are not what this model's chat template writes: answers come in after what it writes"


def looks(raw: dict[str, Any]) -> bool:
    """Whether an object is of this format."""
    return "input_ids" in raw or ("prompt" in raw and "completion" in raw)


def natives(item: Item) -> list[Native]:
    """The line of the object."""
    raw = item.raw
    if "input_ids" in raw:
        return _masked(item)
    if "completion" in raw or "prompt" in raw:
        item.known(raw, ["prompt", "completion", "system", *ABOUT])
        if raw.get("prompt") is None:
            item.flaw("prompt", "is missing")
            return []
        messages, before = prompted(item, "prompt")
        text = markup.bare(raw["prompt"], markup.unended(item.tok, kto.completion(item, "completion")))
        if not text and not item.flaws:
            item.flaw("completion", "is empty")
        parts = [Part(before, 0), *masked.trained(text)]
        answers = [*map(Answer, messages), Answer({"role": "assistant", "content": before + text}, parts)]
        return [] if item.flaws else masked.lines(item, answers, "completion")
    item.known(raw, ["messages", "system", *ABOUT])
    answers = []
    for number, message in enumerate(conversation(item, raw.get("messages"), "messages")):
        said = message.get("content")
        answer = message["role"] == "assistant" and isinstance(said, str) and said != "" and number > 0
        answers.append(Answer(message, masked.trained(str(said)) if answer else ()))
    return [] if item.flaws else masked.lines(item, answers, "messages")


def _masked(item: Item) -> list[Native]:
    raw = item.raw
    item.known(raw, ["input_ids", *MASKS, *ABOUT])
    ids = [one for number, one in enumerate(item.items(raw, "input_ids")) if _is_id(item, one, number)]
    name = next((name for name in MASKS if raw.get(name) is not None), "labels")
    labels = item.items(raw, name)
    if len(labels) != len(raw["input_ids"] or []) and not item.flaws:
        item.flaw(name, f"has {len(labels)} entries for {len(ids)} input_ids; one each is needed")
    for number, (label, token) in enumerate(zip(labels, ids, strict=False)):
        allowed = (IGNORED, token) if name == "labels" else (0, 1)
        if label not in allowed:
            said = f"should be {allowed[0]} or {'the token itself, ' if name == 'labels' else ''}{allowed[1]}"
            item.flaw(f"{name}[{number}]", f"{said}, not {label!r}")
            break
    if item.flaws:
        return []
    trained = [label != (IGNORED if name == "labels" else 0) for label in labels]
    return masked.lines(item, _answers(item, ids, trained), "input_ids")


def _is_id(item: Item, one: object, number: int) -> bool:
    """Whether it is a token of this model; the first that is none is a flaw."""
    fits = isinstance(one, int) and not isinstance(one, bool) and 0 <= one < item.tok.size
    if not fits and not item.flaws:
        why = f"{one} is not in the vocabulary of {item.tok.size} tokens" if isinstance(one, int) else kind(one)
        item.flaw(f"input_ids[{number}]", f"should be a token of the model that is imported for: {why}")
    return fits


def _answers(item: Item, ids: list[int], trained: list[bool]) -> list[Answer]:
    """The conversation that the tokens say, its answers in exact ids."""
    tok = item.tok
    text = markup.written(tok, ids)
    starts, at = list[int](), 0  # of each token, in bytes
    for token in ids:
        starts.append(at)
        at += len(markup.written(tok, [token]).encode(errors="surrogateescape"))
    known = markup.begun(item, text) if isinstance(item.raw.get(markup.CONVERSATION), list) else None
    turns = [markup.Turn("assistant", known.start, len(text), len(text))] if known else markup.turns(text)
    if not turns:
        item.flaw("input_ids", f"have no marks of a chat template that is known; they begin {text[:60]!r}")
        return []
    answers = [Answer(message) for message in known.messages] if known else []
    inside = set[int]()
    for turn in turns:
        if turn.role != "assistant":
            answers += map(Answer, markup.messages(text, [turn]))
            continue
        begin, end = (len(text[:place].encode(errors="surrogateescape")) for place in (turn.start, turn.end))
        places = [number for number, start in enumerate(starts) if begin <= start < end]
        parts = [
            masked.exact(tok, [ids[place] for place in part], float(on))
            for on, part in groupby(places, key=lambda place: trained[place])
        ]
        said = text[turn.start : turn.stop].encode(errors="surrogateescape").decode(errors="replace")
        if any(trained[place] for place in places):
            prompt = [answer.message for answer in answers]
            if tok.prompt(prompt) != ids[: places[0]]:
                item.note(PROMPTS)
        whole = _whole(parts)
        inside |= set(places[: sum(len(part.ids or ()) for part in whole)])
        answers.append(Answer({"role": "assistant", "content": said}, whole))
    outside = [token for place, token in enumerate(ids) if trained[place] and place not in inside]
    if any((own := tok.token_bytes(token)).strip(b"\n") or not own for token in outside):
        item.note(spans.OUTSIDE)
    return answers


def _whole(parts: list[Part]) -> list[Part]:
    """The parts, without what follows the end of the answer."""
    last = next((number for number, part in enumerate(parts) if part.end), len(parts))
    return parts[: last + 1]
