"""Predictor, trainer, engine, studio and plain transformers read the same conversation as the same ids.

What is compared is what really goes into the model: the ids that its embedding is given, recorded while each of them
does its work from checkpoints on disk.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from midcourse import models
from midcourse.attributes.conditioning import Conditioning, Way
from midcourse.attributes.drawing import Request, draw
from midcourse.attributes.manifest import Manifest
from midcourse.attributes.predictors.fit.run import fit
from midcourse.attributes.predictors.fit.settings import FitSettings
from midcourse.attributes.predictors.regression import RegressionPredictor
from midcourse.attributes.rows import Rating, Row, Turn, group_of
from midcourse.attributes.schema import Schema
from midcourse.attributes.train.recipe import ConditionedRecipe
from midcourse.attributes.train.run import train
from midcourse.engine.hf import TransformersEngine
from midcourse.models import Loaded
from midcourse.session import Session
from midcourse.store import Store
from midcourse.trace.lines import from_dict
from tests.studio.running import Running, make_model
from tests.studio.test_adapters import text

SCHEMA = Schema.load("helpsteer")
ASKED = {"helpfulness": 4.0, "verbosity": 1.0}
BEFORE = [
    {"role": "system", "content": "Be kind — and brief.\n"},
    {"role": "user", "content": "  What is a fjord?\n\n(in  Norway, 1234567)"},
    {"role": "assistant", "content": "An inlet: naïve “quoted” 🙂."},
    {"role": "user", "content": "你好, and then?"},
]
ANSWER = " Then, the sea.\n"
WAYS: tuple[Way, ...] = ("system", "inline", "tokens")


def _row(before: Sequence[dict[str, str]], answer: str, values: dict[str, float], number: int) -> Row:
    turns = tuple(Turn(one["role"], one["content"], context=one["role"] == "assistant") for one in before)
    rated = {name: Rating(value) for name, value in values.items()}
    turns = (*turns, Turn("assistant", answer, rated))
    return Row(turns, str(number), f"{group_of(turns)}{number}", f"rows.jsonl:{number}")


ROW = _row(BEFORE, ANSWER, ASKED, 0)
OTHERS = [
    _row(BEFORE[1:2], "no " * count, {"helpfulness": float(count), "verbosity": float(count)}, count)
    for count in range(1, 5)
]


@contextmanager
def recorded(model: Any) -> Iterator[list[list[int]]]:
    """The rows of ids that the model is given, as long as this lasts."""
    rows: list[list[int]] = []

    def keep(_module: Any, inputs: tuple[torch.Tensor, ...]) -> None:
        rows.extend(inputs[0].tolist())

    handle = model.get_input_embeddings().register_forward_pre_hook(keep)
    try:
        yield rows
    finally:
        handle.remove()


@contextmanager
def recorded_anywhere() -> Iterator[list[list[int]]]:
    """The same of all models: training may put another embedding into the one that it is given."""
    rows: list[list[int]] = []

    def keep(module: torch.nn.Module, inputs: tuple[Any, ...]) -> None:
        ids = inputs[0] if inputs else None
        if "Embedding" in type(module).__name__ or hasattr(module, "token_adapter"):
            rows.extend(ids.tolist() if isinstance(ids, torch.Tensor) and ids.dtype == torch.long else [])

    handle = torch.nn.modules.module.register_module_forward_pre_hook(keep)
    try:
        yield rows
    finally:
        handle.remove()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module", params=WAYS)
def made(request: pytest.FixtureRequest, base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """An adapter with dials as `train` leaves it, and what the model was given meanwhile."""
    folder = tmp_path_factory.mktemp("dials") / "adapter"
    loaded = models.load(str(base), dtype="float32")
    recipe = ConditionedRecipe(way=request.param, epochs=1, dropout=0, drop_each=0, dtype="float32")
    with recorded_anywhere() as rows:
        train(loaded, [ROW], SCHEMA, recipe, folder)
    return folder, rows


@pytest.fixture
def dials(base: Path, made: tuple[Path, Any]) -> Loaded:
    return models.load(str(base), adapter=str(made[0]), dtype="float32")


def _by_hand(base: Path, folder: Path, messages: Sequence[dict[str, str]], values: dict[str, float]) -> list[int]:
    """With transformers and what `attributes.json` says, and nothing else of ours."""
    own = (folder / "tokenizer_config.json").is_file()  # with tokens of its own an adapter brings its tokenizer
    tokenizer: Any = AutoTokenizer.from_pretrained(folder if own else base)
    manifest = Manifest.read(folder)
    assert manifest is not None
    assert manifest.conditioning is not None
    told: Conditioning = manifest.conditioning
    rendered = tokenizer.apply_chat_template(
        told.messages(messages, values), add_generation_prompt=True, tokenize=False
    )
    return list(tokenizer(rendered + told.after(values), add_special_tokens=False)["input_ids"])


def _end(tokenizer: Any) -> int:
    """What the template writes behind an answer: the end of a turn."""
    return int(tokenizer.convert_tokens_to_ids("<|im_end|>"))


def _inside(part: Sequence[int], rows: Sequence[Sequence[int]]) -> bool:
    """Whether `part` was read in one go, after whatever else."""
    read = [token for row in rows for token in row]
    return any(read[place : place + len(part)] == list(part) for place in range(len(read)))


def test_trainer_and_engine_read_what_transformers_reads(
    base: Path, made: tuple[Path, Any], dials: Loaded, tmp_path: Path
) -> None:
    folder, trained = made
    prompt = _by_hand(base, folder, BEFORE, ASKED)
    tokenizer: Any = AutoTokenizer.from_pretrained(base)
    answer = [*tokenizer(ANSWER, add_special_tokens=False)["input_ids"], _end(tokenizer)]
    whole = [*prompt, *answer]
    assert any(row[: len(whole) - 1] == whole[:-1] for row in trained)  # the end is predicted, and may not be read
    assert all(row == whole[: len(row)] for row in trained if len(row) >= len(prompt))

    with recorded(dials.model) as engine:
        (sample,) = draw(TransformersEngine(dials), [Request(BEFORE, ASKED)], tmp_path / "drawn.jsonl", max_tokens=4)
    fed = [token for row in engine for token in row]
    assert fed[: len(prompt)] == prompt
    assert fed == [*prompt, *sample.ids][: len(fed)]


def test_a_session_and_its_exported_trace_read_the_same(
    base: Path, made: tuple[Path, Any], dials: Loaded, tmp_path: Path
) -> None:
    prompt = tuple(_by_hand(base, made[0], BEFORE, ASKED))
    line = {"messages": BEFORE, "attributes": ASKED, "output": [ANSWER, {"rejected": "x", "chosen": "y"}]}
    (trace,) = from_dict(line, dials.tokenizer, model="tiny").traces
    assert trace.prompt == prompt
    with Store.open(str(tmp_path / "s.db")) as store:
        session = Session.start(BEFORE, TransformersEngine(dials), store.save, attributes=ASKED)
        assert session.trace.prompt == prompt


def test_the_studio_reads_the_same(base: Path, made: tuple[Path, Any], tmp_path: Path) -> None:
    prompt = _by_hand(base, made[0], BEFORE, ASKED)
    with Running(base, tmp_path / "s.db", adapter=str(made[0])) as studio:
        with recorded(studio.services.loaded.model) as fed:
            body = {"messages": BEFORE, "attributes": ASKED, "go_on": True, "sampling": {"max_tokens": 4}}
            response = studio.client.post("/api/traces", json=body)
            assert response.status_code == 201, response.text
            name = response.json()["trace"]
            text(studio, name)
        assert list(studio.services.store.get(name).prompt) == prompt
    assert _inside(prompt, fed)


def test_a_predictor_reads_what_an_answer_was_written_as_with_nothing_asked_for(base: Path, tmp_path: Path) -> None:
    """It rates answers whoever wrote them: the plain conversation, the answer's own tokens, and its end."""
    settings = FitSettings(epochs=1, hold_out=0, dtype="float32", max_tokens=400)
    loaded = models.load(str(base), dtype="float32")
    tokenizer: Any = AutoTokenizer.from_pretrained(base)
    prompt = list(tokenizer.apply_chat_template(BEFORE, add_generation_prompt=True, return_dict=False))
    whole = [*prompt, *tokenizer(ANSWER, add_special_tokens=False)["input_ids"], _end(tokenizer)]
    with recorded(loaded.model) as fitted:
        fit(loaded, [ROW, *OTHERS], SCHEMA, settings, tmp_path / "predictor")
    assert any(row[: len(whole)] == whole for row in fitted)
    predictor = RegressionPredictor.load(tmp_path / "predictor", dtype="float32")
    with recorded(predictor.loaded.model) as read:
        predictor.predict([[*BEFORE, {"role": "assistant", "content": ANSWER}]])
    assert read == [whole]


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning")  # PEFT asks by an old name
def test_what_was_trained_loads_in_plain_transformers_and_gives_the_same(
    base: Path, made: tuple[Path, Any], dials: Loaded
) -> None:
    prompt = _by_hand(base, made[0], BEFORE, ASKED)
    model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    model.resize_token_embeddings(len(dials.tokenizer.tokenizer))
    plain: Any = PeftModel.from_pretrained(model, made[0])
    known = len(AutoTokenizer.from_pretrained(base))  # an untied output has no say in tokens that it never learned
    with torch.inference_mode():
        theirs = plain(torch.tensor([prompt])).logits[0, -1, :known].log_softmax(-1)
    ours = {one.id: one.logprob for one in TransformersEngine(dials).next(prompt, top=50).top}
    best = max((token for token in ours if token < known), key=ours.__getitem__)
    apart = [(theirs[token] - theirs[best]).item() - (ours[token] - ours[best]) for token in ours if token < known]
    assert max(map(abs, apart)) < 1e-4
    assert dials.tokenizer.prompt(BEFORE, ASKED) == prompt
