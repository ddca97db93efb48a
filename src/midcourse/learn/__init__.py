"""Learning from steers: what is supervised, how it is packed, what the losses are, and the training loop.

items.py        traces → what of them is supervised
changes.py      which tokens a correction changed
split.py        which traces are held out
supervision.py  what of the traces a run trains on
layout.py       supervised tokens and their contexts → one sequence without repetition
batch.py        the same as tensors, with who sees whom
cutting.py      large examples in pieces with the same gradient
long.py         steers that do not fit with their context
packing.py      which traces make an optimizer step, and which packs make a step
steps.py        an epoch's optimizer steps
compute/        the model over a layout: log-probabilities and hidden states
check.py        packed = rows, checked on the user's own data
reference.py    what the model thought before
objectives/     the losses, by name
expression.py   "dpo + 0.5*sft" → terms
evidence.py     log-probabilities → what losses take
tally.py        evidence → what people watch
guards/         bad steers, falling corrections, numbers that are not finite
settings.py     everything that can be set
weights.py      the weights that a run trains
trainer.py      the loop
held_out.py     how a run does on what is held out, and when it was best
cluster/        more than one process
run/            recipe, record, checkpoints, trackers, progress
training.py     `train`: from traces to an adapter in a folder
score.py        log-probabilities of steers
words.py        numbers and lists as messages say them
"""
