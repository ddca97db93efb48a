"""The command for vLLM, and what it cannot serve."""

from __future__ import annotations

import pytest

from midcourse.release import vllm


def settings(**changed: object) -> dict[str, object]:
    return {"peft_type": "LORA", "r": 16, "rank_pattern": {}, "bias": "none"} | changed


@pytest.mark.parametrize(("rank", "wanted"), [(1, 1), (2, 8), (16, 16), (17, 32), (300, 320), (512, 512), (513, None)])
def test_ranks(rank: int, wanted: int | None) -> None:
    assert vllm.rank(settings(r=rank)) == wanted
    assert (vllm.why_not(settings(r=rank)) is None) == (wanted is not None)


def test_the_highest_rank_counts() -> None:
    assert vllm.rank(settings(rank_pattern={"q_proj": 48})) == 64


def test_the_command_can_be_pasted() -> None:
    line = vllm.command("org/model", settings(), "cards", "my runs/cards")
    assert line == ("vllm serve org/model --enable-lora --max-lora-rank 16 --lora-modules 'cards=my runs/cards'")


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"peft_type": "IA3"}, "of the kind IA3"),
        ({"trainable_token_indices": [5]}, "embeddings of its own"),
        ({"modules_to_save": ["lm_head"]}, "embeddings of its own"),
        ({"use_dora": True}, "without DoRA"),
        ({"r": 1024}, "up to 512"),
    ],
)
def test_what_it_does_not_serve(changed: dict[str, object], why: str) -> None:
    assert why in (vllm.why_not(settings(**changed)) or "")
