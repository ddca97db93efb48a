"""GGUF files, as llama.cpp itself reads them: the same ids, and greedily the same answers, token by token."""

from __future__ import annotations

import json
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch

from midcourse import models
from midcourse.errors import ModelError
from midcourse.release import merging
from midcourse.release.gguf import adapter, architecture, model, splitting
from midcourse.release.gguf.tensors import Type
from tests import tokenizers, trained
from tests.release import small
from tests.release.llama import Llama, llama

TEXTS = [
    "Hello, we can't use 1234 of them;  the  rest — naïve café 🙂 中文\n\n\n x\ty  ",
    "WE'LL see: THEY'd say\r\n\r\n 3.14159 \u00a0…",
    "<|im_start|>no</s>",
]
STARTS = ("he", "Write the contact", "你好", "age = 36")


def quiet(what: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


def write(folder: Path, path: Path, type: Type = "f32", adapter: Path | None = None) -> models.Loaded:
    """The model in `folder` as a GGUF file, and as transformers has it, without the adapter in its weights."""
    numbers = "float32" if type in ("f32", "q8_0") else {"bf16": "bfloat16", "f16": "float16"}[type]
    loaded = models.load(str(folder), adapter=adapter and str(adapter), dtype=numbers)  # type: ignore[arg-type]
    model.write(path, merging.merged(loaded), type, name="small", progress=quiet)
    return models.load(str(folder), adapter=adapter and str(adapter), dtype="float32")


def greedy(loaded: models.Loaded, ids: list[int], count: int) -> tuple[list[int], list[float]]:
    """What transformers writes, and by how much each token was likelier than the second (nats)."""
    written: list[int] = []
    leads = []
    with torch.inference_mode():
        while len(written) < count and not (written and written[-1] in loaded.tokenizer.end_ids):
            logp = loaded.model(torch.tensor([[*ids, *written]]), use_cache=False).logits[0, -1].float().log_softmax(-1)
            (first, second), (token, _) = logp.topk(2)
            written.append(int(token))
            leads.append(float(first - second))
    return written, leads


def same_answers(loaded: models.Loaded, server: Llama, count: int = 24, tie: float = 1e-3) -> int:
    """How many tokens were compared; each answer up to where transformers' two likeliest tokens tie."""
    compared = 0
    for start in STARTS:
        ids = loaded.tokenizer.prompt([{"role": "user", "content": start}])
        wrote, leads = greedy(loaded, ids, count)
        clear = next((n for n, lead in enumerate(leads) if lead < tie), len(wrote))
        assert server.write(ids, count)[:clear] == wrote[:clear]
        compared += clear
    return compared


@pytest.mark.parametrize("kind", small.KINDS)
def test_llama_cpp_writes_the_same(kind: str, tmp_path: Path) -> None:
    folder = small.save(kind, tmp_path / "model")
    loaded = write(folder, tmp_path / "model.gguf")
    with llama(tmp_path / "model.gguf") as server:
        assert same_answers(loaded, server) >= 60
        turns = [{"role": "user", "content": "Hi"}]
        assert server.prompt(turns) == loaded.tokenizer.rendered(turns, answer=True)


@pytest.mark.parametrize("kind", [*small.SPLITS, "metaspace-first", "metaspace-never"])
def test_llama_cpp_reads_texts_as_the_same_ids(kind: str, tmp_path: Path) -> None:
    folder = small.save("llama", tmp_path / "model", num_hidden_layers=1)
    inner = small.tokenizer(kind)
    inner.save_pretrained(folder)
    loaded = models.load(str(folder), dtype="float32")
    loaded.model.resize_token_embeddings(len(inner), mean_resizing=False)
    model.write(tmp_path / "model.gguf", loaded, "f32", name="small", progress=quiet)
    with llama(tmp_path / "model.gguf") as server:
        for text in TEXTS:
            plain = inner.encode(text, add_special_tokens=False, split_special_tokens=True)
            assert server.encode(text) == plain, text


@pytest.mark.parametrize("kind", ["llama", "qwen2", "gemma2"])
def test_an_adapter_by_itself_does_what_it_does_merged(kind: str, tmp_path: Path) -> None:
    folder = small.save(kind, tmp_path / "model")
    lora = trained.adapter(folder, tmp_path / "lora", seed=3)
    write(folder, tmp_path / "base.gguf")
    loaded = write(folder, tmp_path / "merged.gguf", adapter=lora)
    config = models.configuration(str(folder))
    adapter.write(tmp_path / "lora.gguf", lora, config, "f32", name="lora", progress=quiet)
    with llama(tmp_path / "merged.gguf") as server:
        assert same_answers(loaded, server) >= 60
    with llama(tmp_path / "base.gguf", tmp_path / "lora.gguf") as server:
        assert same_answers(loaded, server) >= 60
    with llama(tmp_path / "base.gguf") as server, pytest.raises(AssertionError):
        same_answers(loaded, server)


def test_an_adapter_whose_layers_are_scaled_by_themselves(tmp_path: Path) -> None:
    """rsLoRA and patterns: llama.cpp has one alpha for all, so the rest is in B."""
    folder = small.save("llama", tmp_path / "model")
    lora = trained.adapter(folder, tmp_path / "lora", seed=3)
    settings = json.loads((lora / "adapter_config.json").read_text())
    settings |= {"use_rslora": True, "alpha_pattern": {"q_proj": 12}, "lora_alpha": 6}
    (lora / "adapter_config.json").write_text(json.dumps(settings))
    write(folder, tmp_path / "base.gguf")
    adapter.write(tmp_path / "lora.gguf", lora, models.configuration(str(folder)), "f32", name="lora", progress=quiet)
    loaded = models.load(str(folder), adapter=str(lora), dtype="float32")
    assert loaded.model.base_model.model.model.layers[0].self_attn.q_proj.scaling["default"] == 12 / 4**0.5
    with llama(tmp_path / "base.gguf", tmp_path / "lora.gguf") as server:
        assert same_answers(loaded, server) >= 60


@pytest.mark.parametrize(("type", "error"), [("f16", 2**-11), ("bf16", 2**-8), ("q8_0", 1 / 127)])
def test_numbers_are_rounded_once_and_no_more(type: Type, error: float, tmp_path: Path) -> None:
    """An eighth of 127 steps is what q8_0 rounds to; of a block of 32, relative to its largest number."""
    folder = small.save("qwen2", tmp_path / "model")
    write(folder, tmp_path / "f32.gguf", "f32")
    write(folder, tmp_path / "other.gguf", type)
    exact = {one.name: one for one in gguf.GGUFReader(str(tmp_path / "f32.gguf")).tensors}
    reader = gguf.GGUFReader(str(tmp_path / "other.gguf"))
    for one in reader.tensors:
        wanted = gguf.dequantize(exact[one.name].data, exact[one.name].tensor_type)
        found = gguf.dequantize(one.data, one.tensor_type)
        if wanted.ndim < 2:
            assert one.tensor_type == gguf.GGMLQuantizationType.F32
        else:
            assert one.tensor_type.name == type.upper()
        blocks = np.abs(wanted).reshape(-1, 32).max(1) if wanted.ndim > 1 else np.abs(wanted)
        apart = np.abs(wanted - found).reshape(len(blocks), -1).max(1)
        assert (apart <= blocks * error).all(), one.name


def test_rows_that_do_not_divide_are_f16_and_it_is_said(tmp_path: Path) -> None:
    folder = small.save("llama", tmp_path / "model", intermediate_size=80)
    loaded = merging.merged(models.load(str(folder), dtype="float32"))
    notices = model.write(tmp_path / "q8.gguf", loaded, "q8_0", name="small", progress=quiet)
    assert notices == ["2 matrices are f16: rows of them do not divide by 32"]
    with llama(tmp_path / "q8.gguf") as server:
        assert server.write(loaded.tokenizer.prompt([{"role": "user", "content": "he"}]), 4)


def test_a_window_that_llama_cpp_has_not_is_where_the_context_ends(tmp_path: Path) -> None:
    folder = small.save("mistral", tmp_path / "model")
    loaded = merging.merged(models.load(str(folder), dtype="float32"))
    (notice,) = model.write(tmp_path / "model.gguf", loaded, "f32", name="small", progress=quiet)
    assert "slides over 100 tokens" in notice
    reader = gguf.GGUFReader(str(tmp_path / "model.gguf"))
    assert reader.fields["llama.context_length"].contents() == 100


@pytest.mark.parametrize(
    ("kind", "changed", "why"),
    [
        ("llama", {"hidden_act": "gelu"}, "the activation is 'gelu' and should be 'silu'"),
        ("llama", {"rope_parameters": small.ROPE | {"rope_type": "yarn", "factor": 2.0}}, "scaled by the rule 'yarn'"),
        ("gemma2", {"query_pre_attn_scalar": 8}, "attention is scaled by 8"),
        (
            "gemma3",
            {"layer_types": ["full_attention"] * 6, "num_hidden_layers": 6},
            "not every 6th layer sees",
        ),
    ],
)
def test_what_llama_cpp_computes_otherwise_is_refused(kind: str, changed: dict[str, object], why: str) -> None:
    import transformers

    name, own, _ = small.KINDS[kind]
    config = getattr(transformers, f"{name}TextConfig" if name == "Gemma3" else f"{name}Config")
    made = config(**(small.SHAPE | own | changed))
    with pytest.raises(ModelError, match=why):
        architecture.find(made, "small")


def test_other_kinds_are_refused_with_what_to_do() -> None:
    import transformers

    with pytest.raises(ModelError, match=r"of the kind 'gpt2'.*--to merged.*convert_hf_to_gguf"):
        architecture.find(transformers.GPT2Config(), "small")


@pytest.mark.parametrize("kind", ["byte-level", "digits", "unigram"])
def test_tokenizers_that_llama_cpp_has_not_are_refused(kind: str, tmp_path: Path) -> None:
    folder = small.save("llama", tmp_path / "model", num_hidden_layers=1)
    tokenizers.build(kind).save_pretrained(folder)
    loaded = models.load(str(folder), dtype="float32")
    with pytest.raises(ModelError, match="--to merged"):
        model.write(tmp_path / "model.gguf", loaded, "f32", name="small", progress=quiet)
    assert not (tmp_path / "model.gguf").exists()


@pytest.mark.parametrize("key", ["use_dora", "modules_to_save", "trainable_token_indices", "lora_bias"])
def test_what_only_a_merged_model_can_hold_is_refused(key: str) -> None:
    with pytest.raises(ModelError, match=rf"{key}; .*Merge it instead"):
        adapter.check({"peft_type": "LORA", key: ["x"]}, "lora")


def test_the_splits_have_names() -> None:
    for kind in small.SPLITS:
        spec = json.loads(small.tokenizer(kind).backend_tokenizer.to_str())
        assert splitting.name(spec) == kind
