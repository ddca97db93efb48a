"""Dials told by special tokens: learned, saved, loaded by us and without us, and as quick as the model was before."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from midcourse import models
from midcourse.attributes.manifest import Manifest
from midcourse.attributes.rows import Rating, Row, Turn
from midcourse.attributes.schema import Schema
from midcourse.attributes.train.recipe import ConditionedRecipe
from midcourse.attributes.train.run import train
from midcourse.engine.hf import TransformersEngine
from midcourse.engine.sampling import Sampling
from midcourse.errors import ModelError, Stopped, UserError
from midcourse.learn import training
from midcourse.learn.run.progress import Progress
from midcourse.learn.run.stop import Stop
from midcourse.learn.settings import TrainSettings
from midcourse.switch import Switch
from midcourse.trace.lines import from_dict
from tests.studio.running import make_model
from tests.trained import adapter

pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning")  # PEFT's old name
SCHEMA = Schema.load("helpsteer")
RECIPE = ConditionedRecipe(
    epochs=2, batch=2, dropout=0.0, drop_each=0.0, checkpoint_every=1, lora_rank=4, max_length=256, way="tokens",
    learning_rate=1e-2,
)  # fmt: skip
ROWS = [
    Row(
        (
            Turn("user", f"name {word}"),
            Turn("assistant", word * count, {"verbosity": Rating(count), "helpfulness": Rating(3)}),
        )
    )
    for count, word in enumerate(("a bird", "a crow", "the sea", "a fjord"))
]
SAID = [{"role": "user", "content": "name a bird"}]
ASKED = {"verbosity": 1.3, "helpfulness": 4}


@pytest.fixture(scope="module", params=["tied", "untied"])
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose output layer is its embedding, and one where it is not."""
    folder = make_model(tmp_path_factory.mktemp(request.param))
    if request.param == "tied":
        config = LlamaConfig.from_pretrained(folder, tie_word_embeddings=True)
        torch.manual_seed(0)
        LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def _train(base: Path, output: Path, **options: Any) -> models.Loaded:
    loaded = models.load(str(base), dtype="float32")
    train(loaded, ROWS, SCHEMA, RECIPE, output, **options)
    return loaded


@pytest.fixture(scope="module")
def trained(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("run") / "whole"
    _train(base, output)
    return output


@torch.inference_mode()
def logits(loaded: models.Loaded, ids: list[int]) -> torch.Tensor:
    return loaded.model(torch.tensor([ids])).logits[0]


def test_the_prompt_ends_with_a_token_for_each_value_on_its_step(base: Path, trained: Path) -> None:
    tokenizer = models.load(str(base), adapter=str(trained)).tokenizer
    plain = models.load_tokenizer(str(base))
    found = tokenizer.prompt(SAID, ASKED)
    assert found[:-2] == tokenizer.prompt(SAID) == plain.prompt(SAID)
    assert tokenizer.tokenizer.convert_ids_to_tokens(found[-2:]) == ["<|helpfulness=4|>", "<|verbosity=1|>"]
    assert min(found[-2:]) >= plain.size
    assert b"".join(map(tokenizer.token_bytes, found[-2:])) == b""  # nobody reads them
    assert models.load_tokenizer(str(base), str(trained)).prompt(SAID, ASKED) == found


def test_the_tokens_were_trained_and_nothing_of_the_matrix_is_saved_but_they(base: Path, trained: Path) -> None:
    saved = load_file(trained / "adapter_model.safetensors")
    [rows] = [value for name, value in saved.items() if "trainable_tokens_delta" in name]
    assert all(".lora_" in name or "trainable_tokens_delta" in name for name in saved)
    assert len(rows) == 25
    used = [SCHEMA.names.index("verbosity") * 5 + level for level in range(4)]
    moved = (rows - models.load(str(base)).model.get_input_embeddings().weight.mean(0)).abs().amax(1)
    assert bool((moved[used] > 1e-3).all())


def test_what_was_trained_is_what_is_loaded_saved_and_trained_on(base: Path, tmp_path: Path) -> None:
    loaded = _train(base, tmp_path / "one")
    ids = loaded.tokenizer.prompt(SAID, ASKED)
    again = models.load(str(base), adapter=str(tmp_path / "one"), dtype="float32")
    assert torch.equal(logits(again, ids), logits(loaded, ids))
    models.save(again, tmp_path / "two")
    one, two = (load_file(tmp_path / name / "adapter_model.safetensors") for name in ("one", "two"))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert Manifest.read(tmp_path / "two") == Manifest.read(tmp_path / "one")
    card = {"messages": SAID, "attributes": {"verbosity": 1}, "output": ["a ", {"rejected": "dog", "chosen": "crow"}]}
    [trace] = from_dict(card, again.tokenizer, model=str(base)).traces
    assert list(trace.prompt) == again.tokenizer.prompt(SAID, {"verbosity": 1})
    training.train(again, [trace], TrainSettings(epochs=2, learning_rate=1e-2), tmp_path / "three")
    three = load_file(tmp_path / "three" / "adapter_model.safetensors")
    [name] = [name for name in three if "trainable_tokens_delta" in name]
    assert again.model.get_base_model().get_input_embeddings().token_adapter.merged  # quick again
    changed = ((three[name] - two[name]).abs().amax(1) > 1e-4).nonzero().flatten().tolist()
    asked = SCHEMA.names.index("verbosity") * 5 + 1
    assert asked in changed
    tied = again.model.config.tie_word_embeddings  # then every token also learns not to be written
    assert tied or changed == [asked]
    assert Manifest.read(tmp_path / "three") == Manifest.read(tmp_path / "one")


def test_stopped_and_resumed_it_is_the_uninterrupted_run(base: Path, trained: Path, tmp_path: Path) -> None:
    stop = Stop()

    def report(progress: Progress) -> None:
        stop.asked = stop.asked or (progress.phase == "train" and progress.step >= 2)

    with pytest.raises(Stopped):
        _train(base, tmp_path / "run", progress=report, stop=stop)
    _train(base, tmp_path / "run", resume=True)
    found, wanted = (load_file(place / "adapter_model.safetensors") for place in (tmp_path / "run", trained))
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


def test_an_adapter_without_the_tokens_cannot_learn_them(base: Path, tmp_path: Path) -> None:
    plain = adapter(base, tmp_path / "plain", seed=1)
    loaded = models.load(str(base), adapter=str(plain), dtype="float32")
    size = loaded.model.get_input_embeddings().weight.shape[0]
    with pytest.raises(UserError, match="made without the special tokens"):
        train(loaded, ROWS, SCHEMA, RECIPE, tmp_path / "run")
    assert loaded.model.get_input_embeddings().weight.shape[0] == size
    assert loaded.tokenizer.conditioning is None
    train(loaded, ROWS, SCHEMA, RECIPE.model_copy(update={"fresh": True}), tmp_path / "run")
    again = models.load(str(base), adapter=str(tmp_path / "run"), dtype="float32")
    ids = loaded.tokenizer.prompt(SAID, ASKED)
    assert torch.equal(logits(again, ids), logits(loaded, ids))


PLAIN = """
import json, sys, torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from peft import AutoPeftModelForCausalLM, PeftModel
base, adapter, ids = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
tokenizer = AutoTokenizer.from_pretrained(adapter)
turns = [{"role": "user", "content": "name a bird"}]
said = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
mine = tokenizer(said + "<|helpfulness=4|><|verbosity=1|>", add_special_tokens=False).input_ids
model = AutoModelForCausalLM.from_pretrained(base)
model.resize_token_embeddings(len(tokenizer))
model = PeftModel.from_pretrained(model, adapter).eval()
auto = AutoPeftModelForCausalLM.from_pretrained(adapter).eval()
with torch.no_grad():
    found = [one(torch.tensor([mine])).logits[0, -1].tolist() for one in (model, auto)]
assert "midcourse" not in sys.modules
print(json.dumps([mine, found]))
"""


def test_plain_transformers_and_peft_load_it(base: Path, trained: Path) -> None:
    ours = models.load(str(base), adapter=str(trained), dtype="float32")
    ids = ours.tokenizer.prompt(SAID, ASKED)
    arguments = [sys.executable, "-W", "ignore", "-c", PLAIN, str(base), str(trained), json.dumps(ids)]
    ran = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    theirs, found = json.loads(ran.stdout.splitlines()[-1])
    assert theirs == ids
    assert AutoTokenizer.from_pretrained(trained).convert_tokens_to_ids("<|verbosity=1|>") == ids[-1]
    known = len(models.load_tokenizer(str(base)).tokenizer)  # an untied output has no say in what it never learned
    for one in found:
        torch.testing.assert_close(torch.tensor(one)[:known], logits(ours, ids)[-1][:known], atol=1e-4, rtol=1e-4)


def test_a_pass_copies_no_matrix_and_folding_changes_nothing(base: Path, trained: Path) -> None:
    loaded = models.load(str(base), adapter=str(trained), dtype="float32")
    ids = loaded.tokenizer.prompt(SAID, ASKED)
    wanted = logits(loaded, ids)
    assert loaded.model.get_base_model().get_input_embeddings().token_adapter.merged
    with loaded.folded():
        torch.testing.assert_close(logits(loaded, ids), wanted, atol=1e-4, rtol=1e-4)
    assert torch.equal(logits(loaded, ids), wanted)
    with loaded.without_adapter():
        assert not torch.allclose(logits(loaded, ids), wanted, atol=1e-2)
    assert torch.equal(logits(loaded, ids), wanted)
    assert loaded.model.get_base_model().get_input_embeddings().token_adapter.merged


def test_the_engine_writes_the_same_alone_and_in_a_batch_with_guidance(base: Path, trained: Path) -> None:
    engine = TransformersEngine(models.load(str(base), adapter=str(trained), dtype="float32"))
    asked, plain = engine.tokenizer.prompt(SAID, ASKED), engine.tokenizer.prompt(SAID)
    strong = Sampling(temperature=0.8, seed=3, guidance=2.0)
    alone = [step.id for step in engine.stream(asked, strong, max_tokens=20, neutral=plain)]
    [batch] = engine.batch([asked], [strong], max_tokens=20, neutral=[plain])
    assert batch.ids == alone


def test_beside_others_each_is_what_it_is_alone(base: Path, trained: Path, other: Path, plain: Path) -> None:
    """Two adapters with tokens, of different dials at the same ids, one without, and none; whichever came first."""
    folders = {"dials": trained, "others": other, "plain": plain, None: None}
    tokenizers = {name: models.load_tokenizer(str(base), folder and str(folder)) for name, folder in folders.items()}
    asked = {"dials": ASKED, "others": {"quality": 3, "humor": 1}, "plain": {}, None: {}}
    ids = {name: tokenizers[name].prompt(SAID, asked[name]) for name in folders}
    assert len({tuple(some) for some in ids.values()}) == 3
    assert ids["dials"][-1] >= len(tokenizers[None].tokenizer)
    wanted = {
        name: logits(models.load(str(base), adapter=folder and str(folder), dtype="float32"), ids[name])
        for name, folder in folders.items()
    }
    assert len({one.shape[1] for one in wanted.values()}) == 3
    for first in folders:
        folder = folders[first]
        loaded = models.load(str(base), adapter=folder and str(folder), dtype="float32")
        switch = Switch(loaded, first)
        assert torch.equal(logits(loaded, ids[first]), wanted[first])
        for name, place in folders.items():
            if name is not None and name != first:
                switch.add(name, str(place))
                assert torch.equal(logits(loaded, ids[first]), wanted[first])
        for name in ("dials", "plain", "others", None, "dials", "others", "plain", None):
            switch.use(name)
            assert loaded.tokenizer.fingerprint == switch.tokenizer(name).fingerprint == tokenizers[name].fingerprint
            assert loaded.tokenizer.prompt(SAID, asked[name]) == ids[name]
            assert torch.equal(logits(loaded, ids[name]), wanted[name])
            for beside in folders:
                with switch.using(beside):
                    assert switch.vocabulary(beside) == wanted[beside].shape[1]
                    assert torch.equal(logits(loaded, ids[beside]), wanted[beside])
                assert torch.equal(logits(loaded, ids[name]), wanted[name])
        assert not any(parameter.requires_grad for parameter in loaded.model.parameters())


@pytest.fixture(scope="module")
def other(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dials of another schema, which has more tokens."""
    output = tmp_path_factory.mktemp("run") / "others"
    values = {"quality": Rating(3), "humor": Rating(1)}
    rows = [Row((Turn("user", "name a bird"), Turn("assistant", "a crow" * count, values))) for count in (1, 2)]
    train(models.load(str(base), dtype="float32"), rows, Schema.load("oasst"), RECIPE, output)
    return output


@pytest.fixture(scope="module")
def plain(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return adapter(base, tmp_path_factory.mktemp("run") / "plain", seed=1)


@pytest.mark.filterwarnings("ignore:Model has `tie_word_embeddings=True`:UserWarning")
def test_an_adapter_on_the_embeddings_is_not_put_beside_one_with_tokens(
    base: Path, trained: Path, tmp_path: Path
) -> None:
    changes = adapter(base, tmp_path / "changes", seed=1, targets=("q_proj", "lm_head"))
    for first, second in ((trained, changes), (changes, trained)):
        loaded = models.load(str(base), adapter=str(first), dtype="float32")
        ids = loaded.tokenizer.prompt(SAID, ASKED)
        switch = Switch(loaded, "first")
        wanted = logits(loaded, ids)
        with pytest.raises(ModelError, match="cannot be switched on and off here"):
            switch.add("second", str(second))
        assert not switch.has("second")
        assert torch.equal(logits(loaded, ids), wanted)


def test_a_whole_model_is_loaded_as_it_was_trained(base: Path, tmp_path: Path) -> None:
    loaded = models.load(str(base), dtype="float32")
    train(loaded, ROWS, SCHEMA, RECIPE.model_copy(update={"full": True, "checkpoint_every": 0}), tmp_path / "full")
    ids = loaded.tokenizer.prompt(SAID, ASKED)
    again = models.load(str(tmp_path / "full"), dtype="float32")
    assert again.tokenizer.prompt(SAID, ASKED) == ids
    assert torch.equal(logits(again, ids), logits(loaded, ids))
