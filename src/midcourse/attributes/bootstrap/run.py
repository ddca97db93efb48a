"""Bootstrap a model with dials: draw answers at the goal, rate them, keep the good ones, train, and look again.

Representation: OUTPUT/plan.json says what is done with what. Each round has a folder:

    round-0/                what the model that is given makes of held-out prompts
    round-N/drawn.jsonl     answers to the prompts (drawing.py), rated.jsonl what the predictor makes of them
    round-N/train.jsonl     the rows that are trained on, in the plain format
    round-N/adapter/        what came of it
    round-N/looked.jsonl    answers to held-out prompts, judged.jsonl what the judge makes of them
    round-N/round.json      what the round came to; it ends the round

The last round that gained is copied to the top, and bootstrap.json ends the whole.

Invariant: each step depends on the plan and on files of the steps before it, which are there whole or not at all, and
the weights always come from disk. So a run that was killed anywhere and begun again makes the same files, but
for what `metrics.json` and checkpoints say of time, and of having been stopped.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from midcourse.atomic import folder, writing
from midcourse.attributes import plan
from midcourse.attributes.asking import learned
from midcourse.attributes.bootstrap import asking, choosing, gain
from midcourse.attributes.bootstrap.rating import rate
from midcourse.attributes.bootstrap.recipe import BootstrapRecipe
from midcourse.attributes.data import plain
from midcourse.attributes.data.read import rows as read_rows
from midcourse.attributes.data.settings import Reading
from midcourse.attributes.drawing import Request, Sample, draw
from midcourse.attributes.predictors.predictor import Predictor, comparable, rates, source
from midcourse.attributes.rows import Row, digest
from midcourse.attributes.train.run import train
from midcourse.engine.choice import Sampling
from midcourse.errors import UserError
from midcourse.learn.run.progress import Progress, Report, silent
from midcourse.words import counted

if TYPE_CHECKING:
    from midcourse.learn.run.stop import Stop
    from midcourse.models.loaded import Loaded

ROUND, ROWS, TRAINED, RESULT = "round.json", "train.jsonl", "trained.json", "bootstrap.json"

Load = Callable[[str | None], "Loaded"]


def bootstrap(
    load: Load,
    predictor: Predictor,
    rows: Sequence[Row],
    held_out: Sequence[Row],
    recipe: BootstrapRecipe,
    output: Path,
    progress: Report = silent,
    *,
    judge: Predictor | None = None,
    stop: Stop | None = None,
) -> dict[str, Any]:
    """Every round of `recipe`, as far as it is not done in `output`; what is in `bootstrap.json`.

    `load` gives the model with the adapter in a folder (None: without any). `rows` are trained on and give the prompts,
    `held_out` give those that rounds are measured on. `judge` measures, or the predictor.
    Raises `ModelError` for a model without dials, `UserError` where nothing can be asked, rated or measured,
    `ConfigError` where `output` holds another run, `Stopped`.
    """
    return _Run(load, predictor, judge or predictor, rows, held_out, recipe, output, progress, stop)()


def sentence(one: Mapping[str, Any]) -> str:
    """A round in words."""
    held = one["held_out"]
    if not one["round"]:
        return f"before: {held['score']:.1%} of the way to the goal on {counted(held['prompts'], 'held-out prompt')}"
    found, taken = one["gain"], "kept" if one["taken"] else "dropped: no more than chance"
    return (
        f"round {one['round']}: drawn {one['drawn_score']:.1%}, trained on {one['chosen_score']:.1%} "
        f"({one['chosen']} of {counted(one['drawn'], 'answer')}), held out {held['score']:.1%}, "
        f"gain {found['mean']:+.1%} ± {found['error']:.1%}; {taken}"
    )


class _Run:
    def __init__(
        self,
        load: Load,
        predictor: Predictor,
        judge: Predictor,
        rows: Sequence[Row],
        held_out: Sequence[Row],
        recipe: BootstrapRecipe,
        output: Path,
        progress: Report,
        stop: Stop | None,
    ) -> None:
        self.load, self.predictor, self.judge = load, predictor, judge
        self.rows, self.recipe, self.output, self.progress, self.stop = rows, recipe, output, progress, stop
        self.prompts = asking.prompts(rows, recipe.prompts)
        self.looks = asking.prompts(held_out, recipe.prompts)
        self.goal: dict[str, float] = {}

    def __call__(self) -> dict[str, Any]:
        adapter = self.recipe.adapter
        first = self.load(adapter)
        self._ready(first)
        folder(self.output)
        self._plan(first)
        best = self._kept(0) or self._first(first)
        del first  # the next one is read from disk, and two of them may be too many
        history, stopped = [best], "rounds"
        for number in range(1, self.recipe.rounds + 1):
            now = self._kept(number) or self._round(number, adapter, best)
            history.append(now)
            if not now["taken"]:
                stopped = "gain"
                break
            best, adapter = now, str(self.output / f"round-{number}" / "adapter")
        if best["round"]:
            _copy(Path(str(adapter)), self.output)
        result = {
            "goal": self.goal,
            "best": best["round"],
            "stopped": stopped,
            "predictor": self.predictor.name,
            "judge": self.judge.name,
            "rounds": history,
            "settings": self.recipe.model_dump(mode="json"),
        }
        plan.write(self.output / RESULT, result)
        return result

    # ---- before the first round ------------------------------------------------------------------------------------

    def _ready(self, loaded: Loaded) -> None:
        """Find out what is asked for and of what, before anything is written."""
        self.schema = learned(loaded.tokenizer.conditioning, loaded.name).attributes
        for rater in (self.predictor, self.judge):
            comparable(self.schema, rater)
        self.goal = asking.goal_of(self.recipe, self.schema, {*rates(self.predictor)} & {*rates(self.judge)})
        room = loaded.context_length - self.recipe.answer_tokens
        everything = {one.name: one.maximum for one in self.schema.attributes}  # the longest that can be asked
        for name in ("prompts", "looks"):
            found = getattr(self, name)
            fitting = [one for one in found if len(loaded.tokenizer.prompt(one, everything)) <= room]
            if len(fitting) < len(found):
                lost = counted(len(found) - len(fitting), "prompt leaves", "prompts leave")
                self._note(f"{lost} no room for an answer: left out")
            setattr(self, name, fitting)
        if not self.prompts:
            raise UserError("there is no prompt to draw answers for: a turn of the user before an answer")
        if len(self.looks) < 2:
            raise UserError(
                f"there {'is 1 held-out prompt' if self.looks else 'are 0 held-out prompts'}, and at least two are "
                "needed to tell a gain from chance: give --held-out FILE, or a larger --share"
            )
        if self.judge is self.predictor:
            self._note(
                f"{self.judge.name} measures what it has chosen itself: a gain may be no more than its own errors "
                "found out; --judge names another one"
            )

    def _plan(self, loaded: Loaded) -> None:
        """Say in the folder what is done there. Raises `ConfigError` where that is something else already."""
        from midcourse.learn.run.record import fingerprint

        plan.hold(
            self.output,
            self.recipe,
            "rounds",
            predictor=self.predictor.name,
            predictor_weights=source(self.predictor),
            judge=self.judge.name,
            judge_weights=source(self.judge),
            rows=digest([plain.dump(row) for row in self.rows]),
            held_out_prompts=digest(self.looks),
            weights=fingerprint(loaded.model),
            tokenizer=loaded.tokenizer.fingerprint,
        )

    # ---- rounds ----------------------------------------------------------------------------------------------------

    def _kept(self, number: int) -> dict[str, Any] | None:
        """The round `number`, if it is done."""
        path = self._place(number) / ROUND
        return plan.read(path) if path.is_file() else None

    def _first(self, loaded: Loaded) -> dict[str, Any]:
        found = {"round": 0, "held_out": self._look(loaded, 0), "taken": True}
        self._note(sentence(found))
        plan.write(self._place(0) / ROUND, found)
        return found

    def _round(self, number: int, adapter: str | None, best: Mapping[str, Any]) -> dict[str, Any]:
        place = self._place(number)
        loaded = self.load(adapter)
        rated = self._drawn(loaded, number)
        chosen, left = choosing.choose(rated, self.recipe)
        if not chosen:
            raise UserError(
                f"round {number}: none of {counted(len(rated), 'answer')} can be trained on ({left.unended} had not "
                f"ended after {self.recipe.answer_tokens} tokens, {left.empty} empty, {left.unrated} not rated)"
            )
        material = self._material(chosen, number)
        if not (place / TRAINED).is_file():
            recipe = self.recipe.conditioned.model_copy(
                update={"data": str(place / ROWS), "held_out": None, "share": 0.0, "adapter": adapter}
            )
            train(loaded, material, self.schema, recipe, place / "adapter", self.progress, resume=True, stop=self.stop)
            plan.write(place / TRAINED, {"rows": len(material)})
        del loaded
        held = self._look(self.load(str(place / "adapter")), number)
        found = gain.gain(best["held_out"]["scores"], held["scores"])
        value = {
            "round": number,
            "drawn": len(rated),
            "drawn_score": fmean(one.score for one in rated if one.score is not None),
            "chosen": len(chosen),
            "chosen_score": fmean(one.score for one, _ in chosen if one.score is not None),
            "left_out": {
                "unended": left.unended,
                "empty": left.empty,
                "repeated": left.repeated,
                "unrated": left.unrated,
            },
            "replayed": len(material) - len(chosen),
            "held_out": held,
            "gain": {"mean": found.mean, "error": found.error, "prompts": found.prompts},
            "taken": found.real(self.recipe.least),
        }
        self._note(sentence(value))
        plan.write(place / ROUND, value)
        return value

    def _drawn(self, loaded: Loaded, number: int) -> list[choosing.Rated]:
        """Answers to the prompts, rated."""
        asked = asking.requests(self.prompts, self.goal, self.schema, self.recipe, number)
        samples = self._draw(
            loaded, asked, self._place(number) / "drawn.jsonl", 1, self.recipe.seed + number, "drawing"
        )
        found = rate(self.predictor, asked, samples, self._place(number) / "rated.jsonl", self._report("rating"))
        return [
            choosing.Rated(request, sample, one, choosing.score(one.values, self.goal, self.schema))
            for request, sample, one in zip(asked, samples, found, strict=True)
        ]

    def _material(self, chosen: Sequence[tuple[choosing.Rated, float]], number: int) -> list[Row]:
        """What the round trains on, from its file: what was chosen, and what was given."""
        path = self._place(number) / ROWS
        if not path.is_file():
            given = choosing.replayed(self.rows, self.recipe.replay)
            drawn = choosing.rows(chosen, self.schema, self.predictor.name, number, given)
            with writing(path) as file:
                for row in [*drawn, *given]:
                    file.write(json.dumps(plain.dump(row), ensure_ascii=False) + "\n")
        return read_rows(path, self.schema, Reading(format="plain", only=True, unanswered=True))

    def _look(self, loaded: Loaded, number: int) -> dict[str, Any]:
        """How near the model comes to the goal on held-out prompts. Every round draws with the same random numbers."""
        asked = [Request(messages, self.goal) for messages in self.looks]
        count = self.recipe.measured
        samples = self._draw(
            loaded, asked, self._place(number) / "looked.jsonl", count, self.recipe.seed, "held-out prompts"
        )
        found = rate(self.judge, asked, samples, self._place(number) / "judged.jsonl", self._report("judging"))
        each = [choosing.score(one.values, self.goal, self.schema) for one in found]
        scores = [
            fmean(known) if (known := [one for one in each[first : first + count] if one is not None]) else None
            for first in range(0, len(each), count)
        ]
        known = [one for one in scores if one is not None]
        if len(known) < 2:
            raise UserError(
                f"{self.judge.name} has rated answers to {counted(len(known), 'held-out prompt')}, and two are needed"
            )
        return {
            "score": fmean(known),
            "error": gain.error(known),
            "prompts": len(known),
            "scores": scores,
            "means": {
                name: fmean(values)
                for name in self.schema.names
                if (values := [one.values[name] for one in found if name in one.values])
            },
            "tokens": fmean(len(one.ids) for one in samples),
            "unended": sum(not one.ended for one in samples),
        }

    def _draw(
        self, loaded: Loaded, asked: Sequence[Request], path: Path, count: int, seed: int, what: str
    ) -> list[Sample]:
        from midcourse.engine.hf import TransformersEngine
        from midcourse.learn.run.record import fingerprint

        recipe = self.recipe
        return draw(
            TransformersEngine(loaded),
            asked,
            path,
            count=count,
            sampling=Sampling(temperature=recipe.temperature, top_p=recipe.top_p, guidance=recipe.guidance, seed=seed),
            max_tokens=recipe.answer_tokens,
            source=fingerprint(loaded.model),
            report=self._report(what),
        )

    def _place(self, number: int) -> Path:
        found = self.output / f"round-{number}"
        found.mkdir(exist_ok=True)
        return found

    def _note(self, note: str) -> None:
        self.progress(Progress("note", note=note))

    def _report(self, what: str) -> Callable[[int, int], None]:
        return lambda step, steps: self.progress(Progress(what, step=step, steps=steps))


def _copy(adapter: Path, output: Path) -> None:
    """The files of `adapter` to `output`; the configuration last: with it the folder becomes an adapter."""
    for file in sorted(adapter.iterdir(), key=lambda file: file.name.endswith("config.json")):
        if file.is_file():
            shutil.copy2(file, output / file.name)
