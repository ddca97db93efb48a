"""Drift: how far the adapted model is from the base where nobody asked it to move.

Two kinds of text: unrelated prompts (unrelated.json) with the base model's own greedy continuations, and the tokens
of held-out answers that were let stand. On each measured token: KL(base‖adapted) over the whole vocabulary in nats,
whether both models have the same first choice, and the token's own log-probability, whose mean gives the perplexity.

Shapes: P measured places of a group of texts, V tokens of the vocabulary. Texts of similar length share a pass, so
many that memory stays flat: at most `PLACES` × V log-probabilities of each model.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from importlib import resources
from typing import TYPE_CHECKING, NamedTuple

import torch

from midcourse.engine.choice import Sampling
from midcourse.measure.result import Moved
from midcourse.steerers import BatchWriter
from midcourse.trace.tree import Trace

if TYPE_CHECKING:
    from midcourse.models.loaded import Loaded

PLACES = 256  # of one text or group; of a longer text, this many, evenly spread
TOKENS = 1024  # of one group, padding counted


class Text(NamedTuple):
    """Ids as the model sees them, and which of them are measured (each is predicted from those before it)."""

    ids: list[int]
    places: list[int]


def prompts(at_most: int) -> list[str]:
    """The unrelated prompts that come with Midcourse."""
    text = resources.files("midcourse.measure").joinpath("unrelated.json").read_text(encoding="utf-8")
    found: list[str] = json.loads(text)
    return found[:at_most]


def unrelated(engine: BatchWriter, at_most: int, length: int) -> list[Text]:
    """The prompts with what the model as it is now (the base) writes after each: `length` tokens, greedily."""
    contexts = [engine.tokenizer.prompt([{"role": "user", "content": prompt}]) for prompt in prompts(at_most)]
    made = engine.batch(contexts, Sampling(), max_tokens=length) if contexts else []
    return [
        _text(context, range(len(context), len(context) + len(written.ids)), written.ids)
        for context, written in zip(contexts, made, strict=True)
    ]


def on_track(traces: Sequence[Trace]) -> list[Text]:
    """The final answers of `traces`; measured are the tokens that no person typed."""
    texts = []
    for trace in traces:
        trunk = list(trace.trunk())
        stand = [len(trace.prompt) + depth for depth, (_, source) in enumerate(trunk) if source in ("model", "import")]
        texts.append(_text(trace.prompt, stand, [token for token, _ in trunk]))
    return [text for text in texts if text.places]


def _text(context: Sequence[int], places: Sequence[int], answer: Sequence[int]) -> Text:
    kept = [place for place in places if place > 0]
    if len(kept) > PLACES:
        kept = [kept[round(step * (len(kept) - 1) / (PLACES - 1))] for step in range(PLACES)]
    return Text([*context, *answer], kept)


def moved(
    loaded: Loaded,
    texts: Sequence[Text],
    progress: Callable[[int], object] | None = None,
    *,
    base: Sequence[torch.Tensor] | None = None,
) -> Moved | None:
    """Compare base and adapted model on `texts`; without an adapter only the perplexity. None without texts.

    `base`, parallel to `texts`, is what `logprobs` gave for them without an adapter, if that is already known.
    """
    divergences: list[float] = []
    agree = done = 0
    before = after = 0.0
    with loaded.owner("measuring drift"):
        for group in _groups(texts):
            some = [texts[number] for number in group]
            own = [text.ids[place] for text in some for place in text.places]
            own_P1 = torch.tensor(own, device=loaded.device)[:, None]
            base_PV = torch.cat([base[number] for number in group]) if base is not None else _base(loaded, some)
            before += _sum(base_PV.gather(1, own_P1))
            if loaded.has_adapter:
                now_PV = _together(loaded, some)
                after += _sum(now_PV.gather(1, own_P1))
                kl_P = (base_PV.exp() * (base_PV - now_PV)).nan_to_num(0.0).sum(-1).clamp_min(0.0)
                divergences += kl_P.tolist()
                agree += int((base_PV.argmax(-1) == now_PV.argmax(-1)).sum())
            done += len(group)
            if progress is not None:
                progress(done)
    count = sum(len(text.places) for text in texts)
    if not count:
        return None
    found = Moved(texts=len(texts), tokens=count, perplexity_before=math.exp(-before / count))
    if divergences:
        found.kl = math.fsum(divergences) / count
        found.kl_p95 = sorted(divergences)[math.ceil(0.95 * count) - 1]
        found.top1_agreement = agree / count
        found.perplexity_after = math.exp(-after / count)
    return found


def _sum(value_P1: torch.Tensor) -> float:
    return float(value_P1.cpu().double().sum())  # not every device has float64


def _base(loaded: Loaded, texts: Sequence[Text]) -> torch.Tensor:
    with loaded.without_adapter():
        return _together(loaded, texts)


def logprobs(loaded: Loaded, texts: Sequence[Text]) -> list[torch.Tensor]:
    """Of each text, the log-probabilities (P, V) in float32 at its measured places."""
    found: dict[int, torch.Tensor] = {}
    for group in _groups(texts):
        parts = torch.split(_together(loaded, [texts[n] for n in group]), [len(texts[n].places) for n in group])
        found.update(zip(group, parts, strict=True))
    return [found[number] for number in range(len(texts))]


def _groups(texts: Sequence[Text]) -> Iterator[list[int]]:
    """The numbers of the texts that share a pass, short texts first; one at least, else within both bounds."""
    group: list[int] = []
    places = 0
    for number in sorted(range(len(texts)), key=lambda number: len(texts[number].ids)):
        more, width = len(texts[number].places), len(texts[number].ids)
        if group and (places + more > PLACES or (len(group) + 1) * width > TOKENS):
            yield group
            group, places = [], 0
        group.append(number)
        places += more
    if group:
        yield group


@torch.inference_mode()
def _together(loaded: Loaded, texts: Sequence[Text]) -> torch.Tensor:
    """Log-probabilities (P, V) in float32 at the measured places of all texts, text by text.

    The texts are padded at their ends, which no measured place sees. Only measured places go through the LM head.
    """
    width = max(text.places[-1] for text in texts)
    padded = [[*text.ids[: text.places[-1]], *[0] * (width - text.places[-1])] for text in texts]
    rows_P = torch.tensor([row for row, text in enumerate(texts) for _ in text.places], device=loaded.device)
    columns_P = torch.tensor([place - 1 for text in texts for place in text.places], device=loaded.device)

    def measured(_: torch.nn.Module, given: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
        return (given[0][rows_P, columns_P][None],)

    hook = loaded.model.get_output_embeddings().register_forward_pre_hook(measured)
    try:
        logits_1PV: torch.Tensor = loaded.model(
            input_ids=torch.tensor(padded, device=loaded.device), use_cache=False
        ).logits
    finally:
        hook.remove()
    return logits_1PV[0].float().log_softmax(-1)
