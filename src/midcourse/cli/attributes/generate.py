"""`attributes generate`: answers for which attributes are asked, of one prompt or of a file of them."""

from __future__ import annotations

import json as jsonlib
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from midcourse.atomic import elsewhere, ordinary, possible, writing
from midcourse.cli.choosing import Choosing, ChoosingSettings
from midcourse.cli.console import bars, result, say
from midcourse.cli.engines import Engines, checked, opened
from midcourse.cli.signals import kept
from midcourse.errors import UserError
from midcourse.words import counted

if TYPE_CHECKING:
    from midcourse.attributes.drawing import Sample
    from midcourse.attributes.prompts import Prompt

Count = Annotated[int, Parameter(validator=Number(gte=1))]


def generate(
    *,
    model: str = "bundled",
    adapter: str | None = None,
    prompt: Annotated[list[str] | None, Parameter(negative="")] = None,
    prompts: Path | None = None,
    system: str | None = None,
    count: Count = 1,
    max_tokens: Count = 512,
    out: Path | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
    choosing: Choosing = None,
    engine: Engines = None,
) -> int:
    """Write answers for which attributes are asked, many at a time.

    Parameters
    ----------
    model
        A Hugging Face id, a folder, `bundled`, or for llama.cpp a GGUF file.
    adapter
        The adapter that has learned to be told attributes.
    prompt
        What to answer; may be given several times.
    prompts
        A JSONL file: a line with `prompt` or `messages`, and if it likes with `id` and `attributes`, which win over
        --attribute; or a text file with a prompt a line.
    system
        A system prompt for all of them.
    count
        How many answers to each; with more than one, a temperature makes them differ.
    max_tokens
        How long an answer may be.
    out
        A JSONL file for the answers, there whole or not at all; a run that was killed goes on where it was. Without it
        they are printed.
    json
        Print the answers, or what was written where, as JSON.
    """
    from midcourse.attributes import prompts as files
    from midcourse.attributes.asking import asked, guided
    from midcourse.exchange import reader

    choosing = choosing or ChoosingSettings()
    engines = checked(engine, adapter)
    if out is not None:
        ordinary(out)
        elsewhere(out, prompts)
    tokenizer = reader(model, adapter)
    told = tokenizer.conditioning
    values = asked(choosing.attribute, told, adapter or model)
    found = [files.Prompt(files.asking(text, values)) for text in prompt or []]
    found += files.read(prompts, told, values) if prompts is not None else []
    if not found:
        raise UserError("there is nothing to answer: give --prompt, or --prompts FILE")
    guided(choosing.guidance, {name: value for one in found for name, value in one.request.values.items()})
    found = found if system is None else list(files.with_system(found, system))
    sampling = choosing.sampling()
    if out is not None:
        possible(out.parent)

    from midcourse.attributes.drawing import draw  # what is heavy comes when the input is known to be good

    with (
        TemporaryDirectory() as place,
        opened(engines, tokenizer, model, adapter, many=True) as writer,
        kept("drawn") if out is not None else nullcontext(),
        bars() as tell,
    ):
        journal = Path(place) / "drawn" if out is None else out.with_name(f".{out.name}.drawn")
        samples = draw(
            writer,
            [one.request for one in found],
            journal,
            count=count,
            sampling=sampling,
            max_tokens=max_tokens,
            source=writer.source,
            report=lambda done, total: tell("answers", done, total),
        )
    rows = [_row(found[one.request], one, choosing.guidance) for one in samples]
    unended = sum(not one.ended for one in samples)
    if unended:
        say(f"{counted(unended, 'answer')} of {len(rows):,} cut at {counted(max_tokens, 'token')}")
    if out is None:
        result({"answers": rows}, "\n\n".join(one.text.strip() for one in samples), as_json=json)
        return 0
    with writing(out) as file:
        file.writelines(jsonlib.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    journal.unlink()
    value = {"answers": len(rows), "unended": unended, "file": str(out)}
    result(value, f"{counted(len(rows), 'answer')} in {out}", as_json=json)
    return 0


def _row(prompt: Prompt, sample: Sample, guidance: float) -> dict[str, Any]:
    """A line of the result: a conversation with its answer, and what was asked of that."""
    request = prompt.request
    return {
        **({} if prompt.id is None else {"id": prompt.id}),
        "messages": [*request.messages, {"role": "assistant", "content": sample.text}],
        "asked": dict(request.values),
        "guidance": guidance,
        "number": sample.number,
        "tokens": len(sample.ids),
        "ended": sample.ended,
    }
