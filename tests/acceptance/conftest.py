"""A tiny saved model and files for commands that run as processes of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.utils import logging

from tests import tiny, tokenizers

CONTEXT = 2048


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny random Llama with a byte-level tokenizer and a chat template."""
    folder = tmp_path_factory.mktemp("tiny") / "model"
    tokenizer = tokenizers.build("byte-level")
    tokenizer.save_pretrained(folder)
    shape = tiny.SHAPE | {"vocab_size": len(tokenizer), "max_position_embeddings": CONTEXT}
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    logging.disable_progress_bar()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        LlamaForCausalLM(LlamaConfig(**shape | {"eos_token_id": end})).save_pretrained(folder)
    return folder


def card(number: int) -> dict[str, Any]:
    """An answer with two steers; each number is another one."""
    return {
        "messages": [{"role": "user", "content": f"Note {number}: write the contact as TOML, Ada {number}."}],
        "output": [
            "```toml\n",
            {"rejected": f"name: Ada {number}", "chosen": f'name = "Ada {number}"'},
            f"\nage = {number}\n",
            {"rejected": "Hope this helps!", "chosen": "```", "end": True},
        ],
    }


def write(path: Path, *answers: Any) -> Path:
    path.write_text("".join(json.dumps(answer, ensure_ascii=False) + "\n" for answer in answers), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def cards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten answers with twenty steers."""
    return write(tmp_path_factory.mktemp("cards") / "cards.jsonl", *map(card, range(10)))


@pytest.fixture(scope="session")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three thousand answers."""
    return write(tmp_path_factory.mktemp("many") / "many.jsonl", *map(card, range(3000)))
