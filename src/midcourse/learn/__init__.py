"""Learning from steers: what is supervised, how it is packed, what the losses are, and the training loop.

items.py        traces → what of them is supervised
layout.py       supervised tokens and their contexts → one sequence without repetition
batch.py        the same as tensors, with who sees whom
cutting.py      large examples in pieces with the same gradient
long.py         steers that do not fit with their context
packing.py      which traces make an optimizer step, and which packs make a step
attention.py    each token sees its own path only
head.py         log-probabilities without logits
network.py      a model's hidden states and log-probabilities over a layout
rows.py         the same, one sequence at a time: the yardstick, and the fallback
objectives/     the losses, by name
expression.py   "dpo + 0.5*sft" → terms
evidence.py     log-probabilities → what losses take and people watch
reference.py    what the model thought before
check.py        packed = rows, checked on the user's own data
precision.py    float32 or bfloat16
settings.py     everything that can be set
recipe.py       all that a run takes, as one YAML file
supervision.py  what of the traces a run trains on
contradictions.py  steers that contradict each other
ches.py         how alike the model finds both sides of a steer
similar.py      pairs that are nearly identical
changes.py      which tokens a correction changed
split.py        which traces are held out
held_out.py     how a run does on them, and when it was best
weights.py      the weights that it trains
steps.py        an epoch's optimizer steps
trainer.py      the loop
follow.py       what happens around its steps
displacement.py corrections that training makes less likely
nonfinite.py    whose number is not finite, and what is left
trackers.py     TensorBoard, Weights & Biases, trackio and others
arguments.py    settings in transformers' words
stop.py         a wish to end early
checkpoints.py  what a killed run goes on from
start.py        what a run says before its first step
record.py       run.yaml: what repeats a run
metrics.py      what metrics.json says
training.py     `train`: from traces to an adapter in a folder
progress.py     what a run says of itself
score.py        log-probabilities of steers
"""
