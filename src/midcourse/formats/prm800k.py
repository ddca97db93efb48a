"""PRM800K (arXiv 2305.20050): solutions step by step, each with alternatives that people rated −1, 0 or 1.

    {"question": {"problem": "…"}, "label": {"steps": [{"completions": [{"text": "…", "rating": -1}],
     "human_completion": {"text": "…"}, "chosen_completion": null}], "finish_reason": "solution"}}

The step that the solution went on with stands, and the alternatives rated −1 are rejected there. A step that a person
wrote is a correction of theirs. Where the solution stopped at an error, that step is a mark: wrong, and nobody said
what would have been right. Steps rated 0 are rejected by nobody. Steps are lines.
"""

from __future__ import annotations

from typing import Any

from midcourse.formats.item import ABOUT, Item, Native, kind

TITLE = "PRM800K"


def looks(raw: dict[str, Any]) -> bool:
    """Whether an object is of this format."""
    label = raw.get("label")
    return isinstance(label, dict) and "steps" in label and "question" in raw


def natives(item: Item) -> list[Native]:
    """The line of the solution."""
    question, label = item.raw.get("question"), item.raw.get("label")
    if not isinstance(question, dict):
        item.flaw("question", f"should be an object, not {kind(question)}")
        return []
    if not isinstance(label, dict):
        item.flaw("label", f"should be an object, not {kind(label)}")
        return []
    problem = item.text(question, "problem", "question")
    output: list[Any] = []
    for number, step in enumerate(item.items(label, "steps", "label")):
        place = f"label.steps[{number}]"
        if not isinstance(step, dict):
            item.flaw(place, f"should be an object, not {kind(step)}")
            continue
        found = _step(item, step, place)
        if found is None:
            break
        output += ["\n", found] if output else [found]
        if isinstance(found, dict) and "chosen" not in found:
            break
    if item.flaws:
        return []
    if not any(isinstance(one, dict) for one in output):
        item.note("solutions have no step with another one that is rated -1, nor one that a person wrote: no steer")
    if not output:
        return []
    about = {name: value for name, value in item.about().items() if name in ABOUT and name != "label"}
    if isinstance(item.raw.get("labeler"), str):
        about.setdefault("author", item.raw["labeler"])
    messages = [{"role": "user", "content": problem}]
    if item.reading.system:
        messages.insert(0, {"role": "system", "content": item.reading.system})
    return [Native({**about, "messages": messages, "output": output}, {"output": "label", "messages": "question"})]


def _step(item: Item, step: dict[str, Any], place: str) -> Any | None:
    """What one step gives: a text, a steer, or None where the solution does not go on."""
    completions = step.get("completions") or []
    if not isinstance(completions, list):
        item.flaw(f"{place}.completions", f"should be a list, not {kind(completions)}")
        return None
    texts, bad = [], []
    for number, one in enumerate(completions):
        at = f"{place}.completions[{number}]"
        if not isinstance(one, dict):
            item.flaw(at, f"should be an object, not {kind(one)}")
            return None
        texts.append(item.text(one, "text", at))
        rating = one.get("rating")
        if rating not in (-1, 0, 1, None) or isinstance(rating, bool):
            item.flaw(f"{at}.rating", f"is {rating!r}; ratings are -1, 0 and 1")
        if rating == -1 and not one.get("flagged"):
            bad.append(texts[-1])
    human, which = step.get("human_completion"), step.get("chosen_completion")
    if human is not None:
        at = f"{place}.human_completion"
        good: str | None = item.text(human, "text", at) if isinstance(human, dict) else str(human)
    elif which is None:
        good = None
    elif isinstance(which, int) and not isinstance(which, bool) and 0 <= which < len(texts):
        good = texts[which]
    else:
        item.flaw(f"{place}.chosen_completion", f"is {which!r}, and there are {len(texts)} completions")
        return None
    bad = [text for text in dict.fromkeys(bad) if text and text != good]
    if good and human is None and not bad:
        return good
    steer: dict[str, Any] = {"chosen": good} if good else {}
    if bad:
        steer["rejected"] = bad if len(bad) > 1 else bad[0]
    return steer or None
