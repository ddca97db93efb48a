"""The losses: pure functions of log-probabilities.

table.py        all of them by name, with what each needs
runs.py         what a loss sees: runs of tokens by side, and pairs
constants.py    the numbers in the formulas
imitation.py    sft, accepted
preference.py   dpo and its relatives, against the reference
sequential.py   tdpo1, tdpo2
free.py         simpo, orpo: without a reference
marks.py        unlikelihood
holding.py      anchor
posterior.py    steerlm2: several samples against the weights that they should have
emphasis.py     how much more changed tokens count
"""

from __future__ import annotations

from midcourse.learn.objectives.constants import Constants
from midcourse.learn.objectives.runs import Evidence, Lengths, Pairs, Runs
from midcourse.learn.objectives.table import OBJECTIVES, Objective

__all__ = ["OBJECTIVES", "Constants", "Evidence", "Lengths", "Objective", "Pairs", "Runs"]
