"""Where to look in an answer: what a predictor that reads it token by token says, and how unlikely its tokens were.

Invariants: one answer is read at a time, in a thread of whoever asks, never at the desk; who asked for a version that
is not there any more gets no answer. What was read is kept for as long as it may be asked for again.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from itertools import accumulate

from midcourse.attributes.predictors.predictor import Dense, DensePredictor
from midcourse.attributes.proposals import propose
from midcourse.errors import UserError
from midcourse.studio.errors import MissingError, StaleError
from midcourse.studio.live.trace import LiveTrace
from midcourse.studio.schemas.dials import PredictorView, Proposals, ProposalView, dials
from midcourse.studio.schemas.traces import TokenView
from midcourse.trace.text import Tokenizer, to_text

KEPT = 64  # answers
LEAST, SHARE = 3, 20  # so many places are proposed at least, and one for so many tokens


def load(spec: str) -> DensePredictor:
    """The predictor that `spec` names. Raises `UserError` unless it says something of every token."""
    from midcourse.attributes.predictors import load as predictors

    if spec.startswith(("generative:", "judge:")):
        raise UserError(
            f"{spec} rates whole answers, and the studio needs to know where in one an attribute falls; give a folder "
            "that `midcourse attributes fit` wrote"
        )
    found: DensePredictor = predictors.load(spec)  # type: ignore[assignment]  # a folder's predictor reads each token
    return found


class Proposer:
    """What one predictor proposes; without one there is nothing to ask."""

    def __init__(self, predictor: DensePredictor | None, tokenizer: Tokenizer) -> None:
        self._predictor = predictor
        self._tok = tokenizer
        self._reading = threading.Lock()
        self._kept: OrderedDict[tuple[str, tuple[int, ...]], tuple[list[ProposalView], dict[str, float]]] = (
            OrderedDict()
        )

    def view(self) -> PredictorView | None:
        """The predictor, for the page."""
        if self._predictor is None:
            return None
        return PredictorView(name=self._predictor.name, attributes=dials(self._predictor.attributes))

    def of(self, trace: LiveTrace, version: int) -> Proposals:
        """Where to look in this version of the answer.

        Raises `MissingError` where there is no predictor, `StaleError` where there is another version by now.
        """
        if self._predictor is None:
            raise MissingError("no predictor is loaded; start the studio with --predictor")
        self._check(trace, version)
        with self._reading:
            self._check(trace, version)  # by now it may be another
            with trace.lock:
                tokens = list(trace.tokens.views)
                messages = list(trace.trace.messages)
            key = (trace.id, tuple(token.id for token in tokens))
            if key not in self._kept:
                text = to_text(self._tok, key[1])
                dense = None
                if text:
                    dense = self._predictor.dense([*messages, {"role": "assistant", "content": text}])
                self._kept[key] = self._found(dense, tokens)
                if len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            proposals, values = self._kept[key]
        return Proposals(version=version, proposals=proposals, values=values)

    def _check(self, trace: LiveTrace, version: int) -> None:
        with trace.lock:
            if version != trace.version:
                raise StaleError("the answer has changed meanwhile; look at it, and ask again")

    def _found(self, dense: Dense | None, tokens: Sequence[TokenView]) -> tuple[list[ProposalView], dict[str, float]]:
        """The best places, in the order of the answer; none up to the last steer: that was read and let stand."""
        if dense is None or not dense.ends:
            return [], {}
        ends = list(accumulate(len(self._tok.token_bytes(token.id)) for token in tokens))
        steered = [depth for depth, token in enumerate(tokens) if token.source != "model"]
        unread = steered[-1] + 1 if steered else 0
        surprise = [
            None if token.logprob is None or depth < unread else -token.logprob for depth, token in enumerate(tokens)
        ]
        assert self._predictor is not None
        most = max(LEAST, len(tokens) // SHARE)
        best = sorted(propose(dense, ends, surprise, self._predictor.attributes, at_most=most))
        values = {name: float(along[-1]) for name, along in dense.values.items()}
        return [ProposalView(depth=one.token, attribute=one.attribute or None, drop=one.drop) for one in best], values
