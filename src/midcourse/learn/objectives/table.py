"""All objectives by name: the loss, what it looks at, and what it needs.

A loss takes an `Evidence` and `Constants` and returns one number: the sum over steers, each times its weight. The
trainer divides by the steers' total weight, which it knows beforehand, so neither packing nor batch size nor
accumulation changes the result. A loss with a parameter `lengths` measures runs by the sum or the mean of their tokens;
its default is the paper's.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

from midcourse.learn.items import Side
from midcourse.learn.objectives.constants import Constants
from midcourse.learn.objectives.free import orpo, simpo
from midcourse.learn.objectives.holding import anchor
from midcourse.learn.objectives.imitation import accepted, sft
from midcourse.learn.objectives.marks import unlikelihood, unlikelihood_all
from midcourse.learn.objectives.posterior import steerlm2
from midcourse.learn.objectives.preference import bdpo, ddpo, dpo, dpop, hinge, ipo, listwise, robust
from midcourse.learn.objectives.runs import Evidence, Lengths
from midcourse.learn.objectives.sequential import tdpo1, tdpo2


class Objective(NamedTuple):
    """`reference`: needs π_ref's log-probabilities; `divergence`: needs KL(π_ref‖π) on these sides; `constants`:
    reads."""

    loss: Callable[..., Tensor]
    sides: frozenset[Side]
    reference: bool = False
    divergence: frozenset[Side] = frozenset()
    constants: frozenset[str] = frozenset()

    @property
    def lengths(self) -> Lengths | None:
        """How the paper measures a run; None where there is nothing to choose."""
        parameter = inspect.signature(self.loss).parameters.get("lengths")
        return parameter.default if parameter else None

    def __call__(self, evidence: Evidence, constants: Constants, lengths: Lengths | None = None) -> Tensor:
        """The loss, with runs measured by `lengths` instead of the paper's way."""
        return self.loss(evidence, constants, lengths) if lengths else self.loss(evidence, constants)


_PAIR: frozenset[Side] = frozenset({"chosen", "rejected"})
_KEPT: frozenset[Side] = frozenset({"accepted", "text"})
_SOFT = frozenset({"beta", "label_smoothing"})

OBJECTIVES: dict[str, Objective] = {
    "sft": Objective(sft, frozenset({"chosen"}), constants=frozenset({"sft_gamma"})),
    "accepted": Objective(accepted, frozenset({"accepted"})),
    "dpo": Objective(dpo, _PAIR, reference=True, constants=_SOFT),
    "robust": Objective(robust, _PAIR, reference=True, constants=_SOFT),
    "ipo": Objective(ipo, _PAIR, reference=True, constants=frozenset({"beta"})),
    "hinge": Objective(hinge, _PAIR, reference=True, constants=frozenset({"beta"})),
    "ddpo": Objective(ddpo, _PAIR, reference=True, constants=_SOFT | {"ddpo_gamma"}),
    "dpop": Objective(dpop, _PAIR, reference=True, constants=_SOFT | {"dpop_lambda"}),
    "bdpo": Objective(bdpo, _PAIR, reference=True, constants=_SOFT | {"bdpo_lambda"}),
    "listwise": Objective(listwise, _PAIR, reference=True, constants=frozenset({"beta"})),
    "tdpo1": Objective(tdpo1, _PAIR, reference=True, divergence=_PAIR, constants=_SOFT),
    "tdpo2": Objective(tdpo2, _PAIR, reference=True, divergence=_PAIR, constants=_SOFT | {"tdpo_alpha"}),
    "simpo": Objective(simpo, _PAIR, constants=frozenset({"simpo_beta", "simpo_gamma", "label_smoothing"})),
    "orpo": Objective(orpo, _PAIR),
    "unlikelihood": Objective(unlikelihood, frozenset({"marked"})),
    "unlikelihood_all": Objective(unlikelihood_all, frozenset({"marked", "rejected"})),
    "anchor": Objective(anchor, _KEPT, reference=True, divergence=_KEPT),
    "steerlm2": Objective(steerlm2, frozenset({"sample"})),
}
