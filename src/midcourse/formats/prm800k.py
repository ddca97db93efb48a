"""PRM800K (arXiv 2305.20050): solutions whose steps people rated: −1 wrong, 0 neutral, 1 good.

    {"question": {"problem": "…"}, "label": {"steps": [
        {"completions": [{"text": "…", "rating": 1}, {"text": "…", "rating": -1}],
         "human_completion": null, "chosen_completion": 0}]}}

The answer is the steps that were chosen, or that a person wrote, one a line. At each step what was rated −1 is
rejected, as many as there are; where nothing was chosen that is a mark, and the answer ends there. Ratings of 0 reject
and choose nothing. Only the `# Answer` of a solution that came to one could end it, and nobody was asked about that.
"""

from __future__ import annotations

from typing import Any

from midcourse.formats.item import Item, Native, kind
from midcourse.formats.masked import SOURCE
from midcourse.formats.messages import with_system

TITLE = "PRM800K"
NOTHING = "solutions have no step that was called wrong: they have no steer"
CHOSEN_BAD = "steps were chosen although they were called wrong: they are marks, and the answer ends there"
BETWEEN = "\n"  # steps are lines


def looks(raw: dict[str, Any]) -> bool:
    """Whether an object is of this format."""
    label = raw.get("label")
    return isinstance(label, dict) and "steps" in label


def natives(item: Item) -> list[Native]:
    """The line of the solution."""
    question = item.raw.get("question")
    if not isinstance(question, dict):
        item.flaw("question", "is missing" if question is None else f"should be an object, not {kind(question)}")
        return []
    label = item.raw.get("label")
    if not isinstance(label, dict):
        item.flaw("label", "is missing" if label is None else f"should be an object, not {kind(label)}")
        return []
    messages = [{"role": "user", "content": item.text(question, "problem", "question")}]
    with_system(item, messages)
    steps = item.items(label, "steps", "label")
    output: list[Any] = []
    for number, step in enumerate(steps):
        place = f"label.steps[{number}]"
        if not isinstance(step, dict):
            item.flaw(place, f"should be an object, not {kind(step)}")
            continue
        found, goes_on = _step(item, step, place)
        output += [BETWEEN, *found] if output and found else found
        if not goes_on:
            break
    if item.flaws or not output:
        return []
    if not any(isinstance(one, dict) and "rejected" in one for one in output):
        item.note(NOTHING)
    about = item.about()
    if isinstance(item.raw.get("labeler"), str):
        about.setdefault("author", item.raw["labeler"])
    return [Native({**about, "messages": messages, "output": output}, {"output": "label.steps"})]


def _step(item: Item, step: dict[str, Any], place: str) -> tuple[list[Any], bool]:
    """What a step adds to the output, and whether the answer goes on after it."""
    wrong: list[str] = []
    texts: list[str] = []
    ratings: list[object] = []
    for number, one in enumerate(item.items(step, "completions", place) if step.get("completions") else []):
        at = f"{place}.completions[{number}]"
        if not isinstance(one, dict):
            item.flaw(at, f"should be an object, not {kind(one)}")
            return [], True
        rating = one.get("rating")
        if rating not in (-1, 0, 1, None) or isinstance(rating, bool):
            item.flaw(f"{at}.rating", f"should be -1, 0 or 1, not {rating!r}")
        texts.append(item.text(one, "text", at))
        ratings.append(rating)
        if rating == -1 and not one.get("flagged"):  # a flag: they could not tell
            wrong.append(texts[-1])
    chosen = step.get("chosen_completion")
    source = SOURCE
    text: str | None = None
    if isinstance(chosen, int) and not isinstance(chosen, bool) and 0 <= chosen < len(texts):
        if ratings[chosen] == -1:
            item.note(CHOSEN_BAD)
        else:
            text = texts[chosen]
    elif chosen is not None:
        item.flaw(f"{place}.chosen_completion", f"should be one of the {len(texts)} completions, counted from 0")
    elif step.get("human_completion") is not None:
        human = step["human_completion"]
        source = "human"
        said = human.get("text") if isinstance(human, dict) else human
        if isinstance(said, str) and said:
            text = said
        else:
            item.flaw(f"{place}.human_completion", f"should be a step, not {kind(said)}")
    if text is None:
        return ([{"rejected": list(dict.fromkeys(wrong))}] if wrong else []), False
    good = {"text": text, "source": source}
    # of two steps of which one is the beginning of the other, nothing says where the other goes wrong
    wrong = [one for one in dict.fromkeys(wrong) if not (one.startswith(text) or text.startswith(one))]
    if wrong or source == "human":
        return [{"chosen": good} | ({"rejected": wrong} if wrong else {})], True
    return [text], True
