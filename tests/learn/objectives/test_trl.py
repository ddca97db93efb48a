"""The same loss, and the same gradients, as the installed TRL computes with its own trainers on the same pairs.

A steer becomes a row of TRL's: its context is the prompt, its two sides are the completions. TRL takes the mean over
rows; every steer here has one rejected run and the weight 1, so our sum over steers divided by their number is the
same.
"""

from __future__ import annotations

from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from midcourse.learn import evidence
from midcourse.learn.batch import Batch, batch
from midcourse.learn.compute.network import Network
from midcourse.learn.expression import Term
from midcourse.learn.items import examples
from midcourse.learn.layout import build
from midcourse.learn.objectives import Constants
from midcourse.learn.reference import Reference
from midcourse.trace.tree import Run
from tests import tiny
from tests.learn import sample

pytestmark = [
    pytest.mark.filterwarnings(
        "ignore:You are importing from 'trl.experimental'"
    ),  # the pinned version does not change
    pytest.mark.filterwarnings("ignore:`gradient_checkpointing` is deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
]

Loss = tuple[float, dict[str, Tensor]]


@cache
def _packed() -> Batch:
    return batch(build(examples(sample.traces(2))))


@cache
def _rows() -> list[dict[str, list[int]]]:
    """The steers of the packed batch as prompts and completions."""
    found = []
    for trace in (example.trace for example in _packed().layout.examples):
        for steer in trace.steers:
            assert steer.chosen is not None
            (rejected,) = steer.rejected
            context = [*trace.prompt, *trace.run_ids(Run(rejected.span, 0, rejected.start))]
            sides = {"chosen_ids": trace.run_ids(steer.chosen), "rejected_ids": trace.run_ids(rejected)}
            found.append({"prompt_ids": context, **sides})
    return found


def _models() -> tuple[Any, Any]:
    """What is trained, and another model as the reference."""
    return tiny.model("llama", dtype=torch.float64), tiny.model("llama", seed=1, dtype=torch.float64)


def _ours(terms: tuple[Term, ...], constants: Constants) -> Loss:
    model, other = _models()
    network, reference, packed = Network(model), Reference(), _packed()
    list(reference.learn(Network(other), [packed.layout], nullcontext))
    with network.attending():
        found = evidence.gather(network, packed, network(packed), reference, terms)
        loss = evidence.total(found, terms, constants) / len(_rows())
        loss.backward()
    return loss.item(), _gradients(model)


def _gradients(model: Any) -> dict[str, Tensor]:
    return {name: value.grad for name, value in model.named_parameters() if value.grad is not None}


def _same(one: Loss, two: Loss) -> None:
    assert one[0] == pytest.approx(two[0], rel=1e-5)
    assert one[1].keys() == two[1].keys()
    scale = max(value.abs().max().item() for value in one[1].values())
    assert scale > 0
    for name, value in one[1].items():
        torch.testing.assert_close(value, two[1][name], rtol=1e-4, atol=1e-5 * scale, msg=lambda m, k=name: f"{k}: {m}")


@cache
def _tokenizer() -> Any:
    from transformers import PreTrainedTokenizerFast

    from tokenizers import Tokenizer, models, pre_tokenizers

    words = {"<pad>": 0, "<s>": 1, "</s>": 2, **{f"w{number}": number for number in range(3, tiny.VOCAB)}}
    made = Tokenizer(models.WordLevel(words, unk_token="<pad>"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=made, pad_token="<pad>", bos_token="<s>", eos_token="</s>")


def _trainer(kind: str, tmp_path: Path, **options: Any) -> tuple[Any, Any]:
    """One of TRL's trainers, and the model that it trains; the data set is there because it asks for one."""
    from datasets import Dataset, disable_progress_bars

    disable_progress_bars()
    if kind == "dpo":
        from trl import DPOConfig as Config
        from trl import DPOTrainer as Trainer
    elif kind == "cpo":
        from trl.experimental.cpo import CPOConfig as Config
        from trl.experimental.cpo import CPOTrainer as Trainer
    else:
        from trl.experimental.orpo import ORPOConfig as Config
        from trl.experimental.orpo import ORPOTrainer as Trainer
    model, other = _models()
    arguments = Config(
        output_dir=str(tmp_path), report_to="none", use_cpu=True, bf16=False, gradient_checkpointing=False,
        remove_unused_columns=False, **options
    )  # fmt: skip
    rows = Dataset.from_list([{"prompt": "w3", "chosen": " w4", "rejected": " w5"}])
    extra = {"ref_model": other} if kind == "dpo" else {}
    made = Trainer(model=model, args=arguments, train_dataset=rows, processing_class=_tokenizer(), **extra)
    return made, model


def _theirs(kind: str, tmp_path: Path, **options: Any) -> Loss:
    trainer, model = _trainer(kind, tmp_path, **options)
    rows = _rows() if kind == "dpo" else [_labelled(row) for row in _rows()]
    loss = trainer.compute_loss(trainer.model, trainer.data_collator(rows))
    loss.backward()
    return loss.item(), _gradients(model)


def _labelled(row: dict[str, list[int]]) -> dict[str, list[int]]:
    """The row as TRL's older trainers have it."""
    prompt = row["prompt_ids"]
    made = {"prompt_input_ids": prompt, "prompt_attention_mask": [1] * len(prompt)}
    for side in ("chosen", "rejected"):
        ids = prompt + row[f"{side}_ids"]
        made |= {f"{side}_input_ids": ids, f"{side}_attention_mask": [1] * len(ids)}
        made[f"{side}_labels"] = [-100] * len(prompt) + row[f"{side}_ids"]
    return made


@pytest.mark.parametrize(
    ("name", "constants", "options"),
    [
        ("dpo", Constants(beta=0.3), {"loss_type": ["sigmoid"]}),
        ("dpo", Constants(beta=0.3, lengths={"dpo": "mean"}), {"loss_type": ["sigmoid_norm"]}),
        ("robust", Constants(beta=0.3, label_smoothing=0.2), {"loss_type": ["robust"], "label_smoothing": 0.2}),
        ("ipo", Constants(beta=0.3), {"loss_type": ["ipo"]}),
        ("hinge", Constants(beta=0.3), {"loss_type": ["hinge"]}),
    ],
    ids=["dpo", "dpo by means", "robust", "ipo", "hinge"],
)
def test_losses_against_a_reference_are_trls(
    name: str, constants: Constants, options: dict[str, Any], tmp_path: Path
) -> None:
    _same(_ours((Term(name, 1.0),), constants), _theirs("dpo", tmp_path, beta=0.3, **options))


def test_sft_is_trls_but_for_the_divisor(tmp_path: Path) -> None:
    """TRL divides by the batch's chosen tokens, we by its steers."""
    tokens = sum(len(row["chosen_ids"]) for row in _rows())
    _same(_ours((Term("sft", len(_rows()) / tokens),), Constants()), _theirs("dpo", tmp_path, loss_type=["sft"]))


def test_weighted_sums_are_trls(tmp_path: Path) -> None:
    options = {"loss_type": ["sigmoid", "hinge"], "loss_weights": [0.7, 0.2]}
    ours = _ours((Term("dpo", 0.7), Term("hinge", 0.2)), Constants())
    _same(ours, _theirs("dpo", tmp_path, **options))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_simpo_is_trls(smoothing: float, tmp_path: Path) -> None:
    theirs = _theirs(
        "cpo", tmp_path, loss_type="simpo", beta=2.0, simpo_gamma=0.6, cpo_alpha=0.0, label_smoothing=smoothing
    )
    _same(_ours((Term("simpo", 1.0),), Constants(simpo_gamma=0.6, label_smoothing=smoothing)), theirs)


def test_orpos_odds_ratio_is_trls(tmp_path: Path) -> None:
    """TRL's loss is the likelihood of prompt and answer plus λ times this; the difference of λ = 1.5 and 0.5 is
    left."""
    (high, more), (low, less) = (_theirs("orpo", tmp_path, beta=beta) for beta in (1.5, 0.5))
    _same(_ours((Term("orpo", 1.0),), Constants()), (high - low, {name: more[name] - less[name] for name in more}))
