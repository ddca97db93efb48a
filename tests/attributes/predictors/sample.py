"""A tiny backbone on disk, and rated conversations whose ratings follow from their texts."""

from __future__ import annotations

import random
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from midcourse.attributes.rows import Rating, Row, Turn, group_of
from midcourse.attributes.schema import Attribute, Schema
from tests import tiny, tokenizers

SCHEMA = Schema(
    name="two",
    attributes=(Attribute(name="length", better="neither"), Attribute(name="cheer", better="higher")),
)
WORDS = ["the", "winter", "in", "the", "north", "is", "cold", "and", "long", "there", "than", "another", "day"]


def backbone(folder: Path, layers: int = 3) -> Path:
    """A tiny Llama with a tokenizer of real text."""
    tokenizer = tokenizers.build("byte-level")
    shape = tiny.SHAPE | {"vocab_size": len(tokenizer), "num_hidden_layers": layers, "max_position_embeddings": 512}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        LlamaForCausalLM(LlamaConfig(**shape | {"initializer_range": 0.1})).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def rows(count: int, *, seed: int = 0, each: int = 3) -> list[Row]:
    """`count` rows, `each` to a prompt. `length` is how long the answer is; `cheer`, half of it missing, its "!"."""
    chance = random.Random(seed)
    found = []
    for number in range(count):
        asked = Turn("user", f"say something about {' '.join(chance.choices(WORDS, k=3))}, {number // each}")
        asked = found[-1].turns[0] if number % each else asked
        level, cheer = chance.randrange(5), chance.choice([0, 4])
        said = " ".join(chance.choices(WORDS, k=2 + 3 * level)) + ("!" if cheer else ".")
        ratings = {"length": Rating(float(level))}
        if chance.random() < 0.5:
            ratings["cheer"] = Rating(float(cheer))
        turns = (asked, Turn("assistant", said, ratings))
        found.append(Row(turns, id=str(number), group=group_of(turns), place=f"rows.jsonl:{number + 1}"))
    return found
