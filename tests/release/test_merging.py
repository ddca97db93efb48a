"""Merged weights: the same answers as with the adapter, loaded again by transformers alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from midcourse import models
from midcourse.attributes.conditioning import Conditioning
from midcourse.attributes.schema import Schema
from midcourse.errors import ModelError
from midcourse.models import adapter_layers, adapters
from midcourse.release import merging
from tests import trained
from tests.release import small


def logits(model: torch.nn.Module, ids: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return model(input_ids=ids).logits.float()


@pytest.mark.parametrize("kind", ["llama", "gemma2", "qwen3"])
def test_merged_weights_answer_as_the_adapter_did(kind: str, tmp_path: Path) -> None:
    folder = small.save(kind, tmp_path / "model")
    lora = trained.adapter(folder, tmp_path / "lora", seed=5)
    loaded = models.load(str(folder), adapter=str(lora), dtype="float32")
    ids = torch.tensor([loaded.tokenizer.prompt([{"role": "user", "content": "Write the contact."}])])
    wanted, plain = logits(loaded.model, ids), None
    with loaded.without_adapter():
        plain = logits(loaded.model, ids)
    models.save(merging.merged(loaded), tmp_path / "merged")
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "merged").eval()
    assert (logits(again, ids) - wanted).abs().max() < 1e-3 * wanted.std()
    assert (plain - wanted).abs().max() > 0.1 * wanted.std()
    assert "quantization_config" not in json.loads((tmp_path / "merged" / "config.json").read_text())
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "merged")
    assert tokenizer("Write it.").input_ids == loaded.tokenizer.tokenizer("Write it.").input_ids


def test_sixteen_bits_are_rounded_once(tmp_path: Path) -> None:
    """W + s·B·A in float32, rounded to bfloat16: not a sum of rounded numbers."""
    folder = small.save("llama", tmp_path / "model", dtype=torch.bfloat16)
    lora = trained.adapter(folder, tmp_path / "lora", seed=5)
    loaded = models.load(str(folder), adapter=str(lora), dtype="bfloat16")
    layer = loaded.model.base_model.model.model.layers[0].mlp.down_proj
    wanted = layer.base_layer.weight.float() + layer.get_delta_weight("default").float()
    merged = merging.merged(loaded).model
    assert torch.equal(merged.model.layers[0].mlp.down_proj.weight, wanted.to(torch.bfloat16))


def test_an_adapter_with_tokens_of_its_own(tmp_path: Path) -> None:
    """Their embeddings go into the matrix, and the tokenizer that is saved has them."""
    folder = small.save("llama", tmp_path / "model")
    loaded = models.load(str(folder))
    loaded.tokenizer = loaded.tokenizer.extended(
        Conditioning(attributes=Schema.load("helpsteer"), way="tokens").special
    )
    adapters.extend(loaded, loaded.tokenizer)
    loaded.tokenizer.conditioning = Conditioning(attributes=Schema.load("helpsteer"), way="tokens")
    models.add_lora(loaded, rank=4)
    with torch.no_grad():
        for name, parameter in loaded.model.named_parameters():
            if "trainable_tokens_delta" in name:
                parameter.normal_()
    adapter_layers.put_tokens(loaded.model)
    ids = torch.tensor([[5, len(loaded.tokenizer.tokenizer) - 1, 9]])
    wanted = logits(loaded.model, ids)
    merged = merging.merged(loaded)
    assert (logits(merged.model, ids) - wanted).abs().max() < 1e-4 * wanted.std()
    assert not any("trainable_tokens" in name for name in merged.model.state_dict())


def test_what_does_not_answer_the_same_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = small.save("llama", tmp_path / "model")
    lora = trained.adapter(folder, tmp_path / "lora", seed=5)
    loaded = models.load(str(folder), adapter=str(lora), dtype="float32")
    monkeypatch.setattr(merging, "_merge_layer", lambda layer: setattr(layer, "merged_adapters", ["default"]))
    with pytest.raises(ModelError, match=r"does not answer .* standard deviations apart"):
        merging.merged(loaded)
