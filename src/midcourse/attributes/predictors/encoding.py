"""A conversation as a predictor reads it: the prompt's ids, the answer's, and what is left out where it is too long.

The ids are those that the answer was, or would be, written with: `tokenizer.prompt` of what comes before, nothing asked
for, then the answer's own tokens, then the token that ends it.

The rule for what is too long: tokens go from the middle of the prompt, of which `KEPT` stay at least, half of them at
each end; then, if that is not enough, from the middle of the answer. So the question's beginning, its end, and the
answer's end, where it is read, are always there. How many went is counted in each `Encoded`; nothing is ever replaced.
"""

from __future__ import annotations

from dataclasses import dataclass

from midcourse.attributes.predictors.predictor import Conversation
from midcourse.errors import ContextError, UserError
from midcourse.trace.text import Tokenizer

KEPT = 64  # tokens of the prompt that stay before any of the answer goes


@dataclass(frozen=True, slots=True)
class Encoded:
    """`ids[start:]` is the answer with its end. `length` is how many tokens the whole answer has, its end included.

    `prompt_cut` and `answer_cut` are how many tokens were left out of each.
    """

    ids: tuple[int, ...]
    start: int
    length: int
    prompt_cut: int = 0
    answer_cut: int = 0

    @property
    def tokens(self) -> tuple[int, int]:
        """How many tokens the whole answer has, its end included, and how many its whole prompt."""
        return self.length, self.start + self.prompt_cut

    @property
    def answer(self) -> tuple[int, ...]:
        """The answer's tokens that are there, and the end."""
        return self.ids[self.start :]


def encode(tokenizer: Tokenizer, conversation: Conversation, max_tokens: int) -> Encoded:
    """`conversation`, whose last message is the answer, in at most `max_tokens` tokens, by the rule of the module.

    Raises `UserError` where there is no answer, `ContextError` where `max_tokens` has no room for any rule.
    """
    *before, last = conversation
    if last.get("role") != "assistant" or not before:
        raise UserError("a conversation to be rated ends with an assistant's answer to something")
    prompt = tokenizer.prompt(before)
    answer = [*tokenizer.encode(last["content"]), tokenizer.end_id]
    kept_prompt, kept_answer = room(len(prompt), len(answer), max_tokens)
    ids = (*without_middle(prompt, kept_prompt), *without_middle(answer, kept_answer))
    return Encoded(ids, kept_prompt, len(answer), len(prompt) - kept_prompt, len(answer) - kept_answer)


def tokens_along(one: Encoded) -> list[tuple[int, int]]:
    """`tokens` at each token of the answer that is there, with an end behind it; parallel to `answer[:-1]`."""
    places = without_middle(list(range(1, one.length + 1)), len(one.answer))[:-1]
    return [(place + 1, one.tokens[1]) for place in places]


def room(prompt: int, answer: int, max_tokens: int) -> tuple[int, int]:
    """How many tokens of each stay. Raises `ContextError` where even the rule leaves no room for an answer."""
    if prompt + answer <= max_tokens:
        return prompt, answer
    kept_prompt = max(min(prompt, KEPT), max_tokens - answer)
    kept_answer = min(answer, max_tokens - kept_prompt)
    if kept_answer < min(answer, 2):
        raise ContextError(f"{max_tokens} tokens hold no answer beside {kept_prompt} of its prompt: allow more tokens")
    return kept_prompt, kept_answer


def without_middle(ids: list[int], kept: int) -> list[int]:
    """The first and the last of `ids`, `kept` of them; the last half is the larger one."""
    first = kept // 2 if kept < len(ids) else len(ids)
    return ids[:first] + ids[len(ids) - (kept - first) :] if kept < len(ids) else ids
