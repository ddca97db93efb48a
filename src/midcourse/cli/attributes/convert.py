"""`attributes convert`: rated conversations from any format into one, and what they hold."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from midcourse.attributes.data.settings import FormatName, Predicted, Reading
from midcourse.cli.console import result, say
from midcourse.cli.out import Out
from midcourse.errors import ConfigError, Problem, UserError


def convert(
    *files: Path,
    schema: str = "helpsteer",
    out: Out | None = None,
    to: Literal["plain", "nemo"] = "plain",
    held_out: Path | None = None,
    share: Annotated[float, Parameter(validator=Number(gt=0, lt=1))] = 0.1,
    seed: int = 0,
    format: FormatName = "auto",
    language: str = "",
    rename: Annotated[list[str] | None, Parameter(consume_multiple=True, negative="")] = None,
    scale: tuple[float, float] | None = None,
    only: Annotated[bool, Parameter(negative="")] = False,
    rounded: Annotated[bool, Parameter(negative="")] = False,
    predicted: Predicted = "fill",
    skip_invalid: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Bring rated conversations into one form, split them by prompt, and show what they hold.

    Parameters
    ----------
    files
        JSON lines, the same gzipped, or Parquet; docs/attributes.md describes what may be in them.
    schema
        What is rated: helpsteer, oasst, ultrafeedback, or a YAML file.
    out
        A JSONL file for the rows (`-` for standard output); without it they are only checked and counted.
    to
        `plain`, our own format, or `nemo`, the one that NeMo-Aligner trains on.
    held_out
        A second file for the rows of some prompts, which are then not in the first one.
    share
        How large a share of the rows that is.
    seed
        Which prompts they are; the same seed chooses the same ones.
    format
        What the files hold; auto looks at each file's first line.
    language
        Of oasst, take only what is written in this language, as in `en`.
    rename
        Names in the files and what the schema calls them, as in `length=verbosity`.
    scale
        The lowest and the highest value in the files, which become the ends of each attribute's scale.
    only
        Leave out attributes that the schema does not have, instead of refusing them.
    rounded
        Move values to the nearest step of their scale.
    predicted
        What becomes of values that a predictor has written into rows: `fill` in what no person has rated, `ignore`
        them, or `replace` what people have said.
    skip_invalid
        Take the good lines and list the others, instead of taking nothing.
    json
        Print the counts as JSON.
    """
    from midcourse.attributes.data.convert import convert as run
    from midcourse.attributes.schema import Schema

    if not files:
        raise UserError("there is no file to read; give one or more")
    if held_out is not None and out is None:
        raise UserError("--held-out takes rows away from --out; give both")
    for path in filter(None, (out, held_out)):
        if path.suffix in (".gz", ".parquet"):
            raise UserError(f"{path}: JSON lines are written; name it {path.stem}.jsonl")
    names = dict(one.split("=", 1) for one in rename or [] if one.count("=") == 1 and not one.endswith("="))
    if len(names) < len(rename or []):
        raise ConfigError([Problem("--rename", f"{' '.join(rename or [])!r} is not written as in length=verbosity")])
    loaded = Schema.load(schema)
    if unknown := [name for name in names.values() if name not in loaded]:
        raise ConfigError([Problem("--rename", loaded.wrong({name: 0})[0][1]) for name in unknown])
    reading = Reading.of(
        format=format,
        language=language,
        rename=names,
        scale=scale,
        only=only,
        rounded=rounded,
        predicted=predicted,
    )
    found = run(
        list(files),
        loaded,
        reading,
        out,
        to=to,
        held_out=held_out,
        share=share,
        seed=seed,
        skip_invalid=skip_invalid,
        tell=say,
    )
    lines = found["rows"].lines()
    if out is not None:
        lines = [f"{out}: {lines[0]}", *lines[1:]]
    if held_out is not None:
        first, *rest = found["held_out"].lines()
        lines += [f"{held_out}: {first}", *rest]
    result({name: summary.value() for name, summary in found.items()}, "\n".join(lines), as_json=json, out=out)
    return 0
