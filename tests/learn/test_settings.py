"""Settings of the losses: what is refused, and what is set and plays no part."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from midcourse.learn.settings import TrainSettings


def test_what_is_used_or_left_alone_is_not_told() -> None:
    assert TrainSettings().ignored == []
    assert TrainSettings(objective="simpo", simpo_gamma=0.5, horizon=3, lengths={"simpo": "sum"}).ignored == []
    assert TrainSettings(objective="sft", simpo_gamma=1.0).ignored == [], "the default, as a run's own file has it"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"objective": "sft", "simpo_gamma": 0.5}, ["simpo_gamma is set and ignored: it is for simpo, not for 'sft'"]),
        ({"objective": "orpo", "beta": 0.5}, ["beta is set and ignored: it is for dpo, robust, ipo, hinge"]),
        ({"objective": "sft + accepted", "horizon": 5}, ["horizon is set and ignored"]),
        ({"objective": "dpo", "lengths": {"ipo": "sum"}}, ["lengths of ipo are set and ignored in 'dpo'"]),
        ({"objective": "dpo", "tdpo_alpha": 1, "sft_gamma": 2}, ["sft_gamma is set", "tdpo_alpha is set"]),
    ],
)
def test_what_plays_no_part_is_told(given: dict[str, object], told: list[str]) -> None:
    notes = TrainSettings(**given).ignored
    assert len(notes) == len(told)
    assert all(note.startswith(start) for note, start in zip(notes, told, strict=True))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"lengths": {"dpoo": "mean"}}, "no lengths can be set of dpoo, but of sft, accepted, dpo"),
        ({"lengths": {"anchor": "mean"}}, "no lengths can be set of anchor, but of"),
        ({"lengths": {"dpo": "median"}}, "'sum' or 'mean'"),
        ({"label_smoothing": 0.5}, "less than 0.5"),
        ({"bdpo_lambda": 1.0}, "less than 1"),
        ({"horizon": -1}, "greater than or equal to 0"),
        ({"seed": -1}, "greater than or equal to 0"),
        ({"seed": 2**32}, "less than"),
        ({"learning_rate": float("inf")}, "finite number"),
        ({"displacement": float("nan")}, "finite number"),
        ({"lora_targets": ""}, "at least 1 item"),
    ],
)
def test_what_has_no_meaning_is_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TrainSettings(**given)


@pytest.mark.parametrize("given", ["q_proj,v_proj", "q_proj v_proj", ["q_proj", "v_proj"], ["q_proj, v_proj"]])
def test_modules_are_named_in_any_way(given: object) -> None:
    assert TrainSettings(lora_targets=given).lora_targets == ["q_proj", "v_proj"]
