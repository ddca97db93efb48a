"""`attributes annotate`: files of answers, each with what a predictor says of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter
from pydantic import SecretStr

from midcourse.atomic import elsewhere, possible
from midcourse.attributes.data.settings import FormatName, Reading
from midcourse.attributes.manifest import Manifest
from midcourse.attributes.predictors.judge import JudgeSettings
from midcourse.attributes.schema import Schema
from midcourse.cli.console import bars, rank, result, say
from midcourse.cli.signals import kept
from midcourse.cli.topics import flags
from midcourse.errors import UserError
from midcourse.words import counted

KEY = "MIDCOURSE_JUDGE_KEY"
Flag = Annotated[bool, Parameter(negative="")]
Files = Annotated[list[Path], Parameter(negative="")]
if TYPE_CHECKING:
    Flags = JudgeSettings
else:
    Flags = flags(
        JudgeSettings,
        {"concurrency": "Judge"},
        names={name: f"--judge-{name.replace('_', '-')}" for name in JudgeSettings.model_fields},
    )


def annotate(
    *,
    predictor: str,
    data: Files,
    out: Path,
    schema: str | None = None,
    turns: Literal["all", "last"] = "all",
    format: FormatName = "auto",
    scale: Annotated[tuple[float, float] | None, Parameter(negative="")] = None,
    skip_invalid: Flag = False,
    dtype: Literal["auto", "float32", "bfloat16"] = "auto",
    device: str = "auto",
    json: Flag = False,
    judge: Annotated[Flags | None, Parameter(name="*")] = None,
) -> int:
    """Write files of answers again, each with what a predictor says of it.

    A row stays as it was given, human ratings too, and has `predicted`, `predicted_deviation`, `predicted_by` and
    `human_rated` besides: for its last answer in the row, for earlier ones in their messages.

    Parameters
    ----------
    predictor
        A folder that `attributes fit` wrote, `generative:MODEL`, or `judge:URL#MODEL`. A judge's key is taken from the
        environment (MIDCOURSE_JUDGE_KEY).
    data
        Files in any format that `attributes convert` reads; rated or not.
    out
        The file to write: JSON lines, or Parquet if its name ends in .parquet. It is there whole or not at all, in the
        order of the data; a run that was stopped goes on where it was.
    schema
        What a generative predictor or a judge is asked for; a fitted one knows by itself.
    turns
        Rate every answer of a conversation, or the last one only.
    format
        What the files hold; auto looks at each file's first line.
    scale
        The lowest and the highest value of the ratings in the files, where that is not the schema's own.
    skip_invalid
        Leave out lines with problems instead of stopping.
    dtype
        What a model computes in.
    device
        Where a model computes: cpu, cuda, mps, …
    json
        Print what was done as JSON.
    """
    from midcourse.attributes.annotate.output import check as writable
    from midcourse.attributes.data.read import check

    elsewhere(out, *data, schema)
    writable(out)
    asked = _schema(predictor, schema)
    reading = Reading.of(format=format, scale=scale, predicted="ignore", only=True)
    total = check(data, asked, reading, skip_invalid=skip_invalid, tell=say)
    if not rank():
        possible(out.parent)

    import torch  # what is heavy comes when the input is known to be good

    from midcourse.attributes.annotate import annotate as run
    from midcourse.attributes.predictors.load import load
    from midcourse.learn.cluster import processes

    own = Schema.load(schema) if schema else None
    found = load(predictor, own, dtype=dtype, device=device, judge=judge, key=secret())
    say(f"{found.name} · {', '.join(found.attributes.names)} · {counted(total, 'row')}")
    everyone = processes.join(torch.device("cpu"))  # what they tell each other is little
    with kept("rated"), bars() as tell:
        done = run(
            found,
            data,
            out,
            total,
            reading=reading,
            turns=turns,
            how=f"{dtype} {judge.max_tokens if judge else ''}".rstrip(),
            report=lambda *what: None if rank() else tell(*what),
            everyone=everyone,
        )
    value = {"rows": done.rows, "answers": done.answers, "before": done.before, "by": found.name, "file": str(out)}
    if missing := getattr(found, "incomplete", 0):
        say(f"the judge left values out of {counted(missing, 'answer')}: those are missing")
    earlier = f", {done.before:,} of them by an earlier run" if done.before else ""
    result(
        value, f"{counted(done.answers, 'answer')} in {counted(done.rows, 'row')} rated{earlier}: {out}", as_json=json
    )
    processes.leave()
    return 0


def secret() -> SecretStr | None:
    """A judge's key, if the environment has one."""
    return SecretStr(os.environ[KEY]) if os.environ.get(KEY) else None


def _schema(predictor: str, schema: str | None) -> Schema:
    """What is going to be rated, as far as can be known without loading anything. Raises `UserError`."""
    if schema is not None:
        return Schema.load(schema)
    if predictor.startswith(("judge:", "generative:")):
        raise UserError(f"{predictor} rates whatever it is asked for: say what with --schema, as in --schema helpsteer")
    manifest = Manifest.read(folder) if (folder := Path(predictor).expanduser()).is_dir() else None
    if manifest is None:
        there = "a folder without an attributes.json" if folder.is_dir() else "no folder of a fitted predictor"
        raise UserError(
            f"{predictor} is {there}: give --predictor one that `attributes fit` wrote, "
            "generative:MODEL or judge:URL#MODEL"
        )
    return manifest.attributes
