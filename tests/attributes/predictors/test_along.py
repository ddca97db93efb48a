"""Read along an answer: each beginning of it is rated as the shorter answer would be."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from midcourse import models
from midcourse.attributes.predictors.along import ended, network, tree
from midcourse.attributes.predictors.backbone import hidden
from midcourse.attributes.predictors.head import Head
from midcourse.attributes.predictors.regression import About, RegressionPredictor
from midcourse.learn.compute.network import Network
from midcourse.learn.layout import build
from midcourse.models import Loaded
from tests import tiny
from tests.attributes.predictors import sample
from tests.engine import helpers

PROMPT, SAID, END = tiny.ids(7, seed=1), tiny.ids(9, seed=2), 2


@pytest.mark.parametrize("name", tiny.MODELS)
def test_it_is_what_the_shorter_answer_has_by_itself(name: str) -> None:
    model = tiny.model(name)
    found_LD = ended(network(model, PROMPT, SAID, END), PROMPT, SAID, END)
    assert found_LD.shape[0] == len(SAID)
    decoder = Network(model).decoder
    for depth in range(1, len(SAID) + 1):
        ids = torch.tensor([[*PROMPT, *SAID[:depth], END]])
        with torch.inference_mode():
            alone_D = decoder(input_ids=ids, use_cache=False).last_hidden_state[0, -1]
        assert torch.allclose(found_LD[depth - 1], alone_D, rtol=1e-3, atol=1e-3)


def test_it_costs_twice_the_answer() -> None:
    assert len(build([tree(PROMPT, SAID, END)])) == len(PROMPT) + 2 * len(SAID)


@pytest.mark.parametrize(("length", "prompt"), [(False, False), (True, False), (True, True)])
def test_dense_is_the_prediction_for_each_beginning(tmp_path: Path, length: bool, prompt: bool) -> None:
    loaded = models.load(str(sample.backbone(tmp_path)), dtype="float32")
    head = Head(tiny.SHAPE["hidden_size"], 2, length=length, prompt=prompt)
    torch.nn.init.normal_(head.linear.weight)
    about = About(name="p", weights="frozen", depth=0, max_tokens=200, length=length, dense=False, deviation={})
    predictor = RegressionPredictor(loaded, head, sample.SCHEMA, about)
    asked, answer = sample.rows(1, seed=3)[0].messages
    found = predictor.dense([asked, answer])
    said = answer["content"].encode()
    assert found.ends[-1] == len(said)
    for place, end in enumerate(found.ends):
        beginning = said[:end].decode()
        if loaded.tokenizer.encode(beginning) != loaded.tokenizer.encode(answer["content"])[: place + 1]:
            continue  # the shorter text would have other tokens
        (alone,) = predictor.predict([[asked, {"role": "assistant", "content": beginning}]])
        for name in sample.SCHEMA.names:
            assert found.values[name][place] == pytest.approx(alone.values[name], abs=1e-3)
    assert found.values["length"][-1] == pytest.approx(
        predictor.predict([[asked, answer]])[0].values["length"], abs=1e-3
    )


def test_of_an_answer_that_was_cut_only_what_is_there_is_read(tmp_path: Path) -> None:
    loaded = models.load(str(sample.backbone(tmp_path)), dtype="float32")
    about = About(name="p", weights="frozen", depth=0, max_tokens=100, length=True, dense=True, deviation={})
    predictor = RegressionPredictor(loaded, Head(32, 2, length=True), sample.SCHEMA, about)
    said = [{"role": "user", "content": "say " * 90}, {"role": "assistant", "content": "the winter is cold " * 12}]
    found = predictor.dense(said)
    assert 20 < len(found.ends) < 40
    assert list(found.ends) == sorted(found.ends)
    assert found.ends[0] < 10
    assert found.ends[-1] == len(said[1]["content"])


@pytest.mark.parametrize("name", tiny.MODELS)
def test_padding_changes_nothing(name: str) -> None:
    loaded: Loaded = helpers.loaded(name)
    sequences = [tiny.ids(count, seed=count) for count in (12, 5, 9)]
    with torch.inference_mode():
        together = hidden(loaded, sequences)
        for row, ids in enumerate(sequences):
            alone = hidden(loaded, [ids])[0]
            assert torch.allclose(together[row, : len(ids)], alone, rtol=1e-3, atol=1e-3)
