"""How a tokenizer splits a text before it merges, as llama.cpp names it.

The patterns are those of the tokenizers of published models, in the notation of their `tokenizer.json`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from midcourse.errors import ModelError

SPACE = "\u2581"
_ENDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_LEAD = r"[^\r\n\p{L}\p{N}]?"
_SLASH = r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
GPT2 = "gpt-2's own"
LLAMA3 = _ENDS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}" + _REST
QWEN2 = _ENDS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + _REST
TEKKEN = f"{_LEAD}{_UPPER}*{_LOWER}+|{_LEAD}{_UPPER}+{_LOWER}*|" + r"\p{N}" + _SLASH
GPT4O = f"{_LEAD}{_UPPER}*{_LOWER}+{_ENDS}?|{_LEAD}{_UPPER}+{_LOWER}*{_ENDS}?|" + r"\p{N}{1,3}" + _SLASH
DIGITS = "digits one by one"

# the splits in their order, and whether a word that is a token is taken without merging
NAMES: dict[tuple[tuple[str, ...], bool], str] = {
    ((GPT2,), False): "gpt-2",
    ((DIGITS, GPT2), False): "smollm",
    ((LLAMA3,), True): "llama-bpe",
    ((LLAMA3,), False): "smaug-bpe",
    ((QWEN2,), False): "qwen2",
    ((TEKKEN,), True): "tekken",
    ((GPT4O,), False): "gpt-4o",
}


def name(spec: dict[str, Any]) -> str:
    """llama.cpp's name for the splitting of a byte-level tokenizer, given its `tokenizer.json`. Raises `ModelError`."""
    splits = tuple(_splits(spec["pre_tokenizer"]))
    merges = bool(spec["model"].get("ignore_merges"))
    if (found := NAMES.get((splits, merges))) is None:
        raise ModelError(
            "llama.cpp has no name here for how this tokenizer splits a text "
            f"({' then '.join(repr(split) for split in splits) or 'not at all'}); write --to merged, and convert that "
            "folder with llama.cpp's convert_hf_to_gguf.py"
        )
    return found


def _splits(spec: dict[str, Any] | None) -> Iterator[str]:
    for part in _parts(spec):
        if part["type"] == "Digits" and part["individual_digits"]:
            yield DIGITS
        elif part["type"] == "Split":
            pattern = part["pattern"].get("Regex") or part["pattern"].get("String")
            usual = part["behavior"] == "Isolated" and not part["invert"]
            yield pattern if usual else f"{pattern} ({part['behavior']})"
        elif part["type"] == "ByteLevel":
            if part["add_prefix_space"]:
                yield "a space before the text"
            if part.get("use_regex", True):
                yield GPT2
        else:
            yield part["type"]


def prefix(spec: dict[str, Any]) -> bool:
    """Whether a SentencePiece tokenizer puts a space before a text. Raises `ModelError` where it does more."""
    found = False
    for part in [*_parts(spec["normalizer"]), *_parts(spec["pre_tokenizer"])]:
        if part["type"] == "Prepend" and part["prepend"] == SPACE:
            found = True
        elif part["type"] == "Metaspace" and part["replacement"] == SPACE:
            found = part["prepend_scheme"] != "never"
        elif part["type"] == "Replace" and part["pattern"] == {"String": " "} and part["content"] == SPACE:
            continue
        elif part["type"] == "Split" and part["pattern"] == {"String": " "}:
            continue  # there are none left
        else:
            raise ModelError(
                f"llama.cpp does not do what this tokenizer does first ({part['type']}); write --to merged, and "
                "convert that folder with llama.cpp's convert_hf_to_gguf.py"
            )
    return found


def _parts(spec: dict[str, Any] | None) -> Iterator[dict[str, Any]]:
    """The steps of a normalizer or pre-tokenizer, nested sequences opened."""
    if spec is None:
        return
    if spec["type"] != "Sequence":
        yield spec
        return
    for part in spec.get("normalizers", spec.get("pretokenizers", ())):
        yield from _parts(part)
