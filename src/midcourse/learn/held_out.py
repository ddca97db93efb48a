"""How a run does on held-out steers while it trains, and which of its states was the best.

The loss is the objective's, per steer, as in training. Margin (log π(c|x) − log π(r|x) in nats, mean over pairs) and
accuracy (the share of pairs with a margin above 0) are the model's own, without a reference, as `measure` has them.

Invariant: everything follows from `history`, so a resumed run that has it goes on as if it had not been stopped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from midcourse.errors import UserError
from midcourse.learn import evidence, expression, packing, supervision
from midcourse.learn.batch import batch
from midcourse.learn.cluster import sharding
from midcourse.learn.cluster.processes import ALONE, Processes, divide
from midcourse.learn.compute.network import Network
from midcourse.learn.items import Example
from midcourse.learn.layout import Layout
from midcourse.learn.objectives import Evidence
from midcourse.learn.reference import Reference
from midcourse.learn.settings import TrainSettings
from midcourse.learn.tally import Tally

SMALLER_IS_BETTER = {"loss"}


class HeldOut:
    """Held-out examples and what each evaluation of them came to, the first one before training."""

    def __init__(
        self,
        network: Network,
        found: Sequence[Example],
        settings: TrainSettings,
        reference: Reference | None,
        everyone: Processes = ALONE,
    ) -> None:
        self.network, self.examples, self.settings, self.reference = network, found, settings, reference
        self.everyone = everyone
        self.packs = packing.packs(found, settings.max_tokens, by_rows=network.way == "rows")
        trained = expression.sides(settings.terms)
        total = sum(evidence.weight(s for s in example.segments if s.side in trained) for example in found)
        self.weight = total or sum({example.number: example.trace.weight for example in found}.values())
        self.history: list[dict[str, Any]] = []
        self.stopped_early = False

    @torch.no_grad()
    def evaluate(self, step: int, epoch: float, report: Callable[[int, int], None]) -> dict[str, Any]:
        """Look at the model as it is now; what it came to is the last of `history`."""
        started = time.perf_counter()
        mine, margins = Tally(), list[float]()
        self.network.model.eval()
        shares = divide([len(pack) for pack in self.packs], self.everyone.count)
        share = shares[self.everyone.rank]
        longest = max(map(len, shares)) if sharding.is_divided(self.network.model) else len(share)
        for number in range(longest):
            layout = self.packs[share[number]] if number < len(share) else self.packs[0]  # the others need our weights
            found, loss = sharding.inside(self.network.model, partial(self._look, layout))
            if number < len(share):
                mine.add(found, loss.item())
                pairs = found.pairs
                margin_P = found.chosen.logp_R()[pairs.chosen_P] - found.rejected.logp_R()[pairs.rejected_P]
                margins += margin_P.tolist()
            report(number + 1, longest)
        tally = Tally(steps=1)
        margin_P = torch.zeros(0, dtype=torch.float64)
        for other, theirs in self.everyone.gather((mine, margins)):
            tally.add_up(other)
            margin_P = torch.cat([margin_P, torch.tensor(theirs, dtype=torch.float64)])
        means = tally.means(compared=self.reference is not None)
        if len(margin_P):
            means |= {"margin": margin_P.mean().item(), "accuracy": (margin_P > 0).double().mean().item()}
        found_now = {"step": step, "epoch": epoch, "seconds": time.perf_counter() - started, **means}
        if found_now[self.settings.metric] is None:
            raise UserError(
                f"metric: the held-out steers have no {self.settings.metric} "
                "(a steer needs a correction, and for margins something rejected as well)"
            )
        self.history.append(found_now)
        return found_now

    def _look(self, layout: Layout) -> tuple[Evidence, Tensor]:
        made = batch(layout, self.network.device)
        with self.network.attending():
            found = evidence.gather(self.network, made, self.network(made), self.reference, self.settings.terms)
            return found, evidence.total(found, self.settings.terms, self.settings.constants) / self.weight

    @property
    def best(self) -> dict[str, Any] | None:
        """The best evaluation since training began, the earliest of equals; None before the first."""
        sign = -1 if self.settings.metric in SMALLER_IS_BETTER else 1
        return max(self.history[1:], key=lambda one: sign * float(one[self.settings.metric]), default=None)

    @property
    def improved(self) -> bool:
        """Whether the last evaluation is the best."""
        return self.best is self.history[-1]

    @property
    def exhausted(self) -> bool:
        """Whether so many evaluations as `patience` says brought nothing better."""
        best, patience = self.best, self.settings.patience
        return bool(patience and best) and len(self.history) - 1 - self.history.index(best or {}) >= patience

    def sentence(self) -> str:
        """The last evaluation in words."""
        last = self.history[-1]
        when = f"step {last['step']}" if last["step"] else "before training"
        per = self.settings.per
        loss = f"{-last['chosen_logp_per_token']:.3f} a token" if per else f"{last['loss']:.3f}"
        parts = [f"held out, {when}: loss {loss}"]
        if last["margin"] is not None:
            parts += [f"margin {last['margin']:+.2f}", f"accuracy {last['accuracy']:.0%}"]
        return " · ".join(parts) + (" · best" if self.improved and len(self.history) > 2 else "")

    def metrics(self) -> dict[str, Any]:
        """What `metrics.json` says of it."""
        return {
            "traces": len({example.number for example in self.examples}),
            "steers": supervision.steers(self.examples),
            "tokens": sum(map(len, self.packs)),
            "metric": self.settings.metric,
            "evaluations": self.history,
            "best": self.best,
            "stopped_early": self.stopped_early,
        }
