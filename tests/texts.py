"""Hypothesis strategies for the texts that break tokenizers, and for answers as models write them."""

from __future__ import annotations

from hypothesis import strategies as st

from midcourse.errors import SteerError
from midcourse.models.tokenizer import HFTokenizer

PARTS = [
    *("the", "hello", " world", " understanding", "help", "er", " a", "aa", "ab", "name", " = ", '"Ada"', "age = 36"),
    *(" ", "  ", "   ", "\n", "\n\n", "\t", "1", "23", "456", "7890", ".", ",", "!", "```", "----", "def f(x):"),
    *("é", "e\u0301", "ñ", "n\u0303", "\u0301", "ﬁ", "—", "“", "…", "你", "好", "中文", "世界", "模型", "界"),
    *("🙂", "👩‍👩‍👧", "👍🏽", "🇩🇪", "\u200d", "\ufe0f", "𝔘", "▁", "Ġ", "\ufffd", "\ufeff", "\u2028", "<0x41>"),
    *("<s>", "</s>", "<unk>", "<|im_start|>", "<|im_end|>", "<|im_", "end|>", "x", "Z", "ß", "Ω", "ا", "ह", "ि"),
]


def texts(max_parts: int = 8) -> st.SearchStrategy[str]:
    """Text of awkward parts and of any characters at all (no surrogates: those are no text)."""
    part = st.one_of(st.sampled_from(PARTS), st.text(max_size=4))
    return st.lists(part, max_size=max_parts).map("".join)


def written(tok: HFTokenizer, max_parts: int = 8) -> st.SearchStrategy[list[int]]:
    """Ids as a model might write them: texts tokenized one by one (so not as the whole would be), and any ids."""
    plain = [token for token in range(tok.size) if tok.token_bytes(token)]

    def ids_of(text: str) -> list[int]:
        try:
            return tok.encode(text)
        except SteerError:
            return []

    pieces = st.one_of(texts(3).map(ids_of), st.lists(st.sampled_from(plain), max_size=3))
    return st.lists(pieces, max_size=max_parts).map(lambda parts: [token for part in parts for token in part])
