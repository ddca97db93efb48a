"""The demonstration of attributes from beginning to end: two judges, dials, and what the dials do.

Its stages, each in a folder of the output and each done once (`stages.py`):

1. rows: short ones, in three parts by prompt (`data.py`)
2. teacher: a predictor fitted on the rated part, which gives labels from now on
3. examiner: another one fitted on the held-out part, at another depth of the backbone, which gives none
4. annotate: the teacher rates the part whose ratings are hidden, and beginnings of answers
5. dials: conditioned fine-tuning on all of these
6. measured: requested against obtained on held-out prompts, judged by the examiner, with and without guidance
7. bootstrap: answers at the best attributes, rated by the teacher, train the dials on
8. refine: one iteration of SteerLM 2.0 after that
9. after: the one dial once more, with the adapter of 8

Every number comes from these models' own output.
"""

from __future__ import annotations

import gc
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from midcourse import models
from midcourse.atomic import writing
from midcourse.attributes.data import rows as read
from midcourse.attributes.data.settings import Predicted, Reading
from midcourse.attributes.predictors.predictor import Predictor
from midcourse.attributes.rows import Row
from midcourse.attributes.schema import Schema
from midcourse.attributes.steerability.result import FILE
from midcourse.attributes.steerability.settings import SteerabilitySettings
from midcourse.demo.attributes import data
from midcourse.demo.attributes.settings import AttributesDemoSettings
from midcourse.demo.attributes.stages import Json, Stages
from midcourse.errors import UserError
from midcourse.learn.run.progress import Progress
from midcourse.models.adapters import ALL_LINEAR
from midcourse.models.loaded import Loaded

Say = Callable[[str, int, int], None]  # what is being done, how much of it, how much there is
RESULT = "demo.json"


def run(
    output: Path,
    files: Sequence[Path],
    schema: Schema,
    settings: AttributesDemoSettings,
    *,
    model: str = "bundled",
    say: Say = lambda *_: None,
    tell: Callable[[str], object] = lambda _: None,
) -> Json:
    """Run the demonstration on `files` of rated answers, as far as it is not done in `output`; what is in `demo.json`.

    `say` hears how far a stage is, `tell` gets a sentence after each. Raises what its parts raise, and `ConfigError`
    where `output` holds another run.
    """
    return _Demo(output, files, schema, settings, model, say, tell)()


class _Demo:
    def __init__(
        self,
        output: Path,
        files: Sequence[Path],
        schema: Schema,
        settings: AttributesDemoSettings,
        model: str,
        say: Say,
        tell: Callable[[str], object],
    ) -> None:
        self.output, self.schema, self.settings, self.model = output, schema, settings, model
        self.say, self.tell = say, tell
        self.rows = read(list(files), schema, Reading(only=True))
        names = [path.name for path in files]
        about = {"data": names, "rows": len(self.rows), "model": model, "settings": settings.model_dump(mode="json")}
        self.stages = Stages(output, about)

    def __call__(self) -> Json:
        settings = self.settings
        work = {
            "rows": self._rows,
            "teacher": self._teacher,
            "examiner": self._examiner,
            "annotate": self._annotate,
            "dials": self._dials,
            "measured": self._measured,
            **({"bootstrap": self._bootstrap} if settings.bootstrap_prompts else {}),
            **({"refine": self._refine, "after": self._after} if settings.refine_prompts else {}),
        }
        told: Json = {}
        for name, one in work.items():
            told[name] = self.stages(name, one)
            gc.collect()  # a model that nobody needs any more
            self.tell(f"{name}: {told[name]['says']} ({self.stages.seconds[name]:.0f} s)")
        result = {
            **told,
            "seconds": self.stages.seconds,
            "settings": settings.model_dump(mode="json"),
        }
        with writing(self.output / RESULT) as file:
            file.write(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
        return result

    # ---- rows and judges -------------------------------------------------------------------------------------------

    def _rows(self) -> Json:
        tok = models.load_tokenizer(self.model)
        parts = data.parts(self.rows, tok, self.settings)
        data.write(self.output / "rated.jsonl", parts.rated)
        data.write(self.output / "hidden.jsonl", parts.hidden)
        data.write(self.output / "unrated.jsonl", data.unrated(parts.hidden))
        data.write(self.output / "beginnings.jsonl", data.beginnings([*parts.rated, *parts.hidden]))
        data.write(self.output / "held-out.jsonl", parts.held_out)
        counts = {name: len(getattr(parts, name)) for name in ("rated", "hidden", "held_out")}
        prompts = {name: len({row.group for row in getattr(parts, name)}) for name in counts}
        return {
            "counts": counts,
            "prompts": prompts,
            "shortened": parts.shortened,
            "long": parts.long,
            "says": (
                f"{counts['rated']} rated, {counts['hidden']} with hidden ratings, {counts['held_out']} held out; "
                f"{parts.shortened} prompts shortened to {self.settings.max_prompt} tokens, {parts.long} answers of "
                f"more than {self.settings.max_answer} left out"
            ),
        }

    def _teacher(self) -> Json:
        return self._fit(
            "teacher", self._part("rated"), self._part("held-out"), seed=1, depth=self.settings.teacher_depth
        )

    def _examiner(self) -> Json:
        return self._fit(
            "examiner", self._part("held-out"), self._part("rated"), seed=2, depth=self.settings.examiner_depth
        )

    def _fit(self, name: str, rows: Sequence[Row], held_out: Sequence[Row], *, seed: int, depth: int) -> Json:
        from midcourse.attributes.predictors.fit.report import report
        from midcourse.attributes.predictors.fit.run import fit
        from midcourse.attributes.predictors.fit.settings import FitSettings
        from midcourse.measure.page import write

        fitting = FitSettings(
            epochs=0,
            depth=depth,
            hold_out=0.0,
            max_tokens=self.settings.max_prompt + self.settings.max_answer + 64,
            seed=self.settings.seed + seed,
            dtype="float32",
        )
        done = fit(
            models.load(self.model, dtype="float32"),
            rows,
            self.schema,
            fitting,
            self.output / name,
            lambda what, step, steps: self.say(f"{name}: {what}", step, steps),
            held_out=held_out,
            name=name,
            resume=True,
        )
        write(report(done.metrics), self.output / name / "report.html")
        found = done.metrics["attributes"]
        dial = found[self.settings.dial]
        better = sum(one["mae"] < one["baselines"]["mean"]["mae"] for one in found.values())
        return {
            "attributes": found,
            "says": (
                f"{self.settings.dial}: rank correlation {dial['spearman']:.2f}, by the length alone "
                f"{dial['baselines']['length']['spearman']:.2f}; better than the mean in {better} of {len(found)} "
                f"attributes, on {dial['count']} answers to other prompts"
            ),
        }

    def _annotate(self) -> Json:
        from midcourse.attributes.annotate.run import annotate

        teacher = self._judge("teacher")
        for part in ("unrated", "rated", "beginnings"):
            out = self.output / f"{part}-annotated.jsonl"
            count = len(self._part(part))
            annotate(
                teacher, [self.output / f"{part}.jsonl"], out, count,
                report=lambda what, done, total, part=part: self.say(f"{part}: {what}", done, total),  # type: ignore[misc]
            )  # fmt: skip
        said = {row.id: row.last.ratings for row in self._part("unrated-annotated")}
        errors: dict[str, list[float]] = {}
        for row in self._part("hidden"):
            for name, one in row.last.ratings.items():
                errors.setdefault(name, []).append(abs(said[row.id][name].value - one.value))
        mae = {name: sum(values) / len(values) for name, values in errors.items()}
        return {
            "mae": mae,
            "says": "misses the hidden ratings by " + ", ".join(f"{name} {value:.2f}" for name, value in mae.items()),
        }

    # ---- dials -----------------------------------------------------------------------------------------------------

    def _dials(self) -> Json:
        from midcourse.attributes.train.recipe import ConditionedRecipe
        from midcourse.attributes.train.run import train

        settings = self.settings
        parts = ("rated", "unrated", "beginnings")
        said = [row for part in parts for row in self._part(f"{part}-annotated", "replace")]
        rows = data.levelled(said, self.schema, settings.dial)
        steps = data.ladders(rows, self.schema, settings.dial, settings.ladders, settings.seed)
        whole = [row for part in parts[:2] for row in self._part(f"{part}-annotated")]
        chosen = [
            *data.alike(steps, whole, settings.beside, settings.seed),
            *data.others(rows, whole, steps, settings.whole, settings.seed),
        ]
        loaded = models.load(self.model, dtype="float32")
        recipe = ConditionedRecipe(
            lora_targets=upper(loaded, settings.upper),
            epochs=settings.epochs,
            learning_rate=settings.learning_rate,
            batch=settings.batch,
            way=settings.way,
            drop_each=settings.drop_each,
            jitter=settings.jitter,
            ending=settings.ending,
            max_length=settings.max_prompt + settings.max_answer + 128,
            seed=settings.seed,
            checkpoint_every=10,
            keep_checkpoints=1,
        )
        done = train(
            loaded,
            chosen,
            self.schema,
            recipe,
            self.output / "dials",
            self._training("dials"),
            resume=True,
        )
        metrics = done.metrics
        return {
            "rows": len(chosen),
            "tokens": metrics["tokens"],
            "epochs": metrics["epochs"],
            "says": f"{len(chosen)} answers, {metrics['tokens']} tokens, {settings.epochs} epochs",
        }

    def _measured(self) -> Json:
        settings = self.settings
        asked = SteerabilitySettings(
            closely=[settings.dial],
            levels=3,
            beside=[settings.beside],
            guidance=[1.0, settings.guidance],
            **self._answers(),
        )
        return self._measure("measured", "dials", asked)

    def _after(self) -> Json:
        asked = SteerabilitySettings(attributes=[self.settings.dial], levels=3, **self._answers())
        return self._measure("after", "refine", asked)

    def _answers(self) -> dict[str, Any]:
        settings = self.settings
        return {"prompts": settings.prompts, "max_tokens": settings.max_tokens, "seed": settings.seed, "perplexity": 4}

    def _measure(self, name: str, adapter: str, asked: SteerabilitySettings) -> Json:
        from midcourse.attributes.steerability import report, words
        from midcourse.attributes.steerability.run import measure

        found = measure(
            self._load(str(self.output / adapter)), self._part("held-out"), self._judge("examiner"), asked,
            self.output / name, lambda what, step, steps: self.say(f"{name}: {what}", step, steps),
        )  # fmt: skip
        found.write(self.output / name / FILE)
        report.write(found, self.output / name / "report.html")
        return {"says": words.headline(found)}

    # ---- its own answers -------------------------------------------------------------------------------------------

    def _bootstrap(self) -> Json:
        from midcourse.attributes.bootstrap.recipe import BootstrapRecipe
        from midcourse.attributes.bootstrap.run import bootstrap, sentence

        settings = self.settings
        recipe = BootstrapRecipe(
            adapter=str(self.output / "dials"),
            rounds=1,
            prompts=settings.bootstrap_prompts,
            samples=settings.samples,
            measured=1,
            least=0.0,
            replay=0.0,
            answer_tokens=settings.max_tokens,
            learning_rate=settings.learning_rate / 5,
            batch=settings.batch,
            normalise="answer",
            max_length=settings.max_prompt + settings.max_tokens + 128,
            seed=settings.seed,
            checkpoint_every=10,
        )
        held = data.first_of_each(self._part("held-out"), settings.prompts, settings.seed)
        try:
            done = bootstrap(
                self._load, self._judge("teacher"), self._part("rated"), held, recipe, self.output / "bootstrap",
                self._training("bootstrap"), judge=self._judge("examiner"),
            )  # fmt: skip
        except UserError as error:  # nothing that it wrote can be trained on: that is a result, too
            return {"rounds": [], "best": 0, "says": str(error)}
        return {"rounds": done["rounds"], "best": done["best"], "says": sentence(done["rounds"][-1])}

    def _refine(self) -> Json:
        from midcourse.attributes.steerlm2.recipe import RefineRecipe
        from midcourse.attributes.steerlm2.refine import refine, sentence

        settings = self.settings
        best = self.stages.done.get("bootstrap", {}).get("result", {}).get("best", 0)
        recipe = RefineRecipe(
            adapter=str(self.output / ("bootstrap" if best else "dials")),
            prompts=settings.refine_prompts,
            samples=settings.samples,
            max_tokens_drawn=settings.max_tokens,
            epochs=1,
            seed=settings.seed,
        )
        done = refine(
            self._load, self._judge("teacher"), self._part("rated"), recipe, self.output / "refine",
            self._training("refine"),
        )  # fmt: skip
        return {"iterations": done["iterations"], "says": sentence(done["iterations"][-1])}

    # ---- pieces ----------------------------------------------------------------------------------------------------

    def _part(self, name: str, predicted: Predicted = "fill") -> list[Row]:
        return read(self.output / f"{name}.jsonl", self.schema, Reading(unanswered=True, predicted=predicted))

    def _judge(self, name: str) -> Predictor:
        from midcourse.attributes.predictors.load import load

        return load(str(self.output / name), dtype="float32")

    def _load(self, adapter: str | None) -> Loaded:
        return models.load(self.model, adapter=adapter, dtype="float32")

    def _training(self, name: str) -> Callable[[Progress], None]:
        def report(progress: Progress) -> None:
            if progress.steps and not progress.note:
                self.say(f"{name}: {progress.phase}", progress.step, progress.steps)

        return report


def upper(loaded: Loaded, share: float) -> list[str]:
    """The linear layers in the upper `share` of the model's blocks; all of them where blocks are not numbered."""
    blocks = [name for name, one in loaded.model.named_modules() if type(one).__name__ in ("Linear", "Conv1D")]
    found = [(int(match[1]), match[0]) for name in blocks if (match := re.search(r"\b[a-z]+\.(\d+)\..+", name))]
    count = max((number for number, _ in found), default=-1) + 1
    return [name for number, name in found if number >= count * (1 - share)] or [ALL_LINEAR]
