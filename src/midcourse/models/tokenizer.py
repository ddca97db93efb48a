"""A transformers tokenizer as traces need it: exact bytes, text in place, the prompt, and what ends an answer.

Invariants: the bytes of `encode(text)` are the UTF-8 of `text`. `end_id` is what the chat template writes after an
assistant's turn, if it writes a special token there, else the tokenizer's end of sequence. Equal fingerprints mean that
the same text gives the same ids and the same conversation gives the same prompt.

Importing this module imports neither torch nor transformers: the caller brings the tokenizer.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from midcourse.errors import ModelError, SteerError
from midcourse.models.pieces import codec
from midcourse.trace.tree import Message

if TYPE_CHECKING:
    from transformers import GenerationConfig, PreTrainedTokenizerBase

    from midcourse.attributes.conditioning import Conditioning
    from midcourse.attributes.schema import Values

_PROBE = "Midcourse"  # an answer that a chat template prints as it is


class HFTokenizer:
    """`midcourse.trace.text.Tokenizer` over any transformers tokenizer.

    `ends` names more tokens that end an answer: ids, or a generation config. Raises `ModelError` if nothing ends one.
    """

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, ends: GenerationConfig | Iterable[int] | int | None = None
    ) -> None:
        self.tokenizer = tokenizer
        if (backend := getattr(tokenizer, "backend_tokenizer", None)) is not None:
            backend.no_truncation()  # a tokenizer.json may hold those of whoever saved it last
            backend.no_padding()
        self._ends = ends
        self.plain: HFTokenizer = self  # the one that this one extends, if it does
        self.added: tuple[str, ...] = ()  # and by which special tokens
        self.conditioning: Conditioning | None = None  # how this model is told attributes, if it has learned to be
        self._system: bool | None = None  # whether the chat template writes a system message; None: not tried yet
        self._codec = codec(tokenizer)
        self._table = self._codec.table
        # The exact bytes of a token in the middle of a text; none for special tokens and unknown ids. An attribute, for
        # it is called for every token of everything.
        self.token_bytes: Callable[[int], bytes] = self._table.__getitem__
        self.size: int = max(len(tokenizer), max(self._table, default=-1) + 1)
        self.fingerprint: str = _fingerprint(self._codec.identity, tokenizer)
        ends = getattr(ends, "eos_token_id", ends)
        named = {ends} if isinstance(ends, int) else set(ends or ())
        turn = self._end_of_turn()
        last = turn if turn is not None else tokenizer.eos_token_id
        if last is None:
            last = min(named, default=None)
        if last is None:
            raise ModelError(
                "this tokenizer has no token that ends an answer: "
                "set eos_token in tokenizer_config.json or eos_token_id in generation_config.json"
            )
        self.end_id: int = last
        self.end_ids: frozenset[int] = frozenset(named | {last} | ({tokenizer.eos_token_id} - {None}))

    def extended(self, tokens: Sequence[str]) -> HFTokenizer:
        """This tokenizer with more special tokens, behind all others; itself if it has them already."""
        known = self.tokenizer.get_vocab()
        if all(token in known for token in tokens):
            return self
        wider = copy.deepcopy(self.tokenizer)
        wider.add_tokens(list(tokens), special_tokens=True)
        made = HFTokenizer(wider, self._ends)
        made.plain, made.added = self.plain, (*self.added, *tokens)
        return made

    def encode(self, text: str) -> list[int]:
        """The ids of `text` in the middle of a text: no prefix space, no special tokens.

        Raises `SteerError` if the vocabulary cannot express the exact text.
        """
        ids = self._codec.encode(text)
        found = b"".join(map(self._table.__getitem__, ids))
        if found != text.encode():
            raise SteerError(f"the tokenizer cannot express {_lost(self, text)} exactly")
        return ids

    def spelled(self, ids: Sequence[int]) -> str:
        """The text of `ids` with special tokens written out; U+FFFD for bytes that are no text."""
        return self._spelt(ids).decode(errors="replace")

    def written(self, ids: Sequence[int]) -> str:
        """The same with surrogates for bytes that are no text, so that places in it are places in the bytes."""
        return self._spelt(ids).decode(errors="surrogateescape")

    def _spelt(self, ids: Sequence[int]) -> bytes:
        names = self.tokenizer.convert_ids_to_tokens
        return b"".join(self.token_bytes(token) or str(names(token) or "").encode() for token in ids)

    def prompt(
        self, messages: Sequence[Message], attributes: Values | None = None, *, add_generation_prompt: bool = True
    ) -> list[int]:
        """The ids of the conversation, ready for an answer. Special tokens in it are parsed, as everywhere else.

        `attributes` are what is asked of the answer; a model that has not learned to be told any sees nothing of them.
        Without `add_generation_prompt` the template does not begin an answer.
        Raises `ModelError` when there is no chat template or it refuses the conversation, `ConfigError` for attributes
        that this model has not, and for values outside their range.
        """
        if not attributes or self.conditioning is None:
            return self._parse(self._render(messages, add_generation_prompt=add_generation_prompt))
        asked = self.conditioning.attributes.check(attributes, "attributes")
        said = self.conditioning.messages(messages, asked, system=self._takes_system())
        rendered = self._render(said, add_generation_prompt=add_generation_prompt)
        return self._parse(rendered + (self.conditioning.after(asked) if add_generation_prompt else ""))

    def whole(self, text: str, *, begin: bool = True) -> list[int]:
        """The ids of a whole text, special tokens in it parsed.

        Where the tokenizer begins every text with a token, these `begin` with it, once.
        """
        ids, first = self._parse(text), self._first()
        return ids if first is None or not begin or ids[:1] == [first] else [first, *ids]

    def named(self, token: int) -> str:
        """What a token is called: its text, U+FFFD for a part of a character, or the name of one without text."""
        part = self.token_bytes(token)
        return part.decode(errors="replace") if part else str(self.tokenizer.convert_ids_to_tokens(token))

    def rendered(self, messages: Sequence[Message], *, answer: bool) -> str:
        """The conversation as the chat template writes it, ready for an `answer` or not. Raises `ModelError`."""
        return self._render(messages, add_generation_prompt=answer)

    def _takes_system(self) -> bool:
        """Whether the chat template writes system messages: some refuse them, and some leave them out."""
        if self._system is None:
            turns = [{"role": "system", "content": _PROBE}, {"role": "user", "content": "?"}]
            try:
                self._system = _PROBE in self._render(turns, add_generation_prompt=True)
            except ModelError:
                self._system = False
        return self._system

    def _render(self, messages: Sequence[Message], *, add_generation_prompt: bool) -> str:
        from jinja2 import TemplateError

        if not getattr(self.tokenizer, "chat_template", None):
            raise ModelError(
                "this tokenizer has no chat template: use an instruction-tuned model, "
                "or put a chat_template.jinja beside its tokenizer"
            )
        try:
            rendered: str = self.tokenizer.apply_chat_template(
                list(messages), tokenize=False, add_generation_prompt=add_generation_prompt
            )
        except (TemplateError, TypeError, KeyError, ValueError) as error:
            raise ModelError(f"the model's chat template refuses this conversation: {error}") from error
        return rendered

    def _first(self) -> int | None:
        """The token with which the tokenizer begins every text, if there is one."""
        bos = self.tokenizer.bos_token_id
        ids = self.tokenizer("").input_ids
        return bos if bos is not None and list(ids[:1]) == [bos] else None

    def _parse(self, rendered: str) -> list[int]:
        backend = getattr(self.tokenizer, "backend_tokenizer", None)
        if backend is not None:  # thrice as fast as the tokenizer's own call
            return list(backend.encode(rendered, add_special_tokens=False).ids)
        ids: list[int] = self.tokenizer.encode(rendered, add_special_tokens=False)
        return ids

    def _end_of_turn(self) -> int | None:
        """The special token that the chat template puts after an assistant's message; None if it does not."""
        turns = [{"role": "user", "content": "?"}, {"role": "assistant", "content": _PROBE}]
        try:
            after = self._render(turns, add_generation_prompt=False).rpartition(_PROBE)[2].strip()
        except ModelError:
            return None
        ids = self._parse(after)
        added: dict[int, Any] = self.tokenizer.added_tokens_decoder
        first = next((token for token in ids if self._table[token].strip() or token in added), None)
        return first if first in added and str(added[first]) == after[: len(str(added[first]))] else None


def _fingerprint(identity: Any, tokenizer: PreTrainedTokenizerBase) -> str:
    """16 hex digits of a SHA-256 over everything that turns text into ids."""
    whole = [identity, getattr(tokenizer, "chat_template", None)]
    return hashlib.sha256(json.dumps(whole, sort_keys=True, ensure_ascii=True).encode()).hexdigest()[:16]


def _lost(tok: HFTokenizer, text: str) -> str:
    """The first character that the vocabulary cannot express, or the text if each of them alone can be."""
    for char in text:
        if b"".join(map(tok.token_bytes, tok._codec.encode(char))) != char.encode():
            return f"the character {char!r} (U+{ord(char):04X})"
    return repr(text if len(text) < 60 else text[:57] + "…")
