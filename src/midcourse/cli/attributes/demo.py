"""`attributes demo`: SteerLM on the bundled model, from rated answers to dials that are measured."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from midcourse import config as configuration
from midcourse.attributes.schema import Schema
from midcourse.cli.console import bars, result, say
from midcourse.cli.topics import flags
from midcourse.demo.attributes.settings import TOPICS, AttributesDemoSettings

if TYPE_CHECKING:
    Flags = AttributesDemoSettings
else:
    Flags = flags(AttributesDemoSettings, TOPICS)


def demo(
    *,
    output: Annotated[Path, Parameter(name=["--output", "--out"])] = Path("runs/attributes"),
    data: Annotated[list[Path] | None, Parameter(negative="")] = None,
    schema: str = "helpsteer",
    model: str = "bundled",
    config: Path | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
    settings: Annotated[Flags | None, Parameter(name="*")] = None,
) -> int:
    """Show SteerLM from beginning to end: judges, annotation, dials, bootstrapping, SteerLM 2.0, and what dials do.

    Parameters
    ----------
    output
        The folder for everything. A run that was stopped or killed goes on there.
    data
        Files of rated answers; without any, the made-up sample that comes with Midcourse.
    schema
        What is rated: helpsteer, oasst, ultrafeedback, or a YAML file.
    model
        A Hugging Face id, a folder, or `bundled`.
    config
        YAML file with any of the settings below; flags win over it.
    json
        Print what each stage came to as JSON.
    """
    resolved = configuration.resolve(AttributesDemoSettings, settings, config)
    from midcourse.attributes.data.sample import sample

    if not data:
        say("the rows are a made-up sample: what comes of them says nothing about real answers (--data FILE)")
    attributes = Schema.load(schema)
    from midcourse.attributes.steerability.result import FILE, Steerability
    from midcourse.demo.attributes.run import run
    from midcourse.demo.attributes.show import lines

    with bars() as progress:
        done = run(output, data or [sample()], attributes, resolved, model=model, say=progress, tell=say)
    measured = Steerability.read(output / "measured" / FILE)
    after = Steerability.read(output / "after" / FILE) if "after" in done else None
    shown = f"{lines(done, measured, after)}\nthe report is {output / 'measured' / 'report.html'}"
    result(done, shown, as_json=json)
    return 0
