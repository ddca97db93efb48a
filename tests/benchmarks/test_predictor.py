"""The benchmark of predictors: every prompt is held out once, and what follows from the text is found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from benchmarks.predictor import difference, folds, main, rank, squared

from tests.attributes.predictors import sample
from tests.cli.conftest import lines


def test_each_prompt_is_in_one_fold() -> None:
    groups = [str(number // 3) for number in range(30)]
    found = folds(groups, 5, seed=0)
    assert sorted(torch.bincount(found).tolist()) == [6] * 5
    assert all(len({int(found[place]) for place, one in enumerate(groups) if one == group}) == 1 for group in groups)


def test_it_prints_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = sample.backbone(tmp_path / "backbone")
    rated = [
        {
            "prompt": row.turns[0].content,
            "response": row.last.content,
            "verbosity": int(row.last.values["length"]),
            "helpfulness": int(row.last.values.get("cheer", 0)),
            **dict.fromkeys(("correctness", "coherence", "complexity"), 2),
        }
        for row in sample.rows(60)
    ]
    data = lines(tmp_path / "rated.jsonl", *rated)
    given = ["--data", str(data), "--model", str(base)]
    main([*given, "--seeds", "1", "--draws", "40", "--out", str(tmp_path / "out.json")])
    said = capsys.readouterr().out
    assert "60 answers to 20 prompts" in said
    assert "| verbosity | " in said
    found = json.loads((tmp_path / "out.json").read_text())["attributes"]["verbosity"]
    assert found["state, length, prompt"][0]["mae"] < found["mean"][0]["mae"]
    assert found["length"][0]["spearman"] > 0.9
    less, low, high = found["differences"][0]
    assert low < less < high < 0


def test_a_difference_is_of_the_same_prompts() -> None:
    """What is the same has none, however it is drawn; what is better everywhere is so in the whole interval."""
    generator = torch.Generator().manual_seed(0)
    labels_N = torch.randint(0, 5, (40,), generator=generator).double()
    groups = [str(number // 2) for number in range(40)]
    far_SN = labels_N + torch.randn(2, 40, generator=generator)
    assert difference(rank, far_SN, far_SN, labels_N, groups, 80) == (0, 0, 0)
    less, low, high = difference(squared, (far_SN + labels_N) / 2, far_SN, labels_N, groups, 80)
    assert low < less < high < 0
