"""`demo`: the main job on the bundled model, from notes to a report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from midcourse import config as configuration
from midcourse.cli.console import bars, result, say
from midcourse.demo.settings import DemoSettings


def demo(
    *,
    output: Annotated[Path, Parameter(name=["--output", "--out"])] = Path("runs/demo"),
    model: str = "bundled",
    config: Path | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
    settings: Annotated[DemoSettings | None, Parameter(name="*")] = None,
) -> int:
    """Steer a model on notes it should turn into contact cards, train it on the steers alone, show what changed.

    Parameters
    ----------
    output
        The folder for traces, adapter, `measure.json` and `report.html`.
    model
        A Hugging Face id, a folder, or `bundled`.
    config
        YAML file with any of the settings below; flags win over it.
    json
        Print `measure.json` when done.
    """
    resolved = configuration.resolve(DemoSettings, settings, config)
    from midcourse.demo.run import run
    from midcourse.demo.show import words

    with bars() as progress:
        measured = run(output, resolved, model=model, say=progress, tell=say)
    lines = f"{words(measured)}\n\nthe report is {output / 'report.html'}"
    result(measured.model_dump(mode="json"), lines, as_json=json)
    return 0
