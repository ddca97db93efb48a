"""Refine a model with dials: draw answers, weigh them by what they should be, train, and draw again.

Representation: `plan.json` says what is done with what. A folder for each iteration, `iteration-1` and so on, has
`samples.jsonl` (drawing.py), `weighed.jsonl` (each sample with its rating, the three log-probabilities and its weight)
and the adapter that came of it. What is there whole is not made again, so a run that was killed goes on where it was.
The last adapter is copied to the top.

Invariant: an iteration depends on the recipe and on the adapter before it, which is always read from disk.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from midcourse.atomic import writing
from midcourse.attributes import plan
from midcourse.attributes.asking import learned
from midcourse.attributes.data import plain
from midcourse.attributes.drawing import Request, draw
from midcourse.attributes.manifest import FILE
from midcourse.attributes.predictors.predictor import Predictor, comparable, known_noise, rates, source
from midcourse.attributes.rows import Row, digest
from midcourse.attributes.steerlm2 import noise
from midcourse.attributes.steerlm2.recipe import RefineRecipe
from midcourse.attributes.steerlm2.requests import fitting, held, requests
from midcourse.attributes.steerlm2.weighing import weigh
from midcourse.attributes.steerlm2.weights import Logs, divergence, effective, given
from midcourse.engine.choice import Sampling
from midcourse.errors import UserError
from midcourse.learn.run.progress import Progress, Report, silent

if TYPE_CHECKING:
    from midcourse.learn.items import Example
    from midcourse.learn.run.stop import Stop
    from midcourse.models.loaded import Loaded

RESULT = "refine.json"


def refine(
    load: Callable[[str | None], Loaded],
    predictor: Predictor,
    rows: Sequence[Row],
    recipe: RefineRecipe,
    output: Path,
    progress: Report = silent,
    *,
    stop: Stop | None = None,
) -> dict[str, Any]:
    """Every iteration of `recipe`, as far as it is not done in `output`; what is in `refine.json`.

    `load` gives the model with the adapter in a folder (None: the recipe's own). Raises `ModelError` for a model
    without dials, `UserError` where the predictor rates none of them, or does not know its noise, where no request has
    room for its samples, or none can be held out, `ConfigError` where `output` has what came of other settings, rows or
    another predictor.
    """
    facts = {
        "predictor": predictor.name,
        "predictor_weights": source(predictor),
        "rows": digest([plain.dump(row) for row in rows]),
    }
    plan.check(output, recipe, "iterations", **facts)
    adapter = recipe.adapter
    found: list[dict[str, Any]] = []
    for number in range(1, recipe.iterations + 1):
        place = output / f"iteration-{number}"
        done = place / "iteration.json"
        if done.is_file():
            found.append(json.loads(done.read_text(encoding="utf-8")))
        else:
            progress(Progress("note", note=f"iteration {number} of {recipe.iterations}"))
            loaded = load(adapter)
            asked, is_held = _asked(loaded, predictor, rows, recipe, progress)
            plan.hold(output, recipe, "iterations", **facts)
            found.append(_iteration(loaded, predictor, asked, is_held, recipe, place, number, progress, stop))
            progress(Progress("note", note=sentence(found[-1])))
        adapter = str(place / "adapter")
    assert adapter is not None
    for file in sorted(Path(adapter).iterdir(), key=lambda file: file.name == "adapter_config.json"):
        if file.is_file():
            shutil.copy2(file, output / file.name)
    result = {"iterations": found, "predictor": predictor.name, "settings": recipe.model_dump(mode="json")}
    with writing(output / RESULT) as stream:
        stream.write(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    return result


def sentence(iteration: Mapping[str, Any]) -> str:
    """An iteration in words."""
    held = iteration["held_out"]
    more = f", held out {held['before']:.3f} → {held['after']:.3f}" if held else ""
    return (
        f"KL(w‖b) {iteration['kl']['before']:.3f} → {iteration['kl']['after']:.3f}{more}; of "
        f"{iteration['samples']} samples a request {iteration['effective']:.1f} count; ratings miss what was asked by "
        f"{iteration['miss']:.2f}"
    )


def _asked(
    loaded: Loaded, predictor: Predictor, rows: Sequence[Row], recipe: RefineRecipe, progress: Report
) -> tuple[list[Request], list[bool]]:
    """What is asked for, and which of it is held out (parallel).

    What can be wrong with it is told here, before anything is drawn or written.
    """
    schema = learned(loaded.tokenizer.conditioning, loaded.name).attributes
    comparable(schema, predictor)
    rated = [name for name in schema.names if name in rates(predictor)]
    if not rated:
        raise UserError(f"{predictor.name} rates none of {', '.join(schema.names)}")
    if (known := known_noise(predictor)) is not None:
        noise.check(rated, known)
    asked, left_out = fitting(requests(rows, schema, rated, recipe), loaded, recipe)
    if left_out:
        progress(Progress("note", note=left_out))
    return [one.request for one in asked], held(asked, recipe)


def _iteration(
    loaded: Loaded,
    predictor: Predictor,
    asked: Sequence[Request],
    is_held: Sequence[bool],
    recipe: RefineRecipe,
    place: Path,
    number: int,
    progress: Report,
    stop: Stop | None,
) -> dict[str, Any]:
    from midcourse.attributes.steerlm2 import groups
    from midcourse.engine.hf import TransformersEngine
    from midcourse.learn import check
    from midcourse.learn.run.record import fingerprint
    from midcourse.learn.training import train_on

    tok = loaded.tokenizer
    schema = learned(tok.conditioning, loaded.name).attributes

    def report(what: str) -> Callable[[int, int], None]:
        return lambda step, steps: progress(Progress(what, step=step, steps=steps))

    place.mkdir(parents=True, exist_ok=True)
    samples = draw(
        TransformersEngine(loaded),
        asked,
        place / "samples.jsonl",
        count=recipe.samples,
        sampling=Sampling(temperature=1.0, seed=recipe.seed + number),  # log Q' is of just this distribution
        max_tokens=recipe.max_tokens_drawn,
        source=fingerprint(loaded.model),
        report=report("drawing"),
    )
    of = [samples[first : first + recipe.samples] for first in range(0, len(samples), recipe.samples)]
    prompts = [tok.prompt(list(one.messages), one.values) for one in asked]
    made = [
        groups.group(number, prompt, [one.ids for one in some])
        for number, (prompt, some) in enumerate(zip(prompts, of, strict=True))
    ]
    with loaded.owner("weighing"):
        network = check.choose(loaded.model, made).network
        weighed = weigh(loaded, network, predictor, asked, of, made, schema, recipe, place / "weighed.jsonl", report)
    examples = [
        groups.weighed(one, [each.weight for each in some], [each.logs.proposal for each in some])
        for one, some in zip(made, weighed, strict=True)
    ]
    trained, looked = (
        [one for one, out in zip(examples, is_held, strict=True) if out is side] for side in (False, True)
    )
    judges = {predictor.name, *(loaded.manifest.judges if loaded.manifest else ())}
    if loaded.manifest is not None:
        loaded.tell(loaded.manifest.model_copy(update={"judges": tuple(sorted(judges))}))
    result = train_on(loaded, trained, recipe, place / "adapter", progress, resume=True, held_out=looked, stop=stop)
    epochs, looks = result.metrics["epochs"], result.metrics["held_out"]
    if loaded.manifest is not None and not (place / "adapter" / FILE).is_file():
        loaded.manifest.write(place / "adapter")
    before = [_kl([each.weight for each in some]) for some, out in zip(weighed, is_held, strict=True) if not out]
    after = _after(loaded, trained, partial(groups.logps, max_tokens=recipe.max_tokens))
    history = (looks or {}).get("evaluations") or []
    found = {
        "iteration": number,
        "requests": len(asked),
        "samples": recipe.samples,
        "unended": sum(not one.ended for one in samples),
        "effective": fmean(effective([each.weight for each in some]) for some in weighed),
        "miss": fmean(
            abs(each.rated[name] - value)
            for request, some in zip(asked, weighed, strict=True)
            for each in some
            for name, value in request.values.items()
        ),
        "log_likelihood": fmean(each.logs.likelihood for some in weighed for each in some),
        "kl": {"before": fmean(before), "after": after},
        "held_out": {"before": history[0]["loss"], "after": min(look["loss"] for look in history)} if history else None,
        "epochs": epochs,
    }
    with writing(place / "iteration.json") as stream:
        stream.write(json.dumps(found, indent=2) + "\n")
    return found


def _kl(weights: Sequence[float]) -> float:
    """KL(w‖b) under the model that the samples were drawn from: there they all weigh the same."""
    return divergence(weights, [1 / len(weights)] * len(weights))


def _after(loaded: Loaded, examples: Sequence[Example], logps: Callable[..., list[list[float]]]) -> float:
    """KL(w‖b) of the trained model over what it was trained on."""
    from midcourse.learn import check

    with loaded.owner("weighing"):
        now = logps(check.choose(loaded.model, examples).network, examples)
    found = []
    for example, some in zip(examples, now, strict=True):
        drawn = [one.drawn for one in example.segments if one.drawn is not None]
        b = given(some, [Logs(0.0, 0.0, one.logp) for one in drawn])
        found.append(divergence([one.target for one in drawn], b))
    return fmean(found)
