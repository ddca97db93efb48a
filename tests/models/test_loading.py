"""Models: found, refused with a reason, loaded, adapted, saved; one owner at a time."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import PreTrainedTokenizerFast

from midcourse import models
from midcourse.engine.hf import TransformersEngine
from midcourse.errors import DiskError, ModelError
from midcourse.models import device
from tests import tiny
from tokenizers import Tokenizer
from tokenizers import models as pieces


def write(folder: Path, name: str = "llama") -> Path:
    """A tiny model in `folder`, with a byte-level tokenizer that its vocabulary fits."""
    tiny.model(name).save_pretrained(folder)
    vocabulary = {"<pad>": 0, "<s>": 1, "</s>": 2} | {chr(29 + i): i for i in range(3, tiny.VOCAB)}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(pieces.BPE(vocabulary, [])), eos_token="</s>", pad_token="<pad>", bos_token="<s>"
    )
    tokenizer.chat_template = "{% for m in messages %}{{ m['content'] }}</s>{% endfor %}"
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("model"))


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def logits(loaded: models.Loaded) -> torch.Tensor:
    with torch.inference_mode():
        return loaded.model(torch.tensor([tiny.ids(9)])).logits


# ---- what cannot be used -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["nobody/no-such-model", "no-such-model"])
def test_unknown_ids(name: str) -> None:
    with pytest.raises(ModelError, match=f"'{name}' is neither a folder, nor downloaded"):
        models.resolve(name)


def test_names_that_are_neither(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no folder"):
        models.resolve("./no/such/folder")
    with pytest.raises(ModelError, match=r"no config\.json"):
        models.resolve(str(tmp_path))
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelError, match="give it as --adapter"):
        models.resolve(str(tmp_path))
    with pytest.raises(ModelError, match="is a file"):
        models.resolve(str(tmp_path / "adapter_config.json"))


def test_pickled_weights_are_refused(copy: Path) -> None:
    torch.save({}, copy / "pytorch_model.bin")
    (copy / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="pickle"):
        models.load(str(copy))


def test_foreign_code_is_not_run(copy: Path) -> None:
    (copy / "evil.py").write_text("raise SystemExit('ran')")
    config = json.loads((copy / "config.json").read_text())
    config |= {"model_type": "evil", "auto_map": {"AutoConfig": "evil.C", "AutoModelForCausalLM": "evil.M"}}
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="brings its own code"):
        models.load(str(copy))


def test_damaged_files_are_said(copy: Path) -> None:
    (copy / "model.safetensors").write_bytes(b"\0" * 100)
    with pytest.raises(ModelError, match="cannot be loaded"):
        models.load(str(copy))
    (copy / "generation_config.json").write_text("{")
    with pytest.raises(ModelError, match=r"generation_config\.json is not valid JSON"):
        models.load_tokenizer(str(copy))
    (copy / "tokenizer.json").write_text("{")
    with pytest.raises(ModelError, match=r"the tokenizer of .* cannot be loaded"):
        models.load_tokenizer(str(copy))


def test_devices_that_are_not_there(folder: Path) -> None:
    with pytest.raises(ModelError, match="'nonsense' cannot be used"):
        models.load(str(folder), device="nonsense")


def test_no_device_for_one_of_several_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "0")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert device._of_process(torch.device("cuda")) == torch.device("cuda")  # whoever uses it says that it is not there


def test_too_little_memory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("Tried to allocate 2.00 GiB")

    monkeypatch.setattr(torch.nn.Module, "to", full)
    with pytest.raises(ModelError, match=r"does not fit into the memory of cpu: Tried to allocate 2\.00 GiB"):
        models.load(str(folder))


# ---- loading -----------------------------------------------------------------------------------------------------


def test_load(folder: Path) -> None:
    loaded = models.load(str(folder), dtype="float32")
    assert torch.equal(logits(loaded), tiny.model("llama")(torch.tensor([tiny.ids(9)])).logits)
    assert (loaded.name, loaded.adapter, loaded.context_length) == (str(folder), None, tiny.CONTEXT)
    assert not loaded.model.training
    assert not any(parameter.requires_grad for parameter in loaded.model.parameters())
    assert "float32 on cpu · sdpa · context 256" in loaded.summary()
    assert models.load(str(folder), dtype="bfloat16").model.dtype == torch.bfloat16


def test_a_model_without_sdpa_takes_eager(tmp_path: Path) -> None:
    loaded = models.load(str(write(tmp_path, "mamba")), dtype="float32")
    assert loaded.context_length == models.UNBOUNDED
    assert TransformersEngine(loaded).next([5, 6]).logprob < 0


def test_what_ends_an_answer(copy: Path) -> None:
    (copy / "generation_config.json").write_text('{"eos_token_id": [2, 7]}')
    assert models.load_tokenizer(str(copy)).end_ids == {2, 7}
    (copy / "generation_config.json").unlink()
    assert models.load_tokenizer(str(copy)).end_ids == {2}


def test_one_owner_at_a_time(folder: Path) -> None:
    loaded = models.load(str(folder))
    with loaded.owner("training"), pytest.raises(ModelError, match=r"busy \(training\)"), loaded.owner("writing"):
        pass
    with loaded.owner("writing"):
        pass


# ---- adapters ----------------------------------------------------------------------------------------------------


def adapted(folder: Path) -> models.Loaded:
    """A model with a LoRA adapter that does something."""
    loaded = models.add_lora(models.load(str(folder), dtype="float32"), rank=4, alpha=8)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in loaded.model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(0, 0.3, generator=generator)
    loaded.changed()
    return loaded


def test_lora_begins_as_the_identity_and_trains_alone(folder: Path) -> None:
    loaded = models.load(str(folder), dtype="float32")
    before = logits(loaded)
    version = loaded.version
    models.add_lora(loaded)
    assert torch.equal(logits(loaded), before)
    assert loaded.version > version
    trained = {name for name, parameter in loaded.model.named_parameters() if parameter.requires_grad}
    assert trained
    assert all(".lora_" in name for name in trained)


def test_lora_needs_layers(folder: Path) -> None:
    for names in (["no_such_layer"], ["q_proj", "no_such_layer"], ["q_proj", "all-linear"]):
        with pytest.raises(ModelError, match=f"is called {names[-1]}; its linear ones are .*q_proj, up_proj, v_proj"):
            models.add_lora(models.load(str(folder)), targets=names)


def test_lora_goes_where_it_is_told(folder: Path) -> None:
    loaded = models.add_lora(models.load(str(folder)), targets=["q_proj", "layers.1.mlp.up_proj"])
    layers = {name.partition(".lora_")[0] for name, one in loaded.model.named_parameters() if one.requires_grad}
    paths = {name.partition("model.layers.")[2] for name in layers}
    assert {path for path in paths if not path.endswith(".q_proj")} == {"1.mlp.up_proj"}
    assert len(paths) == loaded.model.config.num_hidden_layers + 1


def test_save_and_load(folder: Path, tmp_path: Path) -> None:
    loaded = adapted(folder)
    (tmp_path / "metrics.json").write_text("{}")
    models.save(loaded, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        "metrics.json",
        "adapter_config.json",
        "adapter_model.safetensors",
    }
    again = models.load(str(folder), adapter=str(tmp_path), dtype="float32")
    assert torch.equal(logits(again), logits(loaded))
    assert not any(parameter.requires_grad for parameter in again.model.parameters())
    trained = models.add_lora(again)
    assert any(parameter.requires_grad for parameter in trained.model.parameters())


def test_the_same_adapter_is_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    """PEFT keeps the names of layers as a set, whose order is another one in every process."""
    loaded = models.add_lora(models.load(str(folder)), rank=4)
    models.save(loaded, tmp_path / "a")
    names = json.loads((tmp_path / "a" / "adapter_config.json").read_text())["target_modules"]
    assert len(names) > 2
    assert names == sorted(names)


def test_without_adapter(folder: Path) -> None:
    loaded = adapted(folder)
    base = logits(models.load(str(folder), dtype="float32"))
    with_adapter = logits(loaded)
    engine = TransformersEngine(loaded)
    steered = engine.next([5, 6, 7]).logprob
    with loaded.without_adapter():
        assert torch.equal(logits(loaded), base)
        assert engine.next([5, 6, 7]).logprob != steered  # the cache was dropped
    assert torch.equal(logits(loaded), with_adapter)
    assert engine.next([5, 6, 7]).logprob == pytest.approx(steered)


def test_folded_is_the_same_function_and_leaves_no_trace(folder: Path) -> None:
    loaded = adapted(folder)
    before = {name: parameter.clone() for name, parameter in loaded.model.named_parameters()}
    expected = logits(loaded)
    with loaded.folded():
        assert torch.allclose(logits(loaded), expected, atol=1e-4)
    assert torch.equal(logits(loaded), expected)
    for name, parameter in loaded.model.named_parameters():
        assert torch.equal(parameter, before[name])


def test_saving_a_whole_model(folder: Path, tmp_path: Path) -> None:
    loaded = models.load(str(folder), dtype="float32")
    models.save(loaded, tmp_path / "whole")
    assert torch.equal(logits(models.load(str(tmp_path / "whole"), dtype="float32")), logits(loaded))


def test_saving_where_one_cannot(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match="cannot be written"):
        models.save(models.load(str(folder)), tmp_path / "file")


def test_adapters_that_do_not_fit(folder: Path, tmp_path: Path) -> None:
    models.save(adapted(write(tmp_path / "other", "gpt2")), tmp_path / "gpt2")
    with pytest.raises(ModelError, match="does not fit the model"):
        models.load(str(folder), adapter=str(tmp_path / "gpt2"))
    models.save(adapted(folder), tmp_path / "deep")
    weights = load_file(tmp_path / "deep" / "adapter_model.safetensors")
    weights.pop(min(weights))
    save_file(weights, tmp_path / "deep" / "adapter_model.safetensors")
    with pytest.raises(ModelError, match="0 of its 41 tensors have no place there and 1 are missing"):
        models.load(str(folder), adapter=str(tmp_path / "deep"))


def test_folders_that_are_no_adapters(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no adapter_config\.json"):
        models.load(str(folder), adapter=str(tmp_path))
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelError, match="its weights are missing"):
        models.load(str(folder), adapter=str(tmp_path))
    (tmp_path / "adapter_model.bin").write_bytes(b"")
    with pytest.raises(ModelError, match="pickle"):
        models.load(str(folder), adapter=str(tmp_path))
    with pytest.raises(ModelError, match="adapter 'nobody/nothing' is neither"):
        models.load(str(folder), adapter="nobody/nothing")
