"""TRL's own trainers read our rows: exactly the tokens meant, under exactly the masks meant."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset, disable_progress_bars, load_dataset
from transformers import LlamaConfig, LlamaForCausalLM
from trl import DPOConfig, DPOTrainer, KTOConfig, SFTConfig, SFTTrainer

from midcourse.outgoing.write import write
from midcourse.trace import Trace
from tests.outgoing import samples
from tests.outgoing.samples import labelled, masked, values

TOK = samples.tok()
pytestmark = pytest.mark.filterwarnings("ignore:.*gradient_checkpointing:FutureWarning")  # TRL's own
COMMON: dict[str, Any] = {
    "report_to": "none", "per_device_train_batch_size": 64, "use_cpu": True, "bf16": False, "disable_tqdm": True,
    "activation_checkpointing": False,
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def quiet() -> None:
    disable_progress_bars()


@pytest.fixture(scope="module")
def found() -> list[Trace]:
    return samples.traces(TOK)


def a_model(seed: int = 0) -> LlamaForCausalLM:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        shape = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
        return LlamaForCausalLM(LlamaConfig(vocab_size=len(TOK.tokenizer), **shape)).eval()


def exported(format: str, found: list[Trace], folder: Path) -> Dataset:
    path = folder / f"{format}.jsonl"
    write(format, path, found, samples.by(TOK))
    return load_dataset("json", data_files=str(path), split="train", cache_dir=str(folder / "cache"))


def rows(batch: dict[str, torch.Tensor], mask: str) -> Iterator[samples.Masked]:
    """The rows of a batch, without padding."""
    for ids, attention, trained in zip(batch["input_ids"], batch["attention_mask"], batch[mask], strict=True):
        kept = attention.bool()
        yield values(ids[kept]), [bool(one) for one in trained[kept]]


@pytest.fixture(scope="module")
def by_ids() -> dict[str, Any]:
    """The trainers that docs/formats.md shows."""
    page = Path(__file__).parent.parent.parent / "docs" / "formats.md"
    (code,) = re.findall(r"^```python\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    shown: dict[str, Any] = {}
    exec(code, shown)
    return shown


def test_dpo_by_ids(by_ids: dict[str, Any], found: list[Trace], tmp_path: Path) -> None:
    """The batch is what was meant, and so is the loss: -log σ(β[Δ(chosen) − Δ(rejected)]) of these tokens alone."""
    data = exported("trl-preference", found, tmp_path)
    args = DPOConfig(output_dir=str(tmp_path), beta=0.3, max_length=None, **COMMON)
    model, reference = a_model(), a_model(seed=1)
    trainer = by_ids["DPOByIds"](model, reference, args, train_dataset=data, processing_class=TOK.tokenizer)
    batch = trainer.data_collator(list(trainer.train_dataset))
    made = list(rows(batch, "completion_mask"))
    meant = samples.both(found)
    assert made == [pair[0] for pair in meant] + [pair[1] for pair in meant]
    loss = trainer.compute_loss(trainer.model, {name: value.to(trainer.model.device) for name, value in batch.items()})

    def logp(network: LlamaForCausalLM, row: samples.Masked) -> torch.Tensor:
        ids = torch.tensor([row[0]])
        logs = network(ids).logits.log_softmax(-1)[0, :-1].gather(-1, ids[0, 1:, None])[:, 0]
        return (logs * torch.tensor(row[1][1:])).sum()

    with torch.no_grad():
        deltas = [[logp(model, row) - logp(reference, row) for row in pair] for pair in meant]
        ours = torch.stack([-torch.nn.functional.logsigmoid(0.3 * (good - bad)) for good, bad in deltas]).mean()
    assert loss.item() == pytest.approx(ours.item(), abs=1e-5)


def test_dpo_from_text_ends_what_nobody_ended(found: list[Trace], tmp_path: Path) -> None:
    """What is said on export is what TRL does: an end after each side, and other tokens in rows that it counts."""
    path = tmp_path / "pairs.jsonl"
    tally = write("trl-preference", path, found, samples.by(TOK))
    data = exported("trl-preference", found, tmp_path)
    args = DPOConfig(output_dir=str(tmp_path), max_length=None, **COMMON)
    trainer = DPOTrainer(a_model(), a_model(), args, train_dataset=data, processing_class=TOK.tokenizer)
    end = TOK.tokenizer.eos_token_id
    ends = otherwise = 0
    for row, pair in zip(trainer.train_dataset, samples.both(found), strict=True):
        made = [masked(row["prompt_ids"], row[f"{side}_ids"]) for side in ("chosen", "rejected")]
        closed = [one if one[0][-1] == end else (one[0] + [end], one[1] + [True]) for one in pair]
        ends += sum(one[0][-1] != end for one in pair)
        otherwise += made != closed
    assert ends == tally.notes["a side that nobody ended: from its text TRL ends it, from its ids it does not"]
    assert otherwise == tally.notes["a row of which TRL makes other tokens from its text; its ids are right"] == 2


def test_sft_takes_labels_as_they_are(found: list[Trace], tmp_path: Path) -> None:
    data = exported("trl-sft", found, tmp_path)
    args = SFTConfig(output_dir=str(tmp_path), max_length=None, **COMMON)
    trainer = SFTTrainer(a_model(), args, train_dataset=data, processing_class=TOK.tokenizer)
    batch = trainer.data_collator(
        [{name: row[name] for name in ("input_ids", "labels")} for row in trainer.train_dataset]
    )
    made = [
        labelled(values(ids[kept.bool()]), values(labels[kept.bool()]))
        for ids, labels, kept in zip(batch["input_ids"], batch["labels"], batch["attention_mask"], strict=True)
    ]
    assert made == samples.whole(found)


def test_kto_by_ids(by_ids: dict[str, Any], found: list[Trace], tmp_path: Path) -> None:
    data = exported("kto", found, tmp_path)
    args = KTOConfig(output_dir=str(tmp_path), max_length=None, **COMMON)
    trainer = by_ids["KTOByIds"](a_model(), a_model(), args, train_dataset=data, processing_class=TOK.tokenizer)
    lines = [json.loads(line) for line in (tmp_path / "kto.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(trainer.train_dataset) == len(lines)
    batch = trainer.data_collator(list(trainer.train_dataset))
    made = list(rows(batch, "completion_mask"))
    assert made == [masked(line["prompt_ids"], line["completion_ids"]) for line in lines]
    assert [bool(one) for one in batch["label"]] == [line["label"] for line in lines]
