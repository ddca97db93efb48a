"""Settings: precedence, every problem at once, YAML there and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from midcourse import config
from midcourse.errors import ConfigError


class Some(BaseModel):
    model_config = ConfigDict(extra="forbid")

    epochs: Annotated[int, Field(gt=0)] = 3
    rate: Annotated[float, Field(gt=0)] = 1e-3
    name: str = "a"


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "run.yaml"
    file.write_text(text)
    return file


def test_flags_win_over_the_file_and_the_file_over_defaults(tmp_path: Path) -> None:
    file = written(tmp_path, "epochs: 5\nname: file\n")
    assert config.resolve(Some, Some(name="flag"), file) == Some(epochs=5, name="flag")


def test_a_flag_equal_to_its_default_still_wins(tmp_path: Path) -> None:
    assert config.resolve(Some, Some(epochs=3), written(tmp_path, "epochs: 5")).epochs == 3


def test_every_problem_is_reported_with_its_field(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        config.resolve(Some, None, written(tmp_path, "epochs: 0\nrate: fast\nepoch: 1\n"))
    assert {problem.field for problem in caught.value.problems} == {"epochs", "rate", "epoch"}
    assert "did you mean 'epochs'" in str(caught.value)
    assert "run.yaml" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: [1", "not YAML"),
        ("- 1", "mapping"),
        ("1: 2", "mapping"),
        ("\x00", "not YAML"),
        ("epochs: 1\nepochs: 2", "run.yaml:2: not YAML: 'epochs' is there twice"),
        ("epochs: 1\n? [a, b]\n: 1", "run.yaml:2: not YAML: a key should be a word"),
        ("name: 2020-13-45", "run.yaml: not YAML: month must be in 1..12; put quotes around a text"),
    ],
)
def test_a_broken_file_is_one_clear_error(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        config.resolve(Some, None, written(tmp_path, text))


def test_a_missing_file_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        config.resolve(Some, None, tmp_path / "none.yaml")


def test_yaml_reads_back_to_the_same_settings(tmp_path: Path) -> None:
    settings = Some(epochs=7, rate=3e-4, name="ünï: code")
    assert config.resolve(Some, None, written(tmp_path, config.to_yaml(settings))) == settings


def test_origins_are_of_what_is_not_the_default(tmp_path: Path) -> None:
    file, flags = written(tmp_path, "epochs: 5\nrate: 1e-3\nname: file\n"), Some(name="flag")
    settings = config.resolve(Some, flags, file)
    assert config.origins(settings, flags, file) == {"epochs": "run.yaml", "name": "flag"}


def test_what_stands_beside_the_settings_is_left_out(tmp_path: Path) -> None:
    file = written(tmp_path, "epochs: 5\nmet:\n  epochs: 1\n")
    assert config.resolve(Some, None, file, beside=("met",)).epochs == 5
    with pytest.raises(ConfigError, match="met: unknown setting"):
        config.resolve(Some, None, file)
    with pytest.raises(ConfigError, match=r"run.yaml: met: should be a mapping, or not be there"):
        config.resolve(Some, None, written(tmp_path, "met: 3\n"), beside=("met",))


class Secret(BaseModel):
    model_config = ConfigDict(extra="forbid")

    key: Annotated[SecretStr, Field(max_length=5)] | None = None
    names: list[str] = []
    loud: bool = True


def test_the_environment_stands_between_flags_and_the_file(tmp_path: Path) -> None:
    file = written(tmp_path, "epochs: 5\nname: file\nrate: 0.5\n")
    variables = {"MIDCOURSE_EPOCHS": "7", "MIDCOURSE_NAME": "environment", "MIDCOURSE_RATE": "", "EPOCHS": "9"}
    assert config.resolve(Some, Some(name="flag"), file, variables=variables) == Some(epochs=7, name="flag", rate=0.5)


def test_variables_hold_lists_and_switches() -> None:
    found = config.resolve(Secret, variables={"MIDCOURSE_NAMES": "a, b", "MIDCOURSE_LOUD": "no"})
    assert (found.names, found.loud) == (["a", "b"], False)


def test_a_bad_value_is_reported_with_the_place_it_came_from(tmp_path: Path) -> None:
    variables = {"MIDCOURSE_EPOCHS": "many", "MIDCOURSE_RATES": "1"}
    with pytest.raises(ConfigError) as caught:
        config.resolve(Some, None, written(tmp_path, "rate: 0"), variables=variables)
    misspelt, rate_or_epochs, other = sorted(str(caught.value).splitlines(), key=lambda line: "RATES" not in line)
    assert misspelt == "MIDCOURSE_RATES: no such variable; did you mean MIDCOURSE_RATE?"
    assert {line.partition(": ")[0].rpartition("/")[2] for line in (rate_or_epochs, other)} == {
        "MIDCOURSE_EPOCHS",
        "run.yaml",
    }


def test_a_secret_is_never_shown(tmp_path: Path) -> None:
    for variables, text in [({"MIDCOURSE_KEY": "far too long"}, ""), ({}, "key: far too long"), ({}, "key: 1234567")]:
        with pytest.raises(ConfigError) as caught:
            config.resolve(Secret, None, written(tmp_path, text), variables=variables)
        assert "too long" not in str(caught.value)
        assert "1234567" not in str(caught.value)
