"""Ids as text of which a peer's tokenizer makes the same ids: peers read text, and tokenize it in their own way.

Two ways matter. Axolotl, LLaMA-Factory and ms-swift tokenize every piece by itself and add nothing (`alone`); TRL
tokenizes all of it at once and lets the tokenizer add what it adds (`whole`). Special tokens are written out, and read
back as special tokens by both.

Invariant: `pieces(ids)`, each tokenized alone and joined, are `ids`, or None.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache

from midcourse.models.tokenizer import HFTokenizer
from midcourse.trace.text import to_bytes, unfinished

UNSAYABLE = "with tokens that no text gives (half a character, say)"
RECENT = 512  # texts whose ids are kept: several rows are about the same steer


class Spelling:
    """The text of a tokenizer's ids, as peers read it."""

    def __init__(self, tok: HFTokenizer) -> None:
        self.tok = tok
        self.end: str = tok.tokenizer.eos_token or ""
        self._ids = lru_cache(RECENT)(self._made)

    def alone(self, text: str) -> list[int]:
        """What a peer makes of a piece that it tokenizes by itself."""
        return self._ids(text, False)

    def whole(self, text: str) -> list[int]:
        """What a peer makes of a text to which the tokenizer adds what it adds, such as a beginning."""
        return self._ids(text, True)

    def text(self, ids: Sequence[int]) -> str:
        """The text of `ids` with special tokens written out; U+FFFD for bytes that are no text."""
        return self.tok.spelled(ids)

    def is_text(self, ids: Sequence[int]) -> bool:
        """Whether `ids` are whole characters."""
        try:
            self.tok.written(ids).encode()
        except UnicodeEncodeError:
            return False
        return True

    def exact(self, ids: Sequence[int]) -> str | None:
        """A text of which `alone` makes `ids`, if there is one."""
        return next((said for said in self._texts(ids) if self.alone(said) == list(ids)), None)

    def _texts(self, ids: Sequence[int]) -> Iterator[str]:
        """What may give `ids`: their text, and where tokenizers write a space of their own, the text without those."""
        text = self.text(ids)
        yield text
        if text.startswith(" "):
            yield text[1:]
        parts, special = list[bytes](), True
        for token in ids:
            found = self.tok.token_bytes(token)
            parts.append(
                (found.removeprefix(b" ") if special else found) or self.tok.spelled([token]).encode() * (not found)
            )
            special = not found
        tight = b"".join(parts).decode(errors="replace")
        if tight not in (text, text.removeprefix(" ")):
            yield tight

    def pieces(self, ids: Sequence[int]) -> list[str] | None:
        """Texts of which `alone` makes `ids` one after another, as few as halving finds; None if there are none."""
        return self._pieces(self._atoms(ids))

    def _pieces(self, atoms: Sequence[list[int]]) -> list[str] | None:
        found = self.exact([token for atom in atoms for token in atom])
        if found is not None:
            return [found]
        for cut in sorted(range(1, len(atoms)), key=lambda place: abs(2 * place - len(atoms))):
            if self.exact(atoms[cut]) is not None:  # a piece can begin here: not every tokenizer begins inside a word
                before = self._pieces(atoms[:cut])
                after = self._pieces(atoms[cut:]) if before is not None else None
                return before + after if before is not None and after is not None else None
        return None

    def _atoms(self, ids: Sequence[int]) -> list[list[int]]:
        """`ids` in the smallest parts that are whole characters."""
        atoms: list[list[int]] = []
        held: list[int] = []
        for token in ids:
            held.append(token)
            if not unfinished(to_bytes(self.tok, held)):
                atoms.append(held)
                held = []
        return [*atoms, held] if held else atoms

    def begun(self, ids: Sequence[int]) -> str:
        """The text of `ids`, from the prompt on, for a tokenizer that is asked for the whole: without what it adds."""
        rest = ids[len(self.added) :] if list(ids[: len(self.added)]) == self.added else ids
        return next((said for said in self._texts(rest) if self.whole(said) == list(ids)), self.text(rest))

    @cached_property
    def added(self) -> list[int]:
        """What the tokenizer puts before a text."""
        alone, whole = self.alone("a"), self.whole("a")
        return next((whole[:n] for n in range(len(whole)) if whole[n : n + len(alone)] == alone), [])

    def _made(self, text: str, add: bool) -> list[int]:
        backend = getattr(self.tok.tokenizer, "backend_tokenizer", None)
        if backend is not None:  # several times as fast as the tokenizer's own call
            return list(backend.encode(text, add_special_tokens=add).ids)
        ids: list[int] = self.tok.tokenizer(text, add_special_tokens=add, verbose=False)["input_ids"]
        return ids
