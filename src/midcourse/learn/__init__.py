"""Learning from steers: what is supervised, how it is packed, what the losses are, and the training loop.

items.py       traces → what of them is supervised
layout.py      supervised tokens and their contexts → one sequence without repetition
packing.py     which traces make an optimizer step, and which packs make a step
attention.py   each token sees its own path only
network.py     a model's hidden states and log-probabilities over a layout
rows.py        the same, one sequence at a time: the yardstick, and the fallback
objectives.py  the losses
expression.py  "dpo + 0.5*sft" → terms
reference.py   what the model thought before
check.py       packed = rows, checked on the user's own data
trainer.py     the loop
score.py       log-probabilities of steers
"""
