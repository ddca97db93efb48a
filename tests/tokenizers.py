"""Small real tokenizers of every kind that Midcourse understands, built here in a moment, without a hub.

`build(kind)` gives a transformers tokenizer with a chat template, `get(kind)` the same as an `HFTokenizer`, cached.

byte-level                        as GPT-2, digits one by one
digits                            byte-level, digits in groups of three (Llama 3): eager to merge across a boundary
metaspace-first, metaspace-always SentencePiece BPE with byte fallback, a prefix space at the first or at every part
llama                             the same, written with normalizers
unigram                           SentencePiece unigram with byte fallback and a lossy normalizer
unigram-unk                       the same without byte fallback: not every character can be expressed
sentencepiece                     the sentencepiece library itself
"""

from __future__ import annotations

import copy
import functools
import json
from typing import Any

import sentencepiece
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast
from transformers.tokenization_utils_sentencepiece import SentencePieceBackend

from midcourse.models.tokenizer import HFTokenizer
from tests import scratch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

EXACT = ("byte-level", "digits", "metaspace-first", "metaspace-always", "llama", "unigram", "sentencepiece")
KINDS = (*EXACT, "unigram-unk")

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SPECIAL = ["<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>"]
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
CORPUS = [
    "Write the contact as TOML: Ada Lovelace, 36, of London.",
    'name = "Ada"\nage = 36\ncity = "London"\nphone = "020 7946 0018"\n',
    "The weather in the north is cold, and the winter there is longer than the winter in the south.",
    "he hello help helper the then there they them other another mother under understand understanding",
    "def add(left, right):\n    return left + right\n\nprint(add(1234, 567890))\n",
    "Hope this helps! Let me know if you have any questions. 2024-11-22 12:34:56 100 1000 10000",
    "你好世界 中文 写作 模型 你好 世界",
    "naïve café déjà vu — “quoted” … 🙂 🙂🙂 👩‍👩‍👧 emoji",
    "a aa aaa aaaa b bb bbb c ab abc abcd   double  spaces   and\n\n\nlines\n",
] * 8


@functools.cache
def get(kind: str) -> HFTokenizer:
    """The tokenizer of that kind as Midcourse uses it."""
    return HFTokenizer(build(kind))


def build(kind: str, chat_template: str | None = CHAT_TEMPLATE) -> PreTrainedTokenizerBase:
    """The tokenizer of that kind as transformers loads it; the caller may change it."""
    made = copy.deepcopy(_built(kind))
    made.chat_template = chat_template
    return made


@functools.cache
def _built(kind: str) -> PreTrainedTokenizerBase:
    if kind == "sentencepiece":
        made: PreTrainedTokenizerBase = _sentencepiece()
    else:
        core = {"byte-level": _byte_level, "digits": _byte_level, "unigram": _unigram, "unigram-unk": _unigram}.get(
            kind, _metaspace_bpe
        )(kind)
        made = PreTrainedTokenizerFast(
            tokenizer_object=core,
            unk_token="<unk>",
            bos_token="<s>",
            eos_token="</s>",
            additional_special_tokens=["<|im_start|>", "<|im_end|>"],
        )
    return made


def _byte_level(kind: str) -> Tokenizer:
    core = Tokenizer(models.BPE())
    digits = pre_tokenizers.Split(Regex(r"\p{N}{1,3}"), "isolated") if kind == "digits" else pre_tokenizers.Digits(True)
    core.pre_tokenizer = pre_tokenizers.Sequence([digits, pre_tokenizers.ByteLevel(add_prefix_space=kind != "digits")])
    core.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    core.train_from_iterator(
        CORPUS,
        trainers.BpeTrainer(vocab_size=600, initial_alphabet=alphabet, special_tokens=SPECIAL, show_progress=False),
    )
    return core


def _metaspace_bpe(kind: str) -> Tokenizer:
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    trained.train_from_iterator(
        CORPUS, trainers.BpeTrainer(vocab_size=640, special_tokens=[*SPECIAL, *BYTES], show_progress=False)
    )
    model: dict[str, Any] = json.loads(trained.to_str())["model"]
    merges = [tuple(merge) for merge in model["merges"]]
    rare = {"🙂", "界", "…"}  # so that some characters of the corpus need bytes
    vocab = {piece: number for number, piece in enumerate(p for p in model["vocab"] if not rare & set(p))}
    merges = [(a, b) for a, b in merges if a in vocab and b in vocab and a + b in vocab]
    core = Tokenizer(models.BPE(vocab, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    strip: list[Any] = [decoders.Strip(content=" ", left=1)]
    if kind == "llama":
        core.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    else:
        core.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=kind.removeprefix("metaspace-"), split=False)
    core.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), *strip])
    return core


def _unigram(kind: str) -> Tokenizer:
    trained = Tokenizer(models.Unigram())
    trained.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=400, special_tokens=SPECIAL, unk_token="<unk>", show_progress=False)
    trained.train_from_iterator(CORPUS, trainer)
    vocab = [tuple(piece) for piece in json.loads(trained.to_str())["model"]["vocab"]]
    fallback = kind == "unigram"
    if fallback:
        vocab += [(piece, -20.0) for piece in BYTES]
    core = Tokenizer(models.Unigram(vocab, unk_id=0, byte_fallback=fallback))
    core.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    core.pre_tokenizer = pre_tokenizers.Metaspace()
    core.decoder = (
        decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
        if fallback
        else decoders.Metaspace()
    )
    return core


def _sentencepiece() -> PreTrainedTokenizerBase:
    folder = scratch.folder()
    with (folder / "tokenizer.model").open("wb") as file:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(line for text in CORPUS for line in text.split("\n") if line),
            model_writer=file,
            model_type="bpe",
            vocab_size=560,
            byte_fallback=True,
            character_coverage=0.98,
            control_symbols=["<|im_start|>", "<|im_end|>"],
            minloglevel=2,
        )
    return SentencePieceBackend(
        vocab_file=str(folder / "tokenizer.model"),
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        additional_special_tokens=["<|im_start|>", "<|im_end|>"],
    )
