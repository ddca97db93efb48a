"""`measure`: what training changed, on answers it never saw."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from midcourse import config as configuration
from midcourse.atomic import folder
from midcourse.cli.adapters import based
from midcourse.cli.console import bars, result, say
from midcourse.cli.engines import Engines, checked, writers
from midcourse.cli.sources import load_traces
from midcourse.measure.settings import MeasureSettings

Flag = Annotated[bool, Parameter(negative="")]


def measure(
    *,
    traces: str,
    out: Path,
    model: str = "bundled",
    adapter: str | None = None,
    check: str | None = None,
    config: Path | None = None,
    skip_invalid: Flag = False,
    json: Flag = False,
    settings: Annotated[MeasureSettings | None, Parameter(name="*")] = None,
    engine: Engines = None,
) -> int:
    """Measure a model, with an adapter before and after, on held-out answers.

    Another --engine writes the answers; margins and drift are read from --model here.

    Parameters
    ----------
    traces
        Held-out steered answers: a JSONL file or the URL of a store.
    out
        The folder for `measure.json` and `report.html`.
    model
        A Hugging Face id, a folder, or `bundled`.
    adapter
        The adapter to measure; without it only the model itself is measured.
    check
        The task's own checker as `module:function`; exact match with the held-out answer otherwise.
    config
        YAML file with any of the settings below; flags win over it.
    skip_invalid
        Leave out lines with problems instead of stopping.
    json
        Print the measurement as JSON.
    """
    resolved = configuration.resolve(MeasureSettings, settings, config)
    engines = checked(engine, adapter)
    found = load_traces(traces, model, adapter, skip_invalid=skip_invalid)
    from midcourse import models
    from midcourse.measure import report
    from midcourse.measure.check import load_check
    from midcourse.measure.run import measure as run
    from midcourse.measure.words import headline, read_drift, stats

    checker = load_check(check) if check else None
    loaded = models.load(model, adapter=adapter, dtype="float32")
    based(adapter, model)
    say(loaded.summary())
    folder(out)
    with writers(engines, loaded.tokenizer, model, adapter) as others, bars() as progress:
        for writer in others.values():
            for trace in found:
                writer.tokenizer.prompt(trace.messages)  # an endpoint that is sent conversations has to know them
        measured = run(loaded, found, check=checker, settings=resolved, progress=progress, writers=others)
    measured.write(out / "measure.json")
    report.write(measured, out / "report.html", report.training_metrics(adapter))
    lines = [headline(measured)]
    lines += [f"  {s.label:<22}{s.before:>8}" + (f" → {s.after}" if s.after else "") for s in stats(measured)]
    lines.append(read_drift(measured.drift.unrelated))
    result(measured.model_dump(mode="json"), "\n".join([*lines, f"the report is {out / 'report.html'}"]), as_json=json)
    return 0
