"""The exact bytes of every token, and exact tokenization: what `midcourse.models.tokenizer` knows of a vocabulary.

Representation: a `Codec` is a function from text to ids and a table from id to bytes. Three kinds of tokenizer are
understood to the byte: byte-level ones, SentencePiece-style ones (`▁` for the space, `<0xNN>` for bytes), both from the
`tokenizers` library, and the `sentencepiece` library itself. Any other goes through its own decoder, one token after
another, and is refused as soon as that does not give back the text.

Invariant: `encode` is in place (no prefix space, no special token, no normalization) and gives ids whose joined bytes
are the UTF-8 of the text, or raises. Libraries only normalize to accept more inputs; here bytes must come back.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from midcourse.errors import ModelError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SPACE = "▁"
_BYTE = re.compile(r"<0x([0-9A-F]{2})>")
_MISREAD = re.compile(r"(▁)|(?<=<)(?=0x[0-9A-F]{2}>)")
# A NormalizerSpec to append to a sentencepiece model (in protocol buffers the last value wins): name "identity", no
# character map, add_dummy_prefix and remove_extra_whitespaces off.
_IDENTITY = bytes.fromhex("1a10 0a08") + b"identity" + bytes.fromhex("1200 1800 2000")
_SPACE_DECODERS = {"Sequence", "Replace", "ByteFallback", "Fuse", "Strip", "Metaspace"}


class Table(dict[int, bytes]):
    """Bytes by id. An id that is not in the vocabulary (models pad theirs) has none."""

    def __missing__(self, token: int) -> bytes:
        return b""


class _Spelt(Table):
    """Bytes by id, from the piece when first asked for: a vocabulary is large, an answer short."""

    def __init__(self, to_bytes: Callable[[str], bytes], pieces: dict[str, int]) -> None:
        super().__init__()
        self._to_bytes = to_bytes
        self._pieces = {token: piece for piece, token in pieces.items()}
        if pieces:
            self[max(self._pieces)]  # so that the largest id is always there

    def spell_all(self) -> None:
        """Look every token up."""
        for token in self._pieces:
            self[token]

    def __missing__(self, token: int) -> bytes:
        if token not in self._pieces:
            return b""
        self[token] = self._to_bytes(self._pieces[token])
        return self[token]


class Codec(NamedTuple):
    """`encode` gives the ids of a text in place, unchecked; `identity` says all of the vocabulary that matters."""

    encode: Callable[[str], list[int]]
    table: Table
    identity: Any


def codec(tokenizer: PreTrainedTokenizerBase) -> Codec:
    """The codec of a transformers tokenizer."""
    if getattr(tokenizer, "backend_tokenizer", None) is not None:
        return _fast(tokenizer)
    if getattr(tokenizer, "sp_model", None) is not None:
        return _sentencepiece(tokenizer)
    return _generic(tokenizer, sorted(tokenizer.get_vocab().items()))


# ---- the tokenizers library --------------------------------------------------------------------------------------


def _fast(tokenizer: PreTrainedTokenizerBase) -> Codec:
    from tokenizers import Tokenizer

    spec = json.loads(tokenizer.backend_tokenizer.to_str())
    spec |= {"truncation": None, "padding": None}
    identity = {key: spec[key] for key in ("model", "normalizer", "pre_tokenizer", "decoder", "added_tokens")}
    special = {token["id"] for token in spec["added_tokens"] if token["special"]} | set(tokenizer.all_special_ids)
    to_bytes = _piece_bytes(spec)
    if to_bytes is None:
        return _generic(tokenizer, identity)
    vocabulary = spec["model"]["vocab"]
    pieces = (
        {piece: token for token, (piece, _) in enumerate(vocabulary)} if isinstance(vocabulary, list) else vocabulary
    )
    table = _Spelt(to_bytes, pieces)
    table.update((token["id"], token["content"].encode()) for token in spec["added_tokens"])
    unknown = spec["model"].get("unk_token")
    special |= {pieces[unknown]} if unknown in pieces else {spec["model"].get("unk_id")} - {None}
    table.update(dict.fromkeys(special, b""))

    @cache
    def core() -> Tokenizer:  # a quarter of a second that writing on does not need
        return Tokenizer.from_str(json.dumps(_in_place(spec, pieces, special)))

    def encode(text: str) -> list[int]:
        ids: list[int] = core().encode(text, add_special_tokens=False).ids
        return ids

    if to_bytes("Ġ") == b" ":
        return Codec(encode, table, identity)
    table.spell_all()
    return Codec(_spelling(encode, table), table, identity)


def _piece_bytes(spec: dict[str, Any]) -> Callable[[str], bytes] | None:
    """How this tokenizer's pieces spell bytes; None if it is none of the kinds that are understood."""
    decoders = list(_parts(spec["decoder"]))
    kinds = {part["type"] for part in decoders}
    if "ByteLevel" in kinds:
        alphabet = _byte_alphabet()

        def byte_level(piece: str) -> bytes:
            return bytes(alphabet[char] for char in piece) if alphabet.keys() >= set(piece) else piece.encode()

        return byte_level
    replaced = [part for part in decoders if part["type"] == "Replace"]
    if not kinds or not kinds <= _SPACE_DECODERS or not kinds & {"Metaspace", "Replace"}:
        return None
    if any(part["pattern"] != {"String": SPACE} or part["content"] != " " for part in replaced):
        return None

    def spaced(piece: str) -> bytes:
        byte = _BYTE.fullmatch(piece) if "ByteFallback" in kinds else None
        return bytes.fromhex(byte[1]) if byte else piece.replace(SPACE, " ").encode()

    return spaced


def _in_place(spec: dict[str, Any], pieces: dict[str, int], special: set[int]) -> dict[str, Any]:
    """The same tokenizer, for text in the middle of a text: no prefix space, no normalization, no special token."""
    spec = spec | {"post_processor": None}
    normalizers = [part for part in _parts(spec["normalizer"]) if _keeps_bytes(part)]
    spec["normalizer"] = {"type": "Sequence", "normalizers": normalizers} if normalizers else None
    splitters = [
        part | {"add_prefix_space": False, "prepend_scheme": "never"}
        if part["type"] == "Metaspace"
        else part | {"add_prefix_space": False}
        if part["type"] == "ByteLevel"
        else part
        for part in _parts(spec["pre_tokenizer"])
        if part["type"] != "WhitespaceSplit"  # it drops what it splits at, and Metaspace splits there anyway
    ]
    spec["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": splitters} if splitters else None
    spec["added_tokens"] = [
        token | {"lstrip": False, "rstrip": False, "single_word": False}
        for token in spec["added_tokens"]
        if token["id"] not in special
    ]
    hidden = {piece for piece, token in pieces.items() if token in special}
    model = spec["model"] | ({"dropout": None} if "dropout" in spec["model"] else {})
    if isinstance(model["vocab"], list):  # unigram would find "</s>" in plain text
        model["vocab"] = [[f"\ufdd0{piece}" if piece in hidden else piece, score] for piece, score in model["vocab"]]
    elif "merges" in model:

        def harmless(merge: str | list[str]) -> bool:
            left, right = merge.split(" ") if isinstance(merge, str) else merge
            return left + right not in hidden and left not in hidden and right not in hidden

        model["merges"] = [merge for merge in model["merges"] if harmless(merge)]
        hidden.discard(model.get("unk_token"))
        model["vocab"] = {(f"\ufdd0{piece}" if piece in hidden else piece): i for piece, i in model["vocab"].items()}
    spec["model"] = model
    return spec


def _keeps_bytes(normalizer: dict[str, Any]) -> bool:
    if normalizer["type"] == "Replace":
        return bool(normalizer["pattern"] == {"String": " "} and normalizer["content"] == SPACE)
    return bool(normalizer["type"] == "ByteLevel")


def _parts(spec: dict[str, Any] | None) -> Iterator[dict[str, Any]]:
    """The steps of a normalizer, pre-tokenizer or decoder, nested sequences opened."""
    if spec is None:
        return
    if spec["type"] != "Sequence":
        yield spec
        return
    for key in ("normalizers", "pretokenizers", "decoders"):
        for part in spec.get(key, ()):
            yield from _parts(part)


def _byte_alphabet() -> dict[str, int]:
    """The character that stands for each byte in byte-level vocabularies (Radford et al. 2019), inverted."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + n): byte for n, byte in enumerate(others)}


def _spelling(encode: Callable[[str], list[int]], table: Table) -> Callable[[str], list[int]]:
    """`encode`, for a text that spells what these vocabularies take for something else.

    U+2581 itself, which they take for a space, goes as bytes, where they have them; "<0x41>" is split after its "<".
    """
    singles = {content: token for token, content in table.items() if len(content) == 1}
    space = [singles[byte] for byte in (b"\xe2", b"\x96", b"\x81") if byte in singles]

    def spelling(text: str) -> list[int]:
        if not _MISREAD.search(text):
            return encode(text)
        ids: list[int] = []
        for part in _MISREAD.split(text):
            ids += space if part == SPACE and len(space) == 3 else encode(part) if part else []
        return ids

    return spelling


# ---- the sentencepiece library, and all others -------------------------------------------------------------------


def _sentencepiece(tokenizer: PreTrainedTokenizerBase) -> Codec:
    import sentencepiece

    proto: bytes = tokenizer.sp_model.serialized_model_proto()
    model = sentencepiece.SentencePieceProcessor(model_proto=proto + _IDENTITY)
    special = set(tokenizer.all_special_ids)
    pieces = {token: tokenizer.convert_ids_to_tokens(token) for token in range(len(tokenizer))}
    byte_pieces = {model.id_to_piece(i) for i in range(model.get_piece_size()) if model.is_byte(i)}
    table = Table()
    for token, piece in pieces.items():
        table[token] = bytes.fromhex(piece[3:5]) if piece in byte_pieces else piece.replace(SPACE, " ").encode()
    table.update(dict.fromkeys(special, b""))

    def encode(text: str) -> list[int]:
        ids: list[int] = tokenizer.convert_tokens_to_ids(model.encode(text, out_type=str))
        return ids

    identity = {"model": hashlib.sha256(proto).hexdigest(), "pieces": pieces, "special": sorted(special)}
    return Codec(_spelling(encode, table), table, identity)


class _Decoded(Table):
    """Bytes by id, found when asked for: what a token adds to the text after another one."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        super().__init__(dict.fromkeys(tokenizer.all_special_ids, b""))
        self._tokenizer = tokenizer
        self._anchor = tokenizer.encode("a", add_special_tokens=False)
        self._before = tokenizer.decode(self._anchor, clean_up_tokenization_spaces=False)

    def __missing__(self, token: int) -> bytes:
        if not 0 <= token < len(self._tokenizer):
            return b""
        text = self._tokenizer.decode([*self._anchor, token], clean_up_tokenization_spaces=False)
        if not text.startswith(self._before) or "\ufffd" in text:
            raise ModelError(
                f"token {token} of this tokenizer ({type(self._tokenizer).__name__}) has no exact bytes; "
                "use a model with a byte-level or SentencePiece tokenizer"
            )
        self[token] = text[len(self._before) :].encode()
        return self[token]


def _generic(tokenizer: PreTrainedTokenizerBase, identity: Any) -> Codec:
    def encode(text: str) -> list[int]:
        ids: list[int] = tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)
        return ids

    return Codec(encode, _Decoded(tokenizer), identity)
