"""The commands of `midcourse attributes`, put together."""

from __future__ import annotations

from cyclopts import App

app = App(
    name="attributes",
    help="SteerLM: graded attributes of answers, from ratings to dials.",
    help_format="markdown",
    result_action="return_value",
)

# name, where it is (imported only when it is called), what it does: a line for the list, then what its own help adds
COMMANDS = (
    (
        "schema",
        "midcourse.cli.attributes.schema:schema",
        "Show a schema: its attributes, their scales and what both ends mean.",
        "A ready-made one (helpsteer, oasst, ultrafeedback) or a YAML file, checked.",
    ),
    (
        "convert",
        "midcourse.cli.attributes.convert:convert",
        "Bring rated conversations into one form, split them by prompt, and show what they hold.",
        "From HelpSteer, OpenAssistant, NeMo, UltraFeedback-like or plain files; without --out they are only checked.",
    ),
    (
        "annotate",
        "midcourse.cli.attributes.annotate:annotate",
        "Write files of answers again, each with what a predictor says of it.",
        "Rows stay as they were given, and in order; a run that was stopped goes on where it was, and `accelerate "
        "launch` shares it among processes.",
    ),
    (
        "train",
        "midcourse.cli.attributes.train:train",
        "Train a model on rated answers, so that it can be told which values its answers should have.",
        "Writes a PEFT adapter (or, with --full, the model), `attributes.json`, `metrics.json` and `run.yaml`.",
    ),
    (
        "fit",
        "midcourse.cli.attributes.fit:fit",
        "Learn to rate answers as people did.",
        "Writes a predictor to the output folder, with `metrics.json` and `report.html`: how good it is on prompts "
        "that it has not seen, beside what the mean and the length alone would say.",
    ),
    (
        "bootstrap",
        "midcourse.cli.attributes.bootstrap:bootstrap",
        "Draw answers at the best values, keep what a predictor finds good, train on it, and again while that gains.",
        "Writes an adapter. A run that was stopped or killed goes on where it was: give the same command again.",
    ),
    (
        "refine",
        "midcourse.cli.attributes.refine:refine",
        "Draw answers, weigh them by what they should be (SteerLM 2.0), train on the weights, and draw again.",
        "From an adapter of `train` and a predictor of `fit`. A run that was killed goes on with the same command.",
    ),
    (
        "generate",
        "midcourse.cli.attributes.generate:generate",
        "Write answers for which attributes are asked.",
        "Of one prompt or of a file of them, many at a time; with guidance stronger than the model learned it.",
    ),
    (
        "measure",
        "midcourse.cli.attributes.measure:measure",
        "Measure whether dials do what they say.",
        "Requested against obtained on held-out prompts, judged by a predictor that the model was not trained with; "
        "miscalibration, side effects, lengths and what is lost, with a report.",
    ),
    (
        "demo",
        "midcourse.cli.attributes.demo:demo",
        "Show SteerLM from beginning to end.",
        "On the bundled model: two judges, annotation, dials, bootstrapping, SteerLM 2.0, and what the dials do.",
    ),
)
for _name, _path, _line, _more in COMMANDS:
    app.command(_path, name=_name, help=f"{_line}\n\n{_more}")
