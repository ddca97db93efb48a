"""A tokenizer as GGUF holds it: tokens with their kinds, merges or scores, special ids, and the chat template.

llama.cpp knows two families that matter here: byte-level BPE, whose way of splitting a text is only a *name*
(`tokenizer.ggml.pre`), and SentencePiece BPE, where a merge's rank is a token's score. The name is found from the
splitters of the tokenizer itself; one that is not known is refused, because llama.cpp would split differently.

Invariant: token i of the file is token i of the tokenizer; rows of the embedding beyond it are named and unused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gguf import GGUFWriter, TokenType

from midcourse.errors import ModelError
from midcourse.release.gguf import splitting

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from midcourse.models.tokenizer import HFTokenizer

SPACE = "\u2581"
BYTES = {f"<0x{byte:02X}>" for byte in range(256)}
DEFAULTS = ("bos", "eos", "unk", "pad")


def write(writer: GGUFWriter, tokenizer: HFTokenizer, size: int) -> None:
    """The vocabulary of a model with `size` embeddings. Raises `ModelError` where llama.cpp has no such tokenizer."""
    inner = tokenizer.tokenizer
    spec = _spec(inner)
    model = spec["model"]
    if model.get("type", "BPE") != "BPE" or "vocab" not in model:
        raise ModelError(_refusal(f"its vocabulary is of the kind {model.get('type')!r}, and only BPE is written"))
    pieces = {number: piece for piece, number in model["vocab"].items()}
    kinds = dict.fromkeys(pieces, TokenType.NORMAL)
    merges = [merge.split(" ") if isinstance(merge, str) else merge for merge in model["merges"]]
    if model.get("byte_fallback"):
        kinds |= {number: TokenType.BYTE for number, piece in pieces.items() if piece in BYTES}
        writer.add_tokenizer_model("llama")
        writer.add_tokenizer_pre("default")
        writer.add_add_space_prefix(splitting.prefix(spec))
    else:
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(splitting.name(spec))
    if (unknown := model.get("unk_token")) in model["vocab"]:
        kinds[model["vocab"][unknown]] = TokenType.UNKNOWN
    for token in spec["added_tokens"]:
        pieces[token["id"]] = token["content"]
        if token["content"] != unknown:
            kinds[token["id"]] = TokenType.CONTROL if token["special"] else TokenType.USER_DEFINED
    for number in range(max(size, max(pieces) + 1)):
        if number not in pieces:
            pieces[number], kinds[number] = f"[PAD{number}]", TokenType.UNUSED
    ordered = sorted(pieces)
    if len(ordered) > size:
        raise ModelError(_refusal(f"it has {len(ordered):,} tokens, and the model embeddings for {size:,}"))
    writer.add_vocab_size(size)
    writer.add_token_list([pieces[number] for number in ordered])
    writer.add_token_types([int(kinds[number]) for number in ordered])
    if model.get("byte_fallback"):
        scores = _scores(merges, model["vocab"])
        writer.add_token_scores([scores.get(number, 0.0) for number in ordered])
    else:
        writer.add_token_merges([" ".join(merge) for merge in merges])
    _special(writer, tokenizer)
    if inner.chat_template:
        writer.add_chat_template(inner.chat_template)


def _spec(tokenizer: PreTrainedTokenizerBase) -> dict[str, Any]:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise ModelError(_refusal("it has no tokenizer.json; save it once with a fast tokenizer of transformers"))
    spec: dict[str, Any] = json.loads(backend.to_str())
    return spec


def _refusal(why: str) -> str:
    return f"this tokenizer cannot be written as GGUF: {why}. Write --to merged instead"


def _scores(merges: list[list[str]], vocab: Mapping[str, int]) -> dict[int, float]:
    """By token: the earlier it is merged, the higher; single characters are lowest.

    SentencePiece merges the pair that makes the token with the highest score; tokenizers of that origin list their
    merges in this order.
    """
    scores = dict.fromkeys(vocab.values(), -float(len(merges) + 1))
    for rank, (left, right) in enumerate(merges):
        token = vocab[left + right]
        scores[token] = max(scores[token], -float(rank + 1))
    return scores


def _special(writer: GGUFWriter, tokenizer: HFTokenizer) -> None:
    """What begins a text and ends an answer, and whether a text is begun so without being asked."""
    inner = tokenizer.tokenizer
    for name in DEFAULTS:
        if (number := getattr(inner, f"{name}_token_id", None)) is not None:
            getattr(writer, f"add_{name}_token_id")(number)
    if tokenizer.end_id != inner.eos_token_id:
        writer.add_eot_token_id(tokenizer.end_id)
    plain = list(inner("a").input_ids)
    writer.add_add_bos_token(plain[0] == inner.bos_token_id)
    writer.add_add_eos_token(plain[-1] == inner.eos_token_id)
