"""A model that writes the values: its distribution over levels, computed the plain way beside."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from midcourse import models
from midcourse.attributes.predictors.generative import GenerativePredictor
from midcourse.attributes.predictors.load import load
from midcourse.attributes.predictors.predictor import source
from midcourse.attributes.predictors.question import question
from midcourse.attributes.schema import Attribute, Schema
from tests.attributes.predictors import sample
from tests.trained import adapter

SCHEMA = Schema(name="odd", attributes=(Attribute(name="length", maximum=12, step=4), Attribute(name="cheer")))


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> models.Loaded:
    return models.load(str(sample.backbone(tmp_path_factory.mktemp("backbone"))), dtype="float32")


CONVERSATIONS = [row.messages for row in sample.rows(3, seed=7)]


def test_values_are_means_over_levels_as_the_model_would_write_them(loaded: models.Loaded) -> None:
    """Each line scored by a pass of its own: P(level) ∝ Π π(token | question, tokens before)."""
    predictor = GenerativePredictor(loaded, SCHEMA)
    tok = loaded.tokenizer
    for conversation, found in zip(CONVERSATIONS, predictor.predict(CONVERSATIONS), strict=True):
        prompt = predictor._prompt(conversation)
        assert prompt[:20] == tok.prompt(question(SCHEMA, conversation))[:20]
        for one in SCHEMA.attributes:
            scores = []
            for level in one.levels:
                ids = tok.encode(f"{one.name}: {level:.0f}\n")
                with torch.no_grad():
                    logp_LV = loaded.model(torch.tensor([[*prompt, *ids]])).logits[0].log_softmax(-1)
                scores.append(sum(float(logp_LV[len(prompt) + n - 1, token]) for n, token in enumerate(ids)))
            shares = torch.tensor(scores).softmax(0)
            mean = float(shares @ torch.tensor(one.levels, dtype=torch.float32))
            assert found.values[one.name] == pytest.approx(mean, abs=1e-3)
            spread = float(shares @ (torch.tensor(one.levels, dtype=torch.float32) - mean) ** 2)
            assert found.deviation[one.name] == pytest.approx(math.sqrt(spread), abs=1e-3)


def test_alone_or_together_is_the_same(loaded: models.Loaded) -> None:
    predictor = GenerativePredictor(loaded, SCHEMA)
    assert predictor.predict([]) == []
    for one, conversation in zip(predictor.predict(CONVERSATIONS), CONVERSATIONS, strict=True):
        assert predictor.predict([conversation])[0].values == pytest.approx(one.values, abs=1e-4)


def test_a_long_conversation_loses_its_middle(loaded: models.Loaded) -> None:
    said = [{"role": "user", "content": "cold " * 600}, {"role": "assistant", "content": "yes"}]
    predictor = GenerativePredictor(loaded, SCHEMA)
    assert len(predictor._prompt(said)) < loaded.context_length
    (found,) = predictor.predict([said])
    assert 0 <= found.values["length"] <= 12


def test_by_name(tmp_path: Path) -> None:
    base = sample.backbone(tmp_path)
    found = load(f"generative:{base}", SCHEMA)
    assert found.attributes == SCHEMA
    assert found.name.startswith(tmp_path.name)
    other = load(f"generative:{base}", sample.SCHEMA)
    assert other.name != found.name


def test_another_adapter_behind_its_path_makes_it_another_one(tmp_path: Path) -> None:
    base, sources = sample.backbone(tmp_path / "base"), []
    for seed in (1, 1, 2):
        made = adapter(base, tmp_path / "adapter", seed=seed)
        sources.append(source(load(f"generative:{base}+{made}", SCHEMA)))
    assert sources[0] == sources[1] != sources[2] != source(load(f"generative:{base}", SCHEMA))
