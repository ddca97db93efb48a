"""How well edits are found in before/after pairs: answers that were edited at random, so that every edit is known.

    python -m benchmarks.edits [--pairs N] [--model M] [--gap N] [--json]

Answers of the rated sample are edited in 1 to 12 places: words replaced by other words, phrases by phrases of other
answers, words taken out or put in, single letters, capitals, punctuation, the end cut off or gone on with. Where an
edit's steer begins follows from the edit alone: after the last token that the text before it (all earlier edits made)
and the text after it (all later ones not yet) have in common. `formats.answers` sees nothing but the two texts.

Precision: the share of the steers found that begin exactly there. Recall: the share of the edits at whose token a steer
begins. Edits are at least `spacing` words apart, for what is nearer is one steer by design.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import time
from collections.abc import Sequence
from typing import NamedTuple

from midcourse.attributes.data import rows
from midcourse.attributes.data.sample import sample
from midcourse.attributes.schema import Schema
from midcourse.exchange import reader
from midcourse.formats.align import changes
from midcourse.formats.answers import edited
from midcourse.formats.settings import Reading
from midcourse.trace.text import Tokenizer

KINDS = ("word", "phrase", "rewrite", "out", "in", "letter", "capital", "stop", "end")
SPACINGS = (4, 8, 16)  # words between two edits, at least
LONG = 10_000  # tokens


class Pair(NamedTuple):
    """Two versions of an answer, and where the edits are: the tokens of `corrected` before each."""

    original: str
    corrected: str
    starts: list[int]


class Found(NamedTuple):
    """What was found in many pairs."""

    edits: int
    steers: int
    hits: int
    tokens: int

    @property
    def precision(self) -> float:
        return self.hits / max(self.steers, 1)

    @property
    def recall(self) -> float:
        return self.hits / max(self.edits, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=600)
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--gap", type=int, default=Reading().gap)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    tok = reader(arguments.model)
    figures: dict[str, float] = {}
    for spacing in SPACINGS:
        began = time.perf_counter()
        made = pairs(tok, arguments.pairs, spacing, seed=spacing)
        making = time.perf_counter() - began
        began = time.perf_counter()
        found = measure(tok, made, arguments.gap)
        name = f"edits {spacing} words apart"
        figures[f"{name}, precision of steer starts"] = found.precision
        figures[f"{name}, recall of steer starts"] = found.recall
        figures[f"{name}, tokens of a steer"] = found.tokens / max(found.steers, 1)
        figures[f"{name}, steers a second"] = found.steers / (time.perf_counter() - began)
        print(f"{len(made)} pairs made in {making:.0f} s", file=sys.stderr)
    figures |= {f"10,000 tokens, {name}, s": seconds for name, seconds in speeds().items()}
    if arguments.json:
        json.dump(figures, sys.stdout, indent=2)
        return
    for name, figure in figures.items():
        print(f"{name:56} {figure:>10.3f}")


def measure(tok: Tokenizer, made: Sequence[Pair], gap: int) -> Found:
    """How the steers of `edited` agree with where the edits are."""
    edits = steers = hits = tokens = 0
    for pair in made:
        found, depth = [], 0
        for item in edited(tok, pair.original, pair.corrected, gap):
            if "chosen" in item:
                found.append(depth)
                tokens += len(item["chosen"]["ids"])
                depth += len(item["chosen"]["ids"])
            else:
                depth += len(item["ids"])
        edits += len(pair.starts)
        steers += len(found)
        hits += len(set(found) & set(pair.starts))
    return Found(edits, steers, hits, tokens)


def pairs(tok: Tokenizer, count: int, spacing: int, seed: int = 0) -> list[Pair]:
    """Answers, each edited in some places that are at least `spacing` words apart."""
    rng = random.Random(seed)
    texts = [row.last.content for row in rows(sample(), Schema.load("helpsteer")) if len(row.last.content) > 100]
    words = [re.findall(r"\s*\S+", text) for text in texts]
    return [_edit(tok, rng, rng.choice(words), words, spacing) for _ in range(count)]


def _edit(tok: Tokenizer, rng: random.Random, words: list[str], others: list[list[str]], spacing: int) -> Pair:
    """Edits from first to last; `before` is what stands corrected so far, `words[at:]` what follows in the original."""
    original, before, starts = "".join(words), "", []
    without: list[str] = []  # the text before each edit, those after it not made either
    at = rng.randrange(spacing + 1)
    taken = 0
    for _ in range(rng.randint(1, 12)):
        if at >= len(words):
            break
        before += "".join(words[taken:at])
        kind = rng.choice(KINDS)
        gone, come = _change(rng, kind, words[at:], others)
        if "".join(gone) == come or (kind == "end" and at + len(gone) < len(words)):
            taken = at
            continue
        without.append(before + "".join(words[at:]))
        before += come
        taken = at + len(gone)
        at = taken + spacing + int(rng.expovariate(1 / 20))
    corrected = before + "".join(words[taken:])
    if not corrected.strip():
        return _edit(tok, rng, words, others, spacing)
    final = tok.encode(corrected)
    for text in without:
        ids = tok.encode(text)
        parts = (place for place, (a, b) in enumerate(zip(ids, final, strict=False)) if a != b)
        starts.append(next(parts, min(len(ids), len(final))))
    return Pair(original, corrected, sorted(set(starts)))


def _change(rng: random.Random, kind: str, rest: list[str], others: list[list[str]]) -> tuple[list[str], str]:
    """The first words of `rest` that go, and what comes in their place."""

    def phrase(least: int, most: int) -> list[str]:
        other = rng.choice(others)
        start = rng.randrange(len(other))
        return other[start : start + rng.randint(least, most)]

    first = rest[0]
    letters = [place for place, letter in enumerate(first) if letter.isalpha()]
    if kind == "word":
        return rest[:1], phrase(1, 1)[0]
    if kind == "phrase":
        return rest[: rng.randint(1, 4)], "".join(phrase(1, 4))
    if kind == "rewrite":
        return rest[: rng.randint(5, 15)], "".join(phrase(5, 15))
    if kind == "out":
        return rest[: rng.randint(1, 8)], ""
    if kind == "in":
        return [], "".join(phrase(1, 8))
    if kind == "letter" and letters:
        place = rng.choice(letters)
        return rest[:1], first[:place] + rng.choice("abcdefghijklmnoprstuvwy") + first[place + 1 :]
    if kind == "capital" and letters:
        return rest[:1], first[: letters[0]] + first[letters[0] :].swapcase()
    if kind == "stop":
        return rest[:1], first.rstrip(".,;:!?") + rng.choice([".", ",", ";", ":", "!", " –", ""])
    if kind == "end" and len(rest) < 40:
        return (rest, "") if rng.random() < 0.5 else (rest, "".join(rest + phrase(4, 15)))
    return rest[:1], phrase(1, 1)[0]


def speeds() -> dict[str, float]:
    """Seconds to align two texts of 10,000 tokens each."""
    rng = random.Random(0)
    old = [rng.randrange(5000) for _ in range(LONG)]
    few, many = list(old), list(old)
    for place in rng.sample(range(LONG), 100):
        few[place] = rng.randrange(5000)
    for place in rng.sample(range(LONG), 3000):
        many[place] = rng.randrange(5000)
    seconds = {}
    others = {"100 edits": few, "3,000 edits": many, "nothing in common": [token + 5000 for token in old]}
    others |= {"moved by half": old[LONG // 2 :] + old[: LONG // 2], "another text": rng.choices(range(50), k=LONG)}
    for name, new in others.items():
        began = time.perf_counter()
        changes([token % 50 for token in old] if name == "another text" else old, new)
        seconds[name] = time.perf_counter() - began
    return seconds


if __name__ == "__main__":
    main()
