"""The whole measurement on the bundled model: complete, repeatable, base and adapter told apart."""

from pathlib import Path

import pytest
import torch

from midcourse import models
from midcourse.errors import UserError
from midcourse.measure import report, run
from midcourse.measure.result import Measurement
from midcourse.measure.settings import MeasureSettings
from midcourse.trace.text import Tokenizer
from midcourse.trace.tree import Run, Trace

# peft asks transformers in a way that is going out of use
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")

SETTINGS = MeasureSettings(drift_prompts=2, drift_tokens=4, answer_tokens=12, oracle_steers=1)
CARDS = {"Ada Brandt, 36, Porto": "Porto · Ada Brandt", "Jonas Weiß, 41, Graz": "Graz · Jonas Weiß"}


def held_out(tok: Tokenizer) -> list[Trace]:
    traces = []
    for note, card in CARDS.items():
        messages = [{"role": "user", "content": f"Write as city · name: {note}"}]
        trace = Trace(note, messages, tuple(tok.prompt(messages)), "bundled", tok.fingerprint, tok.end_ids)
        wrong = trace.grow(tok.encode("Here is"), "model")
        at = trace.at(trace.head, 0)
        trace.steer(at, [*tok.encode(card), tok.end_id], [Run(wrong.id, 0, len(wrong.ids))])
        traces.append(trace)
    return traces


@pytest.fixture(scope="module")
def loaded(bundled_path: Path) -> models.Loaded:
    """The bundled model with an adapter that was never trained, and does something."""
    made = models.add_lora(models.load(str(bundled_path), dtype="float32"), rank=2)
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for name, parameter in made.model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(0, 0.05)
    made.changed()
    return made


Seen = list[tuple[str, int, int]]


@pytest.fixture(scope="module")
def measured(loaded: models.Loaded) -> tuple[Measurement, Seen]:
    """One whole measurement, and what it told of its progress."""
    seen: Seen = []
    traces = held_out(loaded.tokenizer)
    return run.measure(loaded, traces, settings=SETTINGS, progress=lambda *what: seen.append(what)), seen


@pytest.mark.model
def test_everything_is_measured_on_both_sides(measured: tuple[Measurement, Seen], tmp_path: Path) -> None:
    result, seen = measured
    assert result.after is not None
    assert None not in result.before.model_dump().values()
    assert None not in result.after.model_dump().values()
    assert result.before.margin_mean != result.after.margin_mean
    assert result.drift.unrelated is not None
    assert result.drift.unrelated.kl is not None
    assert result.drift.unrelated.kl > 0
    assert result.drift.on_track is None, "every token of these answers was typed"
    assert result.counts == {"traces": 2, "steers": 2, "replayed": 2, "answers": 2, "drift_prompts": 2}
    assert [answer.reference for answer in result.answers] == list(CARDS.values())
    assert [case.chosen.text for case in result.cases if case.chosen] == [f"{card}⟨end⟩" for card in CARDS.values()]
    assert all(case.before.wrote and case.after and case.after.wrote for case in result.cases)
    assert {"midcourse", "torch", "transformers", "peft", "python"} <= set(result.versions)
    assert seen
    assert all(0 <= done <= total for _, done, total in seen)
    result.write(tmp_path / "measure.json")
    assert Measurement.model_validate_json((tmp_path / "measure.json").read_bytes()) == result
    assert "Weiß" in report.render(result)


@pytest.mark.model
def test_before_is_the_model_without_its_adapter(measured: tuple[Measurement, Seen], bundled_path: Path) -> None:
    base = models.load(str(bundled_path), dtype="float32")
    result = run.measure(base, held_out(base.tokenizer), settings=SETTINGS.model_copy(update={"drift_prompts": 0}))
    both, _ = measured
    assert result.after is None
    for key, value in result.before.model_dump().items():
        assert getattr(both.before, key) == pytest.approx(value, rel=1e-4), key
    assert [answer.before for answer in both.answers] == [answer.before for answer in result.answers]


@pytest.mark.model
def test_answers_alone_are_those_of_the_whole_measurement(
    measured: tuple[Measurement, Seen], loaded: models.Loaded
) -> None:
    """And what is known already is not measured again."""
    traces = held_out(loaded.tokenizer)
    both, _ = measured
    side, written = run.answers(loaded, traces, settings=SETTINGS)
    assert [answer.after for answer in both.answers] == written
    assert both.after is not None
    assert both.after.fields == side.fields
    known = [answer.before.model_copy(update={"text": "known"}) for answer in both.answers]
    short = SETTINGS.model_copy(update={"drift_prompts": 0, "replays": 0})
    again = run.measure(loaded, traces, settings=short, before=known, after=written)
    assert [answer.before.text for answer in again.answers] == ["known"] * 2
    assert again.after is not None
    assert again.after.pass_rate == both.after.pass_rate
    assert again.drift.unrelated is None
    assert again.cases == []


@pytest.mark.model
def test_nothing_to_measure_is_said(loaded: models.Loaded) -> None:
    with pytest.raises(UserError, match="nothing to measure"):
        run.measure(loaded, [])
